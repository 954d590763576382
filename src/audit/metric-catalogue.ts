/** One metric as it is documented, collected and drawn. */
export interface MetricDefinition {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** A sentence, without its full stop. */
  readonly help: string
  /** Every value of a label is of a closed set, or bounded in number; none is of an owner, a repository or a person. */
  readonly labels: readonly string[]
  /** Of a histogram: seconds, ascending. */
  readonly buckets?: readonly number[]
  /** Of a gauge: how the workers of one process group become one number. */
  readonly aggregator?: 'min' | 'max' | 'sum' | 'first'
}

/** A signature check takes a tenth of a millisecond. */
const STEP_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** An exchange ends within 10 s. */
const EXCHANGE_SECONDS = STEP_SECONDS.slice(3)

/** All metrics of this service; beside them are those that prom-client has for every Node.js process. */
export const METRICS = {
  exchanges: {
    name: 'octo_sts_exchanges_total',
    type: 'counter',
    help: 'Exchanges and refreshes, by what came of them; reason is none when a token was issued',
    labels: ['kind', 'protocol', 'outcome', 'reason'],
  },
  exchangeSeconds: {
    name: 'octo_sts_exchange_duration_seconds',
    type: 'histogram',
    help: 'Seconds from the request, read, to its answer',
    labels: ['kind', 'outcome'],
    buckets: EXCHANGE_SECONDS,
  },
  stepSeconds: {
    name: 'octo_sts_exchange_step_duration_seconds',
    type: 'histogram',
    help: 'Seconds of each step of an exchange that was begun',
    labels: ['kind', 'step'],
    buckets: STEP_SECONDS,
  },
  trustedIssuers: {
    name: 'octo_sts_trusted_issuer_verdicts_total',
    type: 'counter',
    help: "What organizations' lists of trusted issuers said; allowed false in mode audit is what enforcing would refuse",
    labels: ['mode', 'allowed'],
  },
  selfWrites: {
    name: 'octo_sts_self_write_tokens_total',
    type: 'counter',
    help: 'Tokens issued by a policy that can rewrite itself with them',
    labels: [],
  },
  gitHubCalls: {
    name: 'octo_sts_github_calls_total',
    type: 'counter',
    help: 'HTTP requests to GitHub; status is none when no answer came',
    labels: ['method', 'route', 'status'],
  },
  gitHubSeconds: {
    name: 'octo_sts_github_call_duration_seconds',
    type: 'histogram',
    help: 'Seconds of one HTTP request to GitHub, its answer read to the end',
    labels: ['method', 'route'],
    buckets: EXCHANGE_SECONDS,
  },
  gitHubLimited: {
    name: 'octo_sts_github_rate_limited_total',
    type: 'counter',
    help: 'Answers of GitHub that refused for a rate limit: primary when no quota was left, else secondary',
    labels: ['app_id', 'limit'],
  },
  quotaRemaining: {
    name: 'octo_sts_github_quota_remaining',
    type: 'gauge',
    help: 'Requests left in the hour, as the last answer said; installation_id is none for the quota of the App itself',
    labels: ['app_id', 'installation_id'],
    aggregator: 'min',
  },
  quotaLimit: {
    name: 'octo_sts_github_quota_limit',
    type: 'gauge',
    help: 'Requests that GitHub gives in the hour',
    labels: ['app_id', 'installation_id'],
    aggregator: 'max',
  },
  caches: {
    name: 'octo_sts_cache_requests_total',
    type: 'counter',
    help: 'Looks into what is remembered of GitHub; stale stood in for an answer that did not come',
    labels: ['cache', 'outcome'],
  },
  issuerFetches: {
    name: 'octo_sts_issuer_fetches_total',
    type: 'counter',
    help: 'Fetches of an issuer’s keys, discovery included; issuer is other for those the operator does not list',
    labels: ['issuer', 'outcome'],
  },
  issuerSeconds: {
    name: 'octo_sts_issuer_fetch_duration_seconds',
    type: 'histogram',
    help: 'Seconds of such a fetch',
    labels: ['issuer'],
    buckets: EXCHANGE_SECONDS,
  },
  signatures: {
    name: 'octo_sts_signatures_total',
    type: 'counter',
    help: 'Signatures made with the key of an App, by where the key is',
    labels: ['provider', 'outcome'],
  },
  signatureSeconds: {
    name: 'octo_sts_signature_duration_seconds',
    type: 'histogram',
    help: 'Seconds of such a signature',
    labels: ['provider'],
    buckets: EXCHANGE_SECONDS,
  },
  webhooks: {
    name: 'octo_sts_webhook_deliveries_total',
    type: 'counter',
    help: 'Deliveries of GitHub’s webhook, by the HTTP status of the answer; event is other for those not listened to',
    labels: ['event', 'status'],
  },
  policyChecks: {
    name: 'octo_sts_policy_checks_total',
    type: 'counter',
    help: 'Checks of trust policies that a delivery asked for, by how they ended',
    labels: ['outcome'],
  },
  eventsDropped: {
    name: 'octo_sts_events_dropped_total',
    type: 'counter',
    help: 'CloudEvents that the sink never took',
    labels: [],
  },
  eventsWaiting: {
    name: 'octo_sts_events_waiting',
    type: 'gauge',
    help: 'CloudEvents that wait for the sink',
    labels: [],
    aggregator: 'sum',
  },
  storeHealthy: {
    name: 'octo_sts_store_healthy',
    type: 'gauge',
    help: '1 while the store answers; kind is memory or redis',
    labels: ['kind'],
    aggregator: 'min',
  },
  storeRefusals: {
    name: 'octo_sts_store_refusals_total',
    type: 'counter',
    help: 'Steps of the store that it refused or did not answer',
    labels: ['reason'],
  },
  ready: {
    name: 'octo_sts_ready',
    type: 'gauge',
    help: '1 while the service takes exchanges: the answer of /readyz',
    labels: [],
    aggregator: 'min',
  },
  build: {
    name: 'octo_sts_build_info',
    type: 'gauge',
    help: 'Always 1',
    labels: ['version'],
    aggregator: 'first',
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>

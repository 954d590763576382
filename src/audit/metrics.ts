import { collectDefaultMetrics, Registry } from 'prom-client'
import type { ExchangeRecord, IssuerAllowlist, Step } from '../exchange/record.ts'
import type { Logger } from '../runtime/log.ts'
import type { Reason } from '../terms/denial.ts'
import { NOT_REFUSED, outcomeOf } from './exchange-outcome.ts'
import { createGitHubMetrics, type GitHubMetrics } from './github-metrics.ts'
import { METRICS } from './metric-catalogue.ts'
import { collected, once, SeriesCounter, SeriesHistogram } from './metric-series.ts'
import { type ListeningMetrics, serveMetrics } from './metrics-server.ts'

export interface MetricsOptions {
  /** Of the package. */
  readonly version: string
  /** Issuers that the operator listed: these may be named, all others are strangers' words. */
  readonly listedIssuers: readonly string[]
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Installations and Apps whose quota is kept, at most; those that were heard of last. */
  readonly quotas?: number
}

/** How the fetch of an issuer's keys ended. */
export interface IssuerFetchReport {
  readonly issuer: string
  readonly outcome: 'ok' | 'invalid' | 'forbidden' | 'unavailable' | 'busy'
  readonly durationMs: number
}

/** How a signature with an App's key ended; `provider` is `pem` or that of a key management service. */
export interface SignatureReport {
  readonly provider: string
  readonly outcome: 'ok' | 'refused' | 'unavailable' | 'failed'
  readonly durationMs: number
}

/** How a webhook's delivery was answered. `event` is as it was sent, by whomever. */
export interface WebhookReport {
  readonly event: string
  readonly status: number
}

/** How a check of trust policies ended; `dropped` with the process. */
export type PolicyCheckOutcome = 'done' | 'failed' | 'dropped'

/** What is counted, for Prometheus. Counting costs some tens of nanoseconds, returns at once and never throws. */
export interface Metrics extends GitHubMetrics {
  observeExchange(record: ExchangeRecord): void
  observeIssuerFetch(report: IssuerFetchReport): void
  observeSignature(report: SignatureReport): void
  observeWebhook(report: WebhookReport): void
  observePolicyCheck(outcome: PolicyCheckOutcome): void
  observeStoreRefusal(reason: 'STORE_FULL' | 'STORE_UNAVAILABLE'): void
  /** What is looked at when somebody asks; each may be bound once. */
  bindEvents(events: { dropped(): number; waiting(): number }): void
  bindStore(store: { readonly kind: string; isHealthy(): boolean }): void
  bindReady(isReady: () => boolean): void
  /** In Prometheus' text format 0.0.4. */
  text(): Promise<string>
  /** The same for a supervisor that adds them up: as prom-client's registry has them as JSON. */
  counts(): Promise<readonly object[]>
  /** Serves `GET /metrics` on a port of its own (0: one that is free); rejects when it cannot be had. */
  listen(about: { readonly port: number; readonly host?: string; readonly log: Logger }): Promise<ListeningMetrics>
}

export function createMetrics({ version, listedIssuers, now, quotas = QUOTAS }: MetricsOptions): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const counters = createCounters(registry, new Set([...listedIssuers, GITHUB_ACTIONS]))
  const bound: Bound = {}
  collectBound(registry, bound)
  collected(METRICS.build, { registry, look: () => [{ labels: { version }, value: 1 }] })
  return {
    ...createGitHubMetrics({ registry, now, quotas }),
    ...counters,
    bindEvents(events) {
      bound.events = events
    },
    bindStore(store) {
      bound.store = store
    },
    bindReady(isReady) {
      bound.isReady = isReady
    },
    text: () => registry.metrics(),
    counts: () => registry.getMetricsAsJSON(),
    listen: (about) => serveMetrics({ ...about, contentType: registry.contentType, text: () => registry.metrics() }),
  }
}

function createCounters(registry: Registry, listedIssuers: ReadonlySet<string>) {
  const exchanges = new SeriesCounter(METRICS.exchanges, registry)
  const exchangeSeconds = new SeriesHistogram(METRICS.exchangeSeconds, registry)
  const stepSeconds = new SeriesHistogram(METRICS.stepSeconds, registry)
  const countOf = once((kind: Kind) =>
    once((protocol: Protocol) =>
      once((reason: Reason | 'none') => {
        const outcome = outcomeOf(reason === 'none' ? undefined : { reason })
        return exchanges.series({ kind, protocol, outcome, reason })
      }),
    ),
  )
  const durationOf = once((kind: Kind) => once((outcome: string) => exchangeSeconds.series({ kind, outcome })))
  const stepOf = once((kind: Kind) => once((step: Step) => stepSeconds.series({ kind, step })))
  // From the start on, at 0: Prometheus sees no increase in a series that begins with 1.
  for (const reason of ALERTING) {
    for (const kind of KINDS) for (const protocol of PROTOCOLS) countOf(kind)(protocol)(reason)
  }

  const trustedIssuers = new SeriesCounter(METRICS.trustedIssuers, registry)
  const verdictOf = once((mode: IssuerAllowlist['mode']) =>
    once((allowed: 'true' | 'false') => trustedIssuers.series({ mode, allowed })),
  )
  const selfWrites = new SeriesCounter(METRICS.selfWrites, registry).series({})

  const issuerFetches = new SeriesCounter(METRICS.issuerFetches, registry)
  const issuerSeconds = new SeriesHistogram(METRICS.issuerSeconds, registry)
  const fetchesOf = once((issuer: string) => ({
    count: once((outcome: string) => issuerFetches.series({ issuer, outcome })),
    seconds: issuerSeconds.series({ issuer }),
  }))

  const signatures = new SeriesCounter(METRICS.signatures, registry)
  const signatureSeconds = new SeriesHistogram(METRICS.signatureSeconds, registry)
  const signaturesOf = once(
    (provider: string) => ({
      counts: {
        ok: signatures.series({ provider, outcome: 'ok' }),
        refused: signatures.series({ provider, outcome: 'refused' }),
        unavailable: signatures.series({ provider, outcome: 'unavailable' }),
        failed: signatures.series({ provider, outcome: 'failed' }),
      } satisfies Record<SignatureReport['outcome'], unknown>,
      seconds: signatureSeconds.series({ provider }),
    }),
    FEW,
  )

  const webhooks = new SeriesCounter(METRICS.webhooks, registry)
  const deliveriesOf = once((event: string) =>
    once((status: number) => webhooks.series({ event, status: status === 0 ? OTHER : String(status) }), STATUSES),
  )
  const policyChecks = new SeriesCounter(METRICS.policyChecks, registry)
  const checks = {
    done: policyChecks.series({ outcome: 'done' }),
    failed: policyChecks.series({ outcome: 'failed' }),
    dropped: policyChecks.series({ outcome: 'dropped' }),
  } satisfies Record<PolicyCheckOutcome, unknown>

  const storeRefusals = new SeriesCounter(METRICS.storeRefusals, registry)
  const refusalsOf = once((reason: string) => storeRefusals.series({ reason }))
  refusalsOf('STORE_FULL')
  refusalsOf('STORE_UNAVAILABLE')

  return {
    observeExchange({ kind, protocol, denial, durationMs, steps, issuerAllowlist, selfWrite, issued }: ExchangeRecord) {
      const count = countOf(kind)(protocol)(denial?.reason ?? 'none')
      count.value += 1
      durationOf(kind)(outcomeOf(denial)).observe(durationMs / 1000)
      const ofKind = stepOf(kind)
      for (const [step, ms] of steps) ofKind(step).observe(ms / 1000)
      if (issuerAllowlist !== undefined)
        verdictOf(issuerAllowlist.mode)(issuerAllowlist.allowed ? 'true' : 'false').value += 1
      if (selfWrite !== undefined && issued !== undefined) selfWrites.value += 1
    },
    observeIssuerFetch({ issuer, outcome, durationMs }: IssuerFetchReport) {
      const fetches = fetchesOf(listedIssuers.has(issuer) ? issuer : OTHER)
      fetches.count(outcome).value += 1
      fetches.seconds.observe(durationMs / 1000)
    },
    observeSignature({ provider, outcome, durationMs }: SignatureReport) {
      const ofProvider = signaturesOf(provider)
      ofProvider.counts[outcome].value += 1
      ofProvider.seconds.observe(durationMs / 1000)
    },
    observeWebhook({ event, status }: WebhookReport) {
      deliveriesOf(WEBHOOK_EVENTS.has(event) ? event : OTHER)(status).value += 1
    },
    observePolicyCheck(outcome: PolicyCheckOutcome) {
      checks[outcome].value += 1
    },
    observeStoreRefusal(reason: string) {
      refusalsOf(reason).value += 1
    },
  }
}

interface Bound {
  events?: Parameters<Metrics['bindEvents']>[0]
  store?: Parameters<Metrics['bindStore']>[0]
  isReady?: () => boolean
}

function collectBound(registry: Registry, bound: Bound): void {
  const plain = (value: number | undefined) => (value === undefined ? [] : [{ labels: {}, value }])
  collected(METRICS.eventsDropped, { registry, look: () => plain(bound.events?.dropped()) })
  collected(METRICS.eventsWaiting, { registry, look: () => plain(bound.events?.waiting()) })
  collected(METRICS.ready, { registry, look: () => plain(Number(bound.isReady?.() ?? false)) })
  collected(METRICS.storeHealthy, {
    registry,
    look() {
      const { store } = bound
      return store === undefined ? [] : [{ labels: { kind: store.kind }, value: Number(store.isHealthy()) }]
    },
  })
}

type Kind = ExchangeRecord['kind']
type Protocol = ExchangeRecord['protocol']

const KINDS = ['exchange', 'refresh'] as const satisfies readonly Kind[]
const PROTOCOLS = ['grpc', 'http'] as const satisfies readonly Protocol[]
const ALERTING = ['none', ...(Object.keys(NOT_REFUSED) as Reason[])] as const

/** Those that change something here, and GitHub's own greeting: a stranger can send any name. */
const WEBHOOK_EVENTS: ReadonlySet<string> = new Set([
  'check_run',
  'check_suite',
  'installation',
  'installation_repositories',
  'installation_target',
  'organization',
  'ping',
  'pull_request',
  'push',
  'repository',
])
const OTHER = 'other'
/** For labels whose values this code alone chooses, so that no mistake elsewhere makes them grow. */
const FEW = { limit: 32, rest: OTHER }
const STATUSES = { limit: 16, rest: 0 }
/** Four series each: with as many installations a scrape is a quarter of a megabyte. */
const QUOTAS = 1_000
const GITHUB_ACTIONS = 'https://token.actions.githubusercontent.com'

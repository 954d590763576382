/**
 * Writes deploy/grafana/octo-sts.json, the dashboard: panels are told here in a line each, and Grafana's JSON has some
 * forty of them.
 */
import { writeFileSync } from 'node:fs'

const SELECT = 'instance=~"$instance"'
const rate = (name, labels = '') => `rate(${name}{${[SELECT, labels].filter(Boolean).join(',')}}[$__rate_interval])`
const quantile = (q, name, by, labels) =>
  `histogram_quantile(${q}, sum by (${['le', ...by].join(', ')}) (${rate(`${name}_bucket`, labels)}))`

const ROWS = [
  [
    'Exchanges',
    [
      timeseries('Exchanges per second by outcome', 'reqps', [
        [`sum by (outcome) (${rate('octo_sts_exchanges_total')})`, '{{outcome}}'],
      ]),
      timeseries('Refused, unavailable and failed per second by reason', 'reqps', [
        [
          `sum by (outcome, reason) (${rate('octo_sts_exchanges_total', 'outcome!="issued"')}) > 0`,
          '{{reason}} ({{outcome}})',
        ],
      ]),
      timeseries('Share of exchanges that issued a token, of those that should have', 'percentunit', [
        [
          `sum(${rate('octo_sts_exchanges_total', 'outcome="issued"')}) / sum(${rate('octo_sts_exchanges_total', 'outcome=~"issued|unavailable|failed"')})`,
          'issued',
        ],
      ]),
      timeseries('By protocol and kind, per second', 'reqps', [
        [`sum by (protocol, kind) (${rate('octo_sts_exchanges_total')})`, '{{kind}} over {{protocol}}'],
      ]),
      timeseries('What lists of trusted issuers refuse, or would (audit), per second', 'reqps', [
        [`sum by (mode) (${rate('octo_sts_trusted_issuer_verdicts_total', 'allowed="false"')})`, '{{mode}}'],
      ]),
      timeseries('Tokens that can rewrite their own policy, per second', 'reqps', [
        [`sum(${rate('octo_sts_self_write_tokens_total')})`, 'issued'],
      ]),
    ],
  ],
  [
    'Latency',
    [
      timeseries('Exchange that issued a token', 's', [
        [quantile(0.5, 'octo_sts_exchange_duration_seconds', [], 'outcome="issued"'), 'p50'],
        [quantile(0.99, 'octo_sts_exchange_duration_seconds', [], 'outcome="issued"'), 'p99'],
      ]),
      timeseries('p50 by step', 's', [
        [quantile(0.5, 'octo_sts_exchange_step_duration_seconds', ['step']), '{{step}}'],
      ]),
      timeseries('p99 by step', 's', [
        [quantile(0.99, 'octo_sts_exchange_step_duration_seconds', ['step']), '{{step}}'],
      ]),
      timeseries('Issuers: fetches of keys', 's', [
        [quantile(0.99, 'octo_sts_issuer_fetch_duration_seconds', ['issuer']), '{{issuer}} p99'],
      ]),
      timeseries('Issuers: fetches per second by outcome', 'reqps', [
        [`sum by (issuer, outcome) (${rate('octo_sts_issuer_fetches_total')})`, '{{issuer}} {{outcome}}'],
      ]),
      timeseries('Signatures with the App’s key', 's', [
        [quantile(0.99, 'octo_sts_signature_duration_seconds', ['provider']), '{{provider}} p99'],
      ]),
    ],
  ],
  [
    'GitHub',
    [
      timeseries('Calls per second by route', 'reqps', [
        [`sum by (method, route) (${rate('octo_sts_github_calls_total')})`, '{{method}} {{route}}'],
      ]),
      timeseries('Calls per second that were not 2xx or 304, by status', 'reqps', [
        [
          `sum by (status, route) (${rate('octo_sts_github_calls_total', 'status!~"2..|304"')}) > 0`,
          '{{status}} {{route}}',
        ],
      ]),
      timeseries('p99 by route', 's', [
        [quantile(0.99, 'octo_sts_github_call_duration_seconds', ['method', 'route']), '{{method}} {{route}}'],
      ]),
      timeseries('Quota left, the ten lowest', 'short', [
        [
          `bottomk(10, min by (app_id, installation_id) (octo_sts_github_quota_remaining{${SELECT}}))`,
          'App {{app_id}}, installation {{installation_id}}',
        ],
      ]),
      timeseries('Quota left, as a share', 'percentunit', [
        [
          `bottomk(10, min by (app_id, installation_id) (octo_sts_github_quota_remaining{${SELECT}} / octo_sts_github_quota_limit{${SELECT}}))`,
          'App {{app_id}}, installation {{installation_id}}',
        ],
      ]),
      timeseries('Refused for a rate limit, per second', 'reqps', [
        [`sum by (app_id, limit) (${rate('octo_sts_github_rate_limited_total')})`, 'App {{app_id}} {{limit}}'],
      ]),
      timeseries('Cache hit ratio', 'percentunit', [
        [
          `sum by (cache) (${rate('octo_sts_cache_requests_total', 'outcome="hit"')}) / sum by (cache) (${rate('octo_sts_cache_requests_total')})`,
          '{{cache}}',
        ],
      ]),
      timeseries('Stale answers per second', 'reqps', [
        [`sum by (cache) (${rate('octo_sts_cache_requests_total', 'outcome="stale"')})`, '{{cache}}'],
      ]),
      timeseries('Calls per issued token', 'short', [
        [
          `sum(${rate('octo_sts_github_calls_total')}) / sum(${rate('octo_sts_exchanges_total', 'outcome="issued"')})`,
          'calls',
        ],
      ]),
    ],
  ],
  [
    'Webhook, events, store, keys',
    [
      timeseries('Webhook deliveries per second', 'reqps', [
        [`sum by (event, status) (${rate('octo_sts_webhook_deliveries_total')})`, '{{event}} {{status}}'],
      ]),
      timeseries('Checks of policies per second', 'reqps', [
        [`sum by (outcome) (${rate('octo_sts_policy_checks_total')})`, '{{outcome}}'],
      ]),
      timeseries('Events', 'short', [
        [`sum by (instance) (octo_sts_events_waiting{${SELECT}})`, 'waiting at {{instance}}'],
        [`sum(increase(octo_sts_events_dropped_total{${SELECT}}[$__rate_interval]))`, 'dropped'],
      ]),
      timeseries('Store', 'short', [
        [`min by (kind) (octo_sts_store_healthy{${SELECT}})`, '{{kind}} healthy'],
        [`sum by (reason) (${rate('octo_sts_store_refusals_total')})`, '{{reason}} per second'],
      ]),
      timeseries('Signatures per second', 'reqps', [
        [`sum by (provider, outcome) (${rate('octo_sts_signatures_total')})`, '{{provider}} {{outcome}}'],
      ]),
      timeseries('Ready', 'short', [[`octo_sts_ready{${SELECT}}`, '{{instance}}']]),
    ],
  ],
  [
    'Process',
    [
      timeseries('Processor time, cores', 'short', [[rate('process_cpu_seconds_total'), '{{instance}}']]),
      timeseries('Processor time per exchange', 's', [
        [`sum(${rate('process_cpu_seconds_total')}) / sum(${rate('octo_sts_exchanges_total')})`, 'all replicas'],
      ]),
      timeseries('Memory', 'bytes', [
        [`process_resident_memory_bytes{${SELECT}}`, 'RSS {{instance}}'],
        [`nodejs_heap_size_used_bytes{${SELECT}}`, 'heap {{instance}}'],
      ]),
      timeseries('Event loop delay, p99', 's', [[`nodejs_eventloop_lag_p99_seconds{${SELECT}}`, '{{instance}}']]),
      timeseries('Garbage collection, seconds per second', 'percentunit', [
        [`sum by (instance, kind) (${rate('nodejs_gc_duration_seconds_sum')})`, '{{instance}} {{kind}}'],
      ]),
      timeseries('Versions', 'short', [[`count by (version) (octo_sts_build_info{${SELECT}})`, '{{version}}']]),
    ],
  ],
]

function timeseries(title, unit, queries) {
  return {
    type: 'timeseries',
    title,
    datasource: source(),
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: 'never' } }, overrides: [] },
    options: {
      legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi' },
    },
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: source(),
      expr,
      legendFormat,
    })),
  }
}

function source() {
  return { type: 'prometheus', uid: '$' + '{datasource}' }
}

const WIDTH = 8
const HEIGHT = 8
const COLUMNS = 3

function placed() {
  const panels = []
  let y = 0
  for (const [title, members] of ROWS) {
    panels.push({ type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] })
    y += 1
    members.forEach((panel, index) => {
      const [column, line] = [index % COLUMNS, Math.floor(index / COLUMNS)]
      panels.push({ ...panel, gridPos: { x: column * WIDTH, y: y + line * HEIGHT, w: WIDTH, h: HEIGHT } })
    })
    y += Math.ceil(members.length / COLUMNS) * HEIGHT
  }
  return panels.map((panel, index) => ({ id: index + 1, ...panel }))
}

const dashboard = {
  uid: 'octo-sts',
  title: 'Octo-STS',
  description:
    'Exchanges of OIDC tokens for GitHub App installation tokens, and what they rest on. docs/observe.md says what each metric is.',
  tags: ['octo-sts'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  timezone: 'browser',
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' },
      {
        name: 'instance',
        type: 'query',
        label: 'Replica',
        datasource: source(),
        query: { query: 'label_values(octo_sts_build_info, instance)', refId: 'instance' },
        refresh: 2,
        includeAll: true,
        multi: true,
        current: { text: 'All', value: '$__all' },
      },
    ],
  },
  annotations: { list: [] },
  panels: placed(),
}

writeFileSync(new URL('../deploy/grafana/octo-sts.json', import.meta.url), `${JSON.stringify(dashboard, null, 2)}\n`)

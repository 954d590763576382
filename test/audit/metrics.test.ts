import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createMetrics, type Metrics } from '../../src/audit/metrics.ts'
import type { CallReport } from '../../src/exchange/reports.ts'
import { Denial } from '../../src/terms/denial.ts'
import { issuedRecord, refusedRecord } from './records.ts'

const log = pino({ level: 'silent' })
const LISTED = 'https://listed.example'

let nowMs: number
let metrics: Metrics

beforeEach(() => {
  nowMs = 1_000
  metrics = createMetrics({ version: '1.2.3', listedIssuers: [LISTED], now: () => nowMs, quotas: 3 })
})

/** The lines of a metric that are not 0, without its name. */
async function lines(name: string): Promise<string[]> {
  const found = (await metrics.text()).split('\n').filter((line) => line.startsWith(name) && !line.endsWith(' 0'))
  return found.map((line) => line.slice(name.length)).sort()
}

describe('exchanges', () => {
  const selfWrite = ['contents']
  const audited = { mode: 'audit', allowed: false, iss: 'https://evil.example' } as const
  test.each([
    ['issued', issuedRecord(), 'kind="exchange",protocol="grpc",outcome="issued",reason="none"'],
    [
      'refreshed',
      issuedRecord({ kind: 'refresh', protocol: 'http' }),
      'kind="refresh",protocol="http",outcome="issued",reason="none"',
    ],
    [
      'refused',
      refusedRecord(new Denial('SUBJECT_MISMATCH', 'no')),
      'kind="exchange",protocol="grpc",outcome="refused",reason="SUBJECT_MISMATCH"',
    ],
    [
      'GitHub is down',
      refusedRecord(new Denial('GITHUB_TIMEOUT', 'no')),
      'kind="exchange",protocol="grpc",outcome="unavailable",reason="GITHUB_TIMEOUT"',
    ],
    [
      'a defect',
      refusedRecord(new Denial('INTERNAL', 'no')),
      'kind="exchange",protocol="grpc",outcome="failed",reason="INTERNAL"',
    ],
    [
      'the caller left',
      refusedRecord(new Denial('CANCELLED', 'no')),
      'kind="exchange",protocol="grpc",outcome="cancelled",reason="CANCELLED"',
    ],
  ])('%s', async (_, record, labels) => {
    metrics.observeExchange(record)
    metrics.observeExchange(record)
    expect(await lines('octo_sts_exchanges_total')).toEqual([`{${labels}} 2`])
  })

  test('their durations are in seconds, and buckets add up', async () => {
    metrics.observeExchange(issuedRecord({ durationMs: 1 }))
    metrics.observeExchange(issuedRecord({ durationMs: 7 }))
    metrics.observeExchange(issuedRecord({ durationMs: 20_000 }))
    const labels = 'kind="exchange",outcome="issued"'
    const all = await lines('octo_sts_exchange_duration_seconds')
    expect(all).toHaveLength(16)
    expect(all).toEqual(
      expect.arrayContaining([
        `_bucket{le="0.001",${labels}} 1`,
        `_bucket{le="0.005",${labels}} 1`,
        `_bucket{le="0.01",${labels}} 2`,
        `_bucket{le="10",${labels}} 2`,
        `_bucket{le="+Inf",${labels}} 3`,
        `_sum{${labels}} 20.008`,
        `_count{${labels}} 3`,
      ]),
    )
  })

  test('each step that was begun has its own', async () => {
    metrics.observeExchange(
      issuedRecord({
        steps: new Map([
          ['verify', 1.5],
          ['mint', 10],
        ]),
      }),
    )
    expect(await lines('octo_sts_exchange_step_duration_seconds_count')).toEqual([
      '{kind="exchange",step="mint"} 1',
      '{kind="exchange",step="verify"} 1',
    ])
    expect(await lines('octo_sts_exchange_step_duration_seconds_sum')).toEqual([
      '{kind="exchange",step="mint"} 0.01',
      '{kind="exchange",step="verify"} 0.0015',
    ])
  })

  test('what a list of trusted issuers would refuse, and tokens that can rewrite their policy, are counted', async () => {
    metrics.observeExchange(issuedRecord({ issuerAllowlist: audited, selfWrite }))
    metrics.observeExchange(refusedRecord(new Denial('POLICY_SELF_WRITE', 'no'), { selfWrite }))
    expect(await lines('octo_sts_trusted_issuer_verdicts_total')).toEqual(['{mode="audit",allowed="false"} 1'])
    expect(await lines('octo_sts_self_write_tokens_total')).toEqual([' 1'])
  })

  test('series that alerts are about are there, at 0, before anything happened', async () => {
    expect(await metrics.text()).toContain(
      'octo_sts_exchanges_total{kind="refresh",protocol="http",outcome="failed",reason="INTERNAL"} 0\n',
    )
  })

  test('nothing of a record that a caller chooses is in the text', async () => {
    metrics.observeExchange(issuedRecord({ scope: 'acme/app', identity: 'deploy', userAgent: 'curl' }))
    const text = await metrics.text()
    for (const secret of ['acme', 'deploy', 'curl', 'workload', 'issuer.example', 'aabb']) {
      expect(text).not.toContain(secret)
    }
  })
})

describe('GitHub', () => {
  const call: CallReport = {
    method: 'GET',
    route: '/orgs/{org}/installation',
    status: 200,
    durationMs: 30,
    appId: 42,
    installationId: undefined,
    quota: undefined,
  }
  const quota = (remaining: number, resetAtMs = 5_000) => ({ limit: 5_000, remaining, resetAtMs })

  test('calls are counted by route and status, and timed by route', async () => {
    metrics.observeGitHubCall(call)
    metrics.observeGitHubCall({ ...call, status: undefined })
    expect(await lines('octo_sts_github_calls_total')).toEqual([
      '{method="GET",route="/orgs/{org}/installation",status="200"} 1',
      '{method="GET",route="/orgs/{org}/installation",status="none"} 1',
    ])
    expect(await lines('octo_sts_github_call_duration_seconds_sum')).toEqual([
      '{method="GET",route="/orgs/{org}/installation"} 0.06',
    ])
  })

  test('neither routes nor statuses nor methods can grow without end', async () => {
    for (let index = 1; index <= 200; index += 1) {
      metrics.observeGitHubCall({ ...call, route: `/repos/acme/${index}` })
      metrics.observeGitHubCall({ ...call, status: 200 + index })
      metrics.observeGitHubCall({ ...call, method: `M${index}` })
    }
    const all = await lines('octo_sts_github_calls_total')
    expect(all.length).toBeLessThan(64 + 16 + 8 + 3)
    expect(all).toContain('{method="GET",route="other",status="200"} 137')
    expect(all.some((line) => line.includes('status="other"'))).toBe(true)
    expect(all.some((line) => line.includes('method="other"'))).toBe(true)
  })

  test('the quota is the last that was heard, of Apps and installations apart, and ends with its hour', async () => {
    metrics.observeGitHubCall({ ...call, quota: quota(4_999) })
    metrics.observeGitHubCall({ ...call, installationId: 7, quota: quota(100) })
    metrics.observeGitHubCall({ ...call, installationId: 7, quota: quota(99, 9_000) })
    expect(await lines('octo_sts_github_quota_remaining')).toEqual([
      '{app_id="42",installation_id="7"} 99',
      '{app_id="42",installation_id="none"} 4999',
    ])
    expect(await lines('octo_sts_github_quota_limit')).toEqual([
      '{app_id="42",installation_id="7"} 5000',
      '{app_id="42",installation_id="none"} 5000',
    ])
    nowMs = 6_000
    expect(await lines('octo_sts_github_quota_remaining')).toEqual(['{app_id="42",installation_id="7"} 99'])
  })

  test('of more installations than are kept, those heard of last stay', async () => {
    for (const installationId of [1, 2, 3, 1, 4]) {
      metrics.observeGitHubCall({ ...call, installationId, quota: quota(installationId) })
    }
    expect(await lines('octo_sts_github_quota_remaining')).toEqual([
      '{app_id="42",installation_id="1"} 1',
      '{app_id="42",installation_id="3"} 3',
      '{app_id="42",installation_id="4"} 4',
    ])
  })

  test.each([
    [429, undefined, ['{app_id="42",limit="secondary"} 1']],
    [429, quota(0), ['{app_id="42",limit="primary"} 1']],
    [403, quota(0), ['{app_id="42",limit="primary"} 1']],
    [403, quota(10), []],
    [200, quota(0), []],
  ])('an answer of %d with the quota %j is a rate limit: %j', async (status, left, expected) => {
    metrics.observeGitHubCall({ ...call, status, quota: left })
    expect(await lines('octo_sts_github_rate_limited_total')).toEqual(expected)
  })

  test('looks into the caches', async () => {
    metrics.observeCache({ cache: 'policy', outcome: 'hit' })
    metrics.observeCache({ cache: 'policy', outcome: 'stale' })
    metrics.observeCache({ cache: 'reader_token', outcome: 'miss' })
    expect(await lines('octo_sts_cache_requests_total')).toEqual([
      '{cache="policy",outcome="hit"} 1',
      '{cache="policy",outcome="stale"} 1',
      '{cache="reader_token",outcome="miss"} 1',
    ])
  })
})

describe('the rest', () => {
  test('an issuer is named only when the operator listed it', async () => {
    for (const issuer of [
      LISTED,
      'https://token.actions.githubusercontent.com',
      'https://stranger.example',
      'https://x.example',
    ])
      metrics.observeIssuerFetch({ issuer, outcome: 'ok', durationMs: 10 })
    metrics.observeIssuerFetch({ issuer: 'https://y.example', outcome: 'unavailable', durationMs: 10 })
    expect(await lines('octo_sts_issuer_fetches_total')).toEqual([
      '{issuer="https://listed.example",outcome="ok"} 1',
      '{issuer="https://token.actions.githubusercontent.com",outcome="ok"} 1',
      '{issuer="other",outcome="ok"} 2',
      '{issuer="other",outcome="unavailable"} 1',
    ])
    expect(await lines('octo_sts_issuer_fetch_duration_seconds_count{issuer="other"}')).toEqual([' 3'])
  })

  test('signatures, webhooks and refusals of the store', async () => {
    metrics.observeSignature({ provider: 'gcp', outcome: 'unavailable', durationMs: 5_000 })
    metrics.observeWebhook({ event: 'push', status: 202 })
    metrics.observeWebhook({ event: 'a stranger’s', status: 401 })
    metrics.observePolicyCheck('failed')
    metrics.observeStoreRefusal('STORE_FULL')
    expect(await lines('octo_sts_signatures_total')).toEqual(['{provider="gcp",outcome="unavailable"} 1'])
    expect(await lines('octo_sts_signature_duration_seconds_sum')).toEqual(['{provider="gcp"} 5'])
    expect(await lines('octo_sts_webhook_deliveries_total')).toEqual([
      '{event="other",status="401"} 1',
      '{event="push",status="202"} 1',
    ])
    expect(await lines('octo_sts_policy_checks_total')).toEqual(['{outcome="failed"} 1'])
    expect(await lines('octo_sts_store_refusals_total')).toEqual(['{reason="STORE_FULL"} 1'])
  })

  test('no number of statuses or providers makes it grow without end', async () => {
    for (let index = 0; index < 100; index += 1) {
      metrics.observeWebhook({ event: 'push', status: 200 + index })
      metrics.observeSignature({ provider: `provider-${index}`, outcome: 'ok', durationMs: 1 })
    }
    expect(await lines('octo_sts_webhook_deliveries_total')).toHaveLength(17)
    expect(await lines('octo_sts_signatures_total')).toHaveLength(33)
  })

  test('what is bound is looked at when somebody asks', async () => {
    expect(await lines('octo_sts_ready')).toEqual([])
    let healthy = true
    metrics.bindEvents({ dropped: () => 3, waiting: () => 5 })
    metrics.bindStore({ kind: 'redis', isHealthy: () => healthy })
    metrics.bindReady(() => true)
    expect(await lines('octo_sts_events_dropped_total')).toEqual([' 3'])
    expect(await lines('octo_sts_events_waiting')).toEqual([' 5'])
    expect(await lines('octo_sts_store_healthy')).toEqual(['{kind="redis"} 1'])
    expect(await lines('octo_sts_ready')).toEqual([' 1'])
    healthy = false
    expect(await metrics.text()).toContain('octo_sts_store_healthy{kind="redis"} 0\n')
  })

  test('the build, and the process', async () => {
    expect(await lines('octo_sts_build_info')).toEqual(['{version="1.2.3"} 1'])
    const text = await metrics.text()
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_p99_seconds',
    ])
      expect(text).toMatch(new RegExp(`^${name} `, 'm'))
  })
})

describe('the listener', () => {
  let close: () => Promise<void>
  let port: number

  beforeEach(async () => {
    ;({ port, close } = await metrics.listen({ port: 0, host: '127.0.0.1', log }))
  })
  afterEach(() => close())

  test.each([
    ['GET', '/metrics', 200],
    ['GET', '/metrics?x=1', 200],
    ['HEAD', '/metrics', 200],
    ['POST', '/metrics', 405],
    ['GET', '/', 404],
    ['GET', '/metrics/', 404],
    ['GET', '/sts/exchange', 404],
  ])('%s %s is answered with %d', async (method, path, status) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    expect(answer.status).toBe(status)
  })

  test('it answers in the text format', async () => {
    metrics.observeExchange(issuedRecord())
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await answer.text()).toContain('outcome="issued",reason="none"} 1\n')
  })

  test('a request that is none closes its connection, and the others are answered', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.end('nonsense\r\n\r\n')
    await new Promise((resolve) => socket.resume().on('close', resolve))
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200)
  })

  test('closing cuts connections that are kept', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.resume()
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await close()
    await closed
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow()
  })

  test('a port that is taken is named, with what to do', async () => {
    await expect(metrics.listen({ port, host: '127.0.0.1', log })).rejects.toThrow(
      `the port of the metrics, ${port}, cannot be had (EADDRINUSE): set METRICS_PORT to another, or METRICS=false`,
    )
  })
})

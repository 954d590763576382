import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { askHttp } from '../support/ask.ts'
import { type Flow, startFlow } from '../support/flow.ts'

let flow: Flow

beforeEach(async () => {
  flow = await startFlow()
})
afterEach(() => flow.close())

async function text(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${flow.service.metricsPort}/metrics`)).text()
}

/** The series of these metrics that are not 0. */
async function series(...names: string[]): Promise<string[]> {
  const lines = (await text()).split('\n')
  return lines.filter((line) => names.some((name) => line.startsWith(name)) && !line.endsWith(' 0')).sort()
}

test('exchanges, calls, caches, quotas, issuers and signatures are counted where they happen', async () => {
  flow.policy('acme/app', 'ci')
  const remaining = /^octo_sts_github_quota_remaining\{app_id="(\d+)",installation_id="(\d+)"\} \d+$/
  expect(await flow.ask({})).toMatchObject({ code: 0 })
  expect(await flow.ask({}, askHttp)).toMatchObject({ code: 0 })
  expect(await flow.ask({ identity: 'other' }, askHttp)).toMatchObject({ reason: 'POLICY_NOT_FOUND' })

  expect(
    await series('octo_sts_exchanges_total', 'octo_sts_issuer_fetches_total', 'octo_sts_signatures_total'),
  ).toEqual([
    'octo_sts_exchanges_total{kind="exchange",protocol="grpc",outcome="issued",reason="none"} 1',
    'octo_sts_exchanges_total{kind="exchange",protocol="http",outcome="issued",reason="none"} 1',
    'octo_sts_exchanges_total{kind="exchange",protocol="http",outcome="refused",reason="POLICY_NOT_FOUND"} 1',
    `octo_sts_issuer_fetches_total{issuer="${flow.issuer.url}",outcome="ok"} 1`,
    'octo_sts_signatures_total{provider="pem",outcome="ok"} 1',
  ])
  const calls = await series('octo_sts_github_calls_total')
  expect(calls).toContain('octo_sts_github_calls_total{method="GET",route="/app",status="200"} 1')
  expect(calls).toContain('octo_sts_github_calls_total{method="GET",route="/orgs/{org}/installation",status="200"} 1')
  expect(await series('octo_sts_cache_requests_total{cache="installation"')).toEqual([
    'octo_sts_cache_requests_total{cache="installation",outcome="hit"} 2',
    'octo_sts_cache_requests_total{cache="installation",outcome="miss"} 1',
  ])
  const [, app, installation] =
    (await series('octo_sts_github_quota_remaining'))
      .map((line) => remaining.exec(line))
      .find((match) => match !== null) ?? []
  expect([app, installation]).toEqual([String(flow.github.app.id), String(flow.installation)])
  expect(await series('octo_sts_ready', 'octo_sts_store_healthy')).toEqual([
    'octo_sts_ready 1',
    'octo_sts_store_healthy{kind="memory"} 1',
  ])
  const all = await text()
  for (const name of ['acme', 'repo:', '"ci"']) expect(all).not.toContain(name)
})

test('nothing of them is on the port for callers', async () => {
  expect((await fetch(`http://127.0.0.1:${flow.service.port}/metrics`)).status).toBe(404)
})

test('the port closes with the service', async () => {
  const { metricsPort } = flow.service
  await flow.service.close()
  await expect(fetch(`http://127.0.0.1:${metricsPort}/metrics`)).rejects.toThrow()
})

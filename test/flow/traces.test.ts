import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { askHttp } from '../support/ask.ts'
import { eventually } from '../support/eventually.ts'
import { type SpawnedService, spawnService } from '../support/spawned-service.ts'

// Each test starts a process, which takes its time on a machine that is busy.
jest.setTimeout(60_000)

/** A span as OTLP/HTTP has it in JSON. */
interface SentSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
  readonly status: { readonly code?: number; readonly message?: string }
}

const INTERNAL = 1
const SERVER = 2
const CLIENT = 3
const ERROR = 2

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

let collector: ReturnType<typeof createServer>
let bodies: string[]
let service: SpawnedService | undefined

beforeEach(async () => {
  bodies = []
  collector = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    bodies.push(`${request.url} ${body}`)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  await service?.close()
  service = undefined
  collector.closeAllConnections()
  await new Promise((resolve) => collector.close(resolve))
})

const endpoint = () => `http://127.0.0.1:${(collector.address() as AddressInfo).port}`

async function traced(env: Record<string, string> = {}): Promise<SpawnedService> {
  service = await spawnService({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint(),
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    ...env,
  })
  return service
}

function sent(): SentSpan[] {
  return bodies.flatMap((body) => {
    const { resourceSpans } = JSON.parse(body.slice(body.indexOf(' ')))
    return resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: SentSpan[] }[] }) =>
      scopeSpans.flatMap(({ spans }) => spans),
    )
  })
}

function ask(port: number, headers: Record<string, string>, query = 'scope=acme/app&identity=ci'): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/sts/exchange?${query}`, { headers })
}

function attribute({ attributes }: SentSpan, name: string): unknown {
  const value = attributes.find(({ key }) => key === name)?.value
  return value === undefined ? undefined : Object.values(value)[0]
}

test("an exchange is a span in its caller's trace, with one for each step and each call, sent before the process ends", async () => {
  const { port, workflowToken, stop, output } = await traced({ OTEL_SERVICE_NAME: 'sts-of-tests' })
  const token = await workflowToken()
  const answer = await ask(port, {
    authorization: `Bearer ${token}`,
    traceparent: `00-${TRACE}-${PARENT}-01`,
    tracestate: 'vendor=value',
    'x-request-id': 'request-1',
  })
  const { token: issued } = (await answer.json()) as { token: string }
  expect(answer.status).toBe(200)
  expect(await stop()).toBe(0)

  const spans = sent().filter(({ traceId }) => traceId === TRACE)
  const exchange = spans.find(({ name }) => name === 'exchange')
  if (exchange === undefined) throw new Error(`no span of the exchange: ${output()}`)
  expect(exchange).toMatchObject({
    parentSpanId: PARENT,
    kind: SERVER,
    traceState: 'vendor=value',
    status: { code: 0 },
  })
  expect(Object.fromEntries(exchange.attributes.map(({ key }) => [key, attribute(exchange, key)]))).toEqual({
    'octo_sts.request_id': 'request-1',
    'octo_sts.protocol': 'http',
    'octo_sts.scope': 'acme/app',
    'octo_sts.identity': 'ci',
    'octo_sts.installation_id': expect.anything(),
  })

  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]))
  const drawn = spans
    .filter((span) => span !== exchange)
    .map(({ name, kind, parentSpanId = '' }) => `${names.get(parentSpanId)} > ${name} ${kind}`)
  expect(drawn.sort()).toEqual(
    [
      `exchange > verify ${INTERNAL}`,
      `verify > issuer keys ${CLIENT}`,
      `exchange > installation ${INTERNAL}`,
      `installation > GitHub GET /orgs/{org}/installation ${CLIENT}`,
      `exchange > policy ${INTERNAL}`,
      // The list of trusted issuers is asked for before it is known whether that is a step at all.
      `exchange > GitHub POST /app/installations/{installation_id}/access_tokens ${CLIENT}`,
      `exchange > GitHub GET /repos/{owner}/{repo}/contents/.github/chainguard/{file} ${CLIENT}`,
      `exchange > trusted_issuers ${INTERNAL}`,
      `policy > GitHub GET /repos/{owner}/{repo}/contents/.github/chainguard/{file} ${CLIENT}`,
      `exchange > evaluate ${INTERNAL}`,
      `exchange > mint ${INTERNAL}`,
      `mint > GitHub POST /app/installations/{installation_id}/access_tokens ${CLIENT}`,
    ].sort(),
  )
  const mint = spans.find(
    ({ name, parentSpanId = '' }) => name.startsWith('GitHub POST') && names.get(parentSpanId) === 'mint',
  )
  expect(mint?.attributes).toEqual([{ key: 'http.response.status_code', value: { intValue: 201 } }])

  const everything = bodies.join('')
  expect(everything).toContain('"sts-of-tests"')
  for (const secret of [token, token.split('.')[2] ?? token, issued]) expect(everything).not.toContain(secret)
  expect(bodies.every((body) => body.startsWith('/v1/traces '))).toBe(true)
})

test('a call over gRPC is in the trace that its metadata names', async () => {
  const { port, stop } = await traced()
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('traceparent', `00-${TRACE}-${PARENT}-01`)
  await new Promise((resolve) => {
    const nothing = (bytes: Buffer) => bytes
    client.makeUnaryRequest(
      '/chainguard.platform.oidc.SecurityTokenService/Exchange',
      nothing,
      nothing,
      Buffer.alloc(0),
      metadata,
      resolve,
    )
  })
  client.close()
  await stop()
  const [exchange, ...others] = sent().filter(({ traceId }) => traceId === TRACE)
  expect(others).toEqual([])
  expect(exchange).toMatchObject({ name: 'exchange', parentSpanId: PARENT, kind: SERVER })
})

test('a refusal is no error of the span, a fault of ours or of GitHub is; neither tells its message', async () => {
  const { port, github, workflowToken, stop } = await traced()
  const token = await workflowToken()
  await ask(port, {}, 'scope=acme/app&identity=a%0Ab')
  const fault = github.fault({ route: '/orgs/{org}/installation' }, { kind: 'answer', status: 502 })
  await ask(port, { authorization: `Bearer ${token}` })
  fault.clear()
  await stop()
  const told = sent()
    .filter(({ name }) => name === 'exchange' || name === 'installation')
    .map((span) => [span.name, attribute(span, 'error.type'), span.status.code ?? 0, span.status.message])
  expect(told.sort()).toEqual([
    ['exchange', 'AUTHORIZATION_MISSING', 0, undefined],
    ['exchange', 'GITHUB_UNAVAILABLE', ERROR, undefined],
    ['installation', 'GITHUB_UNAVAILABLE', ERROR, undefined],
  ])
  const identities = sent().map((span) => attribute(span, 'octo_sts.identity'))
  expect(identities).toContain('a\\u{a}b')
})

test('a caller without a trace, or with what is none, begins one', async () => {
  const { port, stop } = await traced()
  const headers: Record<string, string>[] = [
    {},
    { traceparent: 'nonsense' },
    { traceparent: `00-${'0'.repeat(32)}-${PARENT}-01` },
    { traceparent: `ff-${TRACE}-${PARENT}-01` },
    { traceparent: `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01` },
  ]
  for (const each of headers) await ask(port, each)
  await stop()
  const exchanges = sent().filter(({ name }) => name === 'exchange')
  expect(exchanges).toHaveLength(headers.length)
  expect(new Set(exchanges.map(({ traceId }) => traceId)).size).toBe(headers.length)
  for (const { traceId, parentSpanId = '' } of exchanges) {
    expect(traceId).not.toBe(TRACE)
    expect(parentSpanId).toBe('')
  }
})

test.each([
  ['OTEL_SDK_DISABLED', 'true'],
  ['OTEL_TRACES_EXPORTER', 'none'],
])('%s=%s sends nothing', async (name, value) => {
  const { port, workflowToken, stop } = await traced({ [name]: value })
  expect(await askHttp(port, { token: await workflowToken(), scope: 'acme/app', identity: 'ci' })).toMatchObject({
    code: 0,
  })
  await stop()
  expect(bodies).toEqual([])
})

test('a collector that does not answer delays nobody, and is said once', async () => {
  const { port, workflowToken, output, stop } = await traced({
    OTEL_BSP_SCHEDULE_DELAY: '10',
    OTEL_EXPORTER_OTLP_TIMEOUT: '100',
  })
  collector.closeAllConnections()
  await new Promise((resolve) => collector.close(resolve))
  for (let index = 0; index < 3; index += 1) {
    const question = { token: await workflowToken(), scope: 'acme/app', identity: 'ci' }
    expect(await askHttp(port, question)).toMatchObject({ code: 0 })
  }
  await eventually(() => expect(output()).toContain('traces are not sent as they should be'))
  expect(await stop()).toBe(0)
  expect(output().split('traces are not sent as they should be')).toHaveLength(2)
})

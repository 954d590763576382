import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type Check, type CheckName, runCheck } from '../../src/commands/probe-checks.ts'
import type { Protocol } from '../../src/commands/sts-client.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { FaultHandle } from '../../src/sandbox/faults.ts'
import { type Flow, startFlow } from '../support/flow.ts'
import {
  type BenchOptions,
  closedPort,
  createBench,
  createFolder,
  type Folder,
  serveHttp,
  serveSilence,
} from './bench.ts'

const BOTH = ['grpc', 'http', 'oauth'] as const satisfies readonly Protocol[]

let flow: Flow
let folder: Folder
let defaults: BenchOptions

beforeAll(async () => {
  flow = await startFlow()
  flow.policy('acme/app', 'ci')
  folder = createFolder()
  defaults = { port: flow.service.port, gitHubUrl: flow.github.url, folder: folder.path }
})
afterAll(async () => {
  folder.remove()
  await flow.close()
})
beforeEach(async () => {
  folder.put('token', `${await flow.workflowToken()}\n`)
})

function check(name: CheckName, change: Partial<Check['trial']> & Pick<Check, 'expected'> = { expected: {} }): Check {
  const { expected, ...trial } = change
  const identity = name === 'exchange' ? 'ci' : 'nobody'
  const source = { kind: 'file', path: 'token' } as const
  return { name, expected, trial: { protocol: 'http', scope: 'acme/app', identity, cap: [], source, ...trial } }
}

/** What the check said, without what differs from time to time. */
async function said(tried: Check, change: Partial<BenchOptions> = {}) {
  const { ok, step, message } = await runCheck(tried, createBench({ ...defaults, ...change }), systemClock)
  return { ok, step, message }
}

async function withFault<T>(fault: FaultHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    fault.clear()
  }
}

/** Of the tokens that GitHub gave out since `before`, those to callers, and whether they are dead. */
function wonSince(before: number): boolean[] {
  return [...flow.github.tokens.values()]
    .slice(before)
    .filter(({ permissions }) => permissions['issues'] === 'write')
    .map(({ revoked }) => revoked)
}

describe.each(BOTH)('over %s', (protocol) => {
  test('what works works: the token is used once, and dead afterwards', async () => {
    flow.policy('acme/app', 'writer', { permissions: { issues: 'write' } })
    const before = flow.github.tokens.size
    let outcome: unknown
    const calls = await flow.calls(async () => {
      outcome = await said(check('exchange', { protocol, identity: 'writer', expected: {} }))
    })
    expect(outcome).toEqual({
      ok: true,
      step: undefined,
      message: expect.stringMatching(/^a token was issued until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, used and revoked$/),
    })
    expect(calls.slice(-2)).toEqual(['GET /installation/repositories', 'DELETE /installation/token'])
    expect(wonSince(before)).toEqual([true])
  })

  test('what must be refused is refused, and its reason is told', async () => {
    expect(await said(check('refusal', { protocol, expected: { reason: 'POLICY_NOT_FOUND' } }))).toEqual({
      ok: true,
      step: undefined,
      message: expect.stringMatching(/^refused: NOT_FOUND POLICY_NOT_FOUND: unable to find trust policy/),
    })
  })

  test('another reason or code than the expected one is a failure', async () => {
    expect(await said(check('refusal', { protocol, expected: { reason: 'SUBJECT_MISMATCH' } }))).toEqual({
      ok: false,
      step: 'outcome',
      message: expect.stringMatching(/^refused, but not with SUBJECT_MISMATCH: NOT_FOUND POLICY_NOT_FOUND: /),
    })
    expect(await said(check('refusal', { protocol, expected: { code: 7 } }))).toEqual({
      ok: false,
      step: 'outcome',
      message: expect.stringMatching(/^refused, but not with PERMISSION_DENIED: NOT_FOUND POLICY_NOT_FOUND: /),
    })
  })

  test('a token where there must be none is a failure, and it is revoked', async () => {
    flow.policy('acme/app', 'writer', { permissions: { issues: 'write' } })
    const before = flow.github.tokens.size
    expect(await said(check('refusal', { protocol, identity: 'writer', expected: {} }))).toEqual({
      ok: false,
      step: 'outcome',
      message: 'a token was issued, although this must be refused',
    })
    expect(wonSince(before)).toEqual([true])
  })

  test('a refusal where there must be a token is a failure', async () => {
    expect(await said(check('exchange', { protocol, identity: 'nobody', expected: {} }))).toEqual({
      ok: false,
      step: 'outcome',
      message: expect.stringMatching(/^refused, although it must work: NOT_FOUND POLICY_NOT_FOUND: /),
    })
  })

  test('a service out of order refuses nothing for good', async () => {
    const fault = flow.github.fault({ route: '/app/installations/{installation_id}/access_tokens' }, { kind: 'html' })
    flow.policy('acme/docs', 'other', { permissions: { issues: 'read' } })
    const tried = check('refusal', { protocol, scope: 'acme/docs', identity: 'other', expected: {} })
    expect(await withFault(fault, () => said(tried))).toEqual({
      ok: false,
      step: 'outcome',
      message: expect.stringMatching(/^refused, but not for good: (UNAVAILABLE|INTERNAL) /),
    })
  })

  test('nobody at the address is no answer, neither a token nor a refusal', async () => {
    const port = await closedPort()
    const failure = { ok: false, step: 'exchange', message: expect.stringMatching(/^no answer: .*ECONNREFUSED/) }
    expect(await said(check('exchange', { protocol, expected: {} }), { port })).toEqual(failure)
    expect(await said(check('refusal', { protocol, expected: {} }), { port })).toEqual(failure)
  })

  test('a server that takes connections and says nothing is left after the time-out', async () => {
    const silent = await serveSilence()
    const late = /^no answer(?: within 0\.15 s$|: (DEADLINE_EXCEEDED|UNAVAILABLE): )/
    expect(await said(check('refusal', { protocol, expected: {} }), { port: silent.port, timeoutMs: 150 })).toEqual({
      ok: false,
      step: 'exchange',
      message: expect.stringMatching(late),
    })
    await silent.close()
  })

  test('what is stopped ends at once', async () => {
    const silent = await serveSilence()
    const stop = new AbortController()
    const running = said(check('exchange', { protocol, expected: {} }), { port: silent.port, stop: stop.signal })
    stop.abort()
    expect(await running).toMatchObject({ ok: false, step: 'exchange' })
    await silent.close()
  })

  test('the page of a proxy is no answer', async () => {
    const proxy = await serveHttp((_request, response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad\u0007 Gateway</h1>')
    })
    const outcome = await said(check('refusal', { protocol, expected: {} }), { port: proxy.port })
    expect(outcome).toMatchObject({ ok: false, step: 'exchange' })
    if (protocol !== 'grpc')
      expect(outcome.message).toBe('HTTP 502, which is no answer of a token service: <h1>Bad\\u{7} Gateway</h1>')
    await proxy.close()
  })
})

test.each([
  ['a code that is none', 403, '{"code":99,"message":"no"}'],
  ['a refusal with the code OK', 403, '{"code":0,"message":"no"}'],
  ['success without a token', 200, '{"token":"","expiry":""}'],
  ['a list', 200, '[]'],
  ['half of a JSON', 200, '{"token":"x'],
  ['a redirect', 307, ''],
])('HTTP: %s is no answer', async (_, status, body) => {
  const other = await serveHttp((_request, response) =>
    response.writeHead(status, { location: `http://127.0.0.1:${flow.service.port}/sts/exchange` }).end(body),
  )
  const outcome = await said(check('exchange'), { port: other.port })
  expect(outcome).toMatchObject({ ok: false, step: 'exchange' })
  expect(outcome.message).toMatch(new RegExp(`^HTTP ${status}, which is no answer of a token service`))
  await other.close()
})

test('HTTP: an answer without end is left at 4 MiB', async () => {
  const endless = await serveHttp((_request, response) => {
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    }
    response.on('drain', pour).writeHead(200)
    pour()
  })
  expect(await said(check('exchange'), { port: endless.port })).toEqual({
    ok: false,
    step: 'exchange',
    message: 'the answer is longer than 4194304 bytes',
  })
  await endless.close()
})

test('a token that GitHub does not take is a failure, and so is that it cannot be revoked', async () => {
  const body = { message: 'Bad credentials' }
  const fault = flow.github.fault({ path: /^\/installation\// }, { kind: 'answer', status: 401, body })
  expect(await withFault(fault, () => said(check('exchange')))).toEqual({
    ok: false,
    step: 'use',
    message:
      'GitHub answered 401 to the use of the token (GET /installation/repositories?per_page=1): Bad credentials; nor was the token revoked',
  })
})

test('a token that works and cannot be revoked is a failure', async () => {
  const fault = flow.github.fault({ method: 'DELETE' }, { kind: 'answer', status: 500, body: {} })
  expect(await withFault(fault, () => said(check('exchange')))).toEqual({
    ok: false,
    step: 'revoke',
    message: 'GitHub answered 500 to the revocation',
  })
})

test('a GitHub that says nothing is left after the time-out', async () => {
  const fault = flow.github.fault({ method: 'GET', route: '/installation/repositories' }, { kind: 'hang' })
  expect(await withFault(fault, () => said(check('exchange'), { timeoutMs: 1_000 }))).toEqual({
    ok: false,
    step: 'use',
    message: 'no answer within 1 s',
  })
})

test('another server than GitHub is told from it', async () => {
  const other = await serveHttp((_request, response) => response.end('{}'))
  expect(await said(check('exchange'), { gitHubUrl: `http://127.0.0.1:${other.port}` })).toMatchObject({
    ok: false,
    step: 'use',
    message: expect.stringMatching(
      /^what answered to the use of the token is not GitHub: check the address of its API/,
    ),
  })
  await other.close()
})

test('without a token nothing is sent', async () => {
  const source = { kind: 'file', path: 'absent' } as const
  const outcome = await said(check('exchange', { source, expected: {} }), { port: await closedPort() })
  expect(outcome).toMatchObject({ ok: false, step: 'token', message: expect.stringMatching(/cannot be read: ENOENT$/) })
})

import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { status } from '@grpc/grpc-js'
import { describe, expect, test } from '@jest/globals'
import type { Caller, ExchangeRequest } from '../../src/exchange/request.ts'
import { Denial } from '../../src/terms/denial.ts'
import { loadProtos } from '../../src/wire/protos.ts'
import { BEARER, EXCHANGE_PATH, frame, PERMISSIONS, serve, stream } from './fixture.ts'

/** A parameter that means nothing sends a call to grpc-js. */
const [DIRECT, BY_GRPC_JS] = ['application/grpc', 'application/grpc;x=y']

const { securityTokenService } = loadProtos()
const MESSAGE = securityTokenService.Exchange.requestSerialize({ scope: 'o/r', identity: 'i', scopes: ['o/r'] })
const UNKNOWN_FIELD = Buffer.concat([Buffer.from('9206c0843d', 'hex'), Buffer.alloc(1_000_000)])

interface Odd {
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly chunks: readonly Buffer[]
  readonly end?: boolean
  readonly window?: number
  readonly behave?: (request: ExchangeRequest, caller: Caller) => Promise<string> | string
}

const untilAborted = (_: ExchangeRequest, { signal }: Caller) =>
  new Promise<string>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
const denied = () => {
  throw new Denial('GITHUB_RATE_LIMITED', 'tränen 100 %\n', { retryAfterMs: 1_500, field: 'f', metadata: { a: 'b' } })
}
const broken = () => {
  throw new Error('sécret')
}

const ODD: Readonly<Record<string, Odd>> = {
  'a message': { chunks: [frame(MESSAGE)] },
  'a message, byte by byte': { chunks: [...frame(MESSAGE)].map((byte) => Buffer.from([byte])) },
  'an empty message': { chunks: [frame(Buffer.alloc(0))] },
  'a message of 1 MB': { chunks: [frame(Buffer.concat([MESSAGE, UNKNOWN_FIELD]))] },
  'a message that is not compressed, and says it is': { chunks: [frame(MESSAGE, 1)] },
  'an odd flag': { chunks: [frame(MESSAGE, 255)] },
  'identity encoding': { headers: { 'grpc-encoding': 'identity' }, chunks: [frame(MESSAGE)] },
  'an encoding that nobody knows, not used': { headers: { 'grpc-encoding': 'x' }, chunks: [frame(MESSAGE)] },
  'an encoding that nobody knows': { headers: { 'grpc-encoding': 'x' }, chunks: [frame(MESSAGE, 1)] },
  'no te': { headers: { te: undefined }, chunks: [frame(MESSAGE)] },
  'a request id, a trace and a user agent': {
    headers: {
      'x-request-id': 'mine',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'user-agent': 'x'.repeat(300),
    },
    chunks: [frame(MESSAGE)],
  },
  'no authorization': { headers: { authorization: undefined }, chunks: [frame(MESSAGE)] },
  'nothing but headers': { chunks: [] },
  'half a prefix': { chunks: [Buffer.alloc(3)] },
  'half a message': { chunks: [frame(MESSAGE).subarray(0, 9)] },
  'two messages': { chunks: [frame(MESSAGE), frame(MESSAGE)] },
  'two messages at once': { chunks: [Buffer.concat([frame(MESSAGE), frame(MESSAGE)])] },
  'two messages, and no end': { chunks: [Buffer.concat([frame(MESSAGE), frame(MESSAGE)])], end: false },
  'a message and a half': { chunks: [Buffer.concat([frame(MESSAGE), frame(MESSAGE).subarray(0, 7)])] },
  'a message that is too large': { chunks: [Buffer.from('00ffffffff', 'hex')] },
  'a message that is too large, and no end': { chunks: [Buffer.from('00ffffffff', 'hex')], end: false },
  'a second message that is too large': { chunks: [frame(MESSAGE), Buffer.from('00ffffffff', 'hex')] },
  'a message that is none': { chunks: [frame(Buffer.from([0xff, 0xff]))] },
  'a message that is none, twice': { chunks: [frame(Buffer.from([0xff])), frame(Buffer.from([0xff]))] },
  'a message that does not end': { chunks: [frame(MESSAGE).subarray(0, 9)], end: false },
  'a stream that does not end': { chunks: [frame(MESSAGE)], end: false },
  'a timeout': { headers: { 'grpc-timeout': '30m' }, chunks: [frame(MESSAGE)], behave: untilAborted },
  'a timeout of nothing': { headers: { 'grpc-timeout': '0n' }, chunks: [frame(MESSAGE)], behave: untilAborted },
  'a timeout, and an exchange that does not hear of it': {
    headers: { 'grpc-timeout': '30m' },
    chunks: [frame(MESSAGE)],
    behave: () => new Promise<string>(() => {}),
  },
  'a timeout that is none': { headers: { 'grpc-timeout': 'x' }, chunks: [frame(MESSAGE)] },
  'a denial': { chunks: [frame(MESSAGE)], behave: denied },
  'a defect': { chunks: [frame(MESSAGE)], behave: broken },
  'a long token': { chunks: [frame(MESSAGE)], behave: () => `ghs_${'x'.repeat(100_000)}` },
  'a window of 1 byte': { chunks: [frame(MESSAGE)], window: 1 },
  'a refresh': {
    headers: { ':path': '/chainguard.platform.oidc.SecurityTokenService/ExchangeRefreshToken' },
    chunks: [frame(MESSAGE)],
  },
  'a refresh that is none': {
    headers: { ':path': '/chainguard.platform.oidc.SecurityTokenService/ExchangeRefreshToken' },
    chunks: [frame(Buffer.from([0xff]))],
  },
}

/** All that a caller and an exchange see of it. */
async function outcome(odd: Odd, contentType: string) {
  await using wire = await serve(odd.behave, { limits: { requestMs: 200, lingerMs: 200 } })
  const headers = { 'content-type': contentType, ...odd.headers }
  const settings = odd.window === undefined ? {} : { initialWindowSize: odd.window }
  const answer = await stream(wire.port, headers, odd.chunks, odd.end, settings)
  // What grpc-js says of a success beside its code, and need not be said.
  const { date, 'grpc-encoding': _, 'grpc-accept-encoding': __, 'grpc-message': message, ...kept } = answer.headers
  const seen = wire.seen.map(({ request, caller: { signal, ...caller } }) => [request, caller, signal.reason])
  return {
    ...answer,
    status: answer.headers[':status'],
    headers: { ...kept, 'grpc-message': message === 'OK' ? undefined : message },
    seen,
    abandoned: wire.abandoned,
    // By grpc-js's way a call that does not end is logged when it is cut, though it was refused long before.
    logged: (odd.end === false ? [] : wire.logged).map((line) => ({ ...JSON.parse(line), time: 0, err: 0 })),
  }
}

describe('a unary call is answered as grpc-js answers it', () => {
  test.each(Object.entries(ODD))('%s', async (_name, odd) => {
    const [direct, byGrpcJs] = await Promise.all([outcome(odd, DIRECT), outcome(odd, BY_GRPC_JS)])
    expect(direct.status).toBe(200)
    expect(direct).toEqual(byGrpcJs)
  })

  test('and in truth by another way', async () => {
    const statuses: unknown[] = []
    for (const type of [DIRECT, BY_GRPC_JS]) {
      await using wire = await serve()
      const { headers } = await stream(wire.port, { 'content-type': type }, [frame(MESSAGE)])
      statuses.push([headers['grpc-status'], headers['grpc-accept-encoding']])
    }
    expect(statuses).toEqual([
      ['0', undefined],
      ['0', expect.any(String)],
    ])
  })
})

describe('a caller that does not take its token', () => {
  test('for want of a window: it is cut, and the token abandoned', async () => {
    for (const type of [DIRECT, BY_GRPC_JS]) {
      await using wire = await serve(undefined, { limits: { requestMs: 50, lingerMs: 50 } })
      const settings = { initialWindowSize: 0 }
      const answer = await stream(wire.port, { 'content-type': type }, [frame(MESSAGE)], true, settings)
      expect([answer.resetCode, answer.body.length, wire.abandoned]).toEqual([8, 0, ['ghs_test']])
    }
  })

  test('because it cannot be written: it is told of a defect, and the token abandoned', async () => {
    const abandoned: string[] = []
    const exchange = async () => ({
      token: 'ghs_test',
      expiresAt: undefined as unknown as Date,
      permissions: PERMISSIONS,
      abandon: () => abandoned.push('ghs_test'),
    })
    await using wire = await serve(undefined, { exchange })
    const { headers } = await stream(wire.port, {}, [frame(MESSAGE)])
    expect([headers['grpc-status'], abandoned]).toEqual([String(status.INTERNAL), ['ghs_test']])
  })
})

test('a session with a call in flight is not idle', async () => {
  let finish: (token: string) => void = () => {}
  const behave = () =>
    new Promise<string>((resolve) => {
      finish = resolve
    })
  await using wire = await serve(behave, { limits: { sessionIdleMs: 50 } })
  const [busy, idle] = [connectHttp2(`http://127.0.0.1:${wire.port}`), connectHttp2(`http://127.0.0.1:${wire.port}`)]
  const toldToGo = (session: ClientHttp2Session) => new Promise((resolve) => session.once('goaway', resolve))
  let busyToldToGo = false
  const both = Promise.all([toldToGo(busy).then(() => (busyToldToGo = true)), toldToGo(idle)])
  const call = busy.request({ ':method': 'POST', ':path': EXCHANGE_PATH, 'content-type': DIRECT, ...BEARER })
  call.resume().end(frame(MESSAGE))
  await toldToGo(idle)
  expect([wire.seen.length, busyToldToGo]).toEqual([1, false])
  finish('ghs_test')
  await both
  expect(wire.abandoned).toEqual([])
})

import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { Client, compressionAlgorithms, credentials, Metadata, makeClientConstructor, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { HealthClient } from '../../src/gen/grpc/health/v1/Health.ts'
import { loadProtos } from '../../src/wire/protos.ts'
import {
  askGrpc,
  BEARER,
  callGrpc,
  EXCHANGE_PATH,
  EXPIRES_AT,
  frame,
  grpcClient,
  serve,
  stream,
  until,
} from './fixture.ts'

/** Of each message here it is a field without a value. */
const FLOOD = Buffer.alloc(4_000_000, '0a00', 'hex')
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function bearer(entries: Readonly<Record<string, string>> = {}): Metadata {
  return Metadata.fromHttp2Headers({ ...BEARER, ...entries })
}

describe('Exchange', () => {
  test('carries every field, and answers with token and expiry', async () => {
    await using wire = await serve()
    const message = {
      aud: ['x'],
      scope: 'a/b',
      identity: 'i',
      cap: ['contents:read'],
      identityProvider: 'p',
      scopes: ['a/b'],
    }
    const { error, value } = await askGrpc(wire.port, message, bearer({ cgclientid: 'c', traceparent: '00-0-0-00' }))
    expect(error).toBeNull()
    expect(value).toEqual({
      token: 'ghs_test',
      refreshToken: '',
      expiry: { seconds: String(EXPIRES_AT.getTime() / 1_000), nanos: 0 },
    })
    const { request, caller } = wire.seen[0] ?? {}
    expect(request).toEqual({
      scope: 'a/b',
      scopes: ['a/b'],
      identity: 'i',
      cap: ['contents:read'],
      authorization: ['Bearer a.b.c'],
    })
    expect(caller?.protocol).toBe('grpc')
    expect(caller?.userAgent).toMatch(/^grpc-node-js/)
  })

  test('50 at once on one connection', async () => {
    await using wire = await serve((request) => `ghs_${request.identity}`)
    const client = grpcClient(wire.port)
    closers.push(() => client.close())
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => callGrpc(client, { identity: String(index) }, bearer())),
    )
    expect(answers.map(({ value }) => value?.token)).toEqual(Array.from({ length: 50 }, (_, index) => `ghs_${index}`))
  })

  test('without authorization: Unauthenticated', async () => {
    await using wire = await serve()
    const { error } = await askGrpc(wire.port, {}, new Metadata())
    expect(error?.code).toBe(status.UNAUTHENTICATED)
    expect(error?.details).toMatch(/^expected exactly one authorization header, got none/)
  })

  test.each([
    ['gRPC', 'POST', EXCHANGE_PATH],
    ['HTTP over HTTP/2', 'GET', '/sts/exchange'],
  ])('every authorization entry is seen: %s', async (_name, method, path) => {
    await using wire = await serve()
    const socket = connect(wire.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    const headers = [
      [':method', method],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'x'],
      ['content-type', 'application/grpc'],
      ['authorization', 'Bearer a.b.c'],
      ['authorization', 'Bearer d.e.f'],
    ] as const
    socket.write(Buffer.concat([PREFACE, h2Frame(4, 0, 0, Buffer.alloc(0)), h2Frame(1, 4, 1, hpack(headers))]))
    socket.write(h2Frame(0, 1, 1, frame(Buffer.alloc(0))))
    await until(() => wire.seen.length === 1)
    expect(wire.seen[0]?.request.authorization).toEqual(['Bearer a.b.c', 'Bearer d.e.f'])
  })

  test('a token of 16 KiB passes', async () => {
    await using wire = await serve()
    const token = 'a'.repeat(16_384)
    const { error } = await askGrpc(wire.port, {}, bearer({ authorization: `Bearer ${token}` }))
    expect(error).toBeNull()
    expect(wire.seen[0]?.request.authorization[0]).toHaveLength('Bearer '.length + token.length)
  })

  test.each([17, 20, 32, 48, 60])('a token of %i KiB is refused, and the connection lives', async (kibibytes) => {
    await using wire = await serve()
    const client = grpcClient(wire.port)
    closers.push(() => client.close())
    const { error } = await callGrpc(client, {}, bearer({ authorization: `Bearer ${'a'.repeat(kibibytes * 1024)}` }))
    expect([error?.code, error?.details]).toEqual([
      status.INVALID_ARGUMENT,
      'invalid bearer token: longer than 16384 bytes',
    ])
    expect((await callGrpc(client, {}, bearer())).error).toBeNull()
  })

  test('a compressed request works', async () => {
    await using wire = await serve()
    const client = makeRawClient(wire.port, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
    const bytes = loadProtos().securityTokenService.Exchange.requestSerialize({ scope: 'a/b'.repeat(100) })
    const { code } = await rawCall(client, EXCHANGE_PATH, bytes)
    expect(code).toBe(status.OK)
    expect(wire.seen[0]?.request.scope).toBe('a/b'.repeat(100))
  })

  test.each([
    ['a message that is none', EXCHANGE_PATH, Buffer.from([0xff, 0xff, 0xff]), status.INVALID_ARGUMENT],
    ['a message over 4 MiB', EXCHANGE_PATH, Buffer.alloc(4 * 1024 * 1024 + 1), status.RESOURCE_EXHAUSTED],
    ['a message of two million fields', EXCHANGE_PATH, FLOOD, status.RESOURCE_EXHAUSTED],
    ['a health check of two million fields', '/grpc.health.v1.Health/Check', FLOOD, status.INVALID_ARGUMENT],
    ['a health check', '/grpc.health.v1.Health/Check', Buffer.alloc(0), status.OK],
    [
      'a message of as many fields as a form has room for',
      EXCHANGE_PATH,
      Buffer.alloc(20_000, '2a00', 'hex'),
      status.OK,
    ],
    ['an unknown method', '/chainguard.platform.oidc.SecurityTokenService/Nope', Buffer.alloc(0), status.UNIMPLEMENTED],
    ['an unknown service', '/nope.Nope/Nope', Buffer.alloc(0), status.UNIMPLEMENTED],
  ])('%s', async (_name, path, bytes, code) => {
    await using wire = await serve()
    const answer = await rawCall(makeRawClient(wire.port), path, bytes)
    expect(answer.code).toBe(code)
  })

  test.each([
    ['a message that is no gzip', [frame(Buffer.from('x'), 1)], true, 'INVALID_ARGUMENT', 'REQUEST_MALFORMED'],
    ['a message over 4 MiB', [Buffer.from('00ffffffff', 'hex')], true, 'RESOURCE_EXHAUSTED', 'REQUEST_TOO_LARGE'],
    [
      'a message that does not end',
      [Buffer.from('0000000009', 'hex')],
      false,
      'DEADLINE_EXCEEDED',
      'DEADLINE_EXCEEDED',
    ],
  ] as const)(
    '%s is refused with a reason, and never as a fault of the service',
    async (_name, chunks, end, code, reason) => {
      await using wire = await serve(undefined, { limits: { requestMs: 300 } })
      const { headers } = await stream(wire.port, { 'grpc-encoding': 'gzip' }, chunks, end)
      expect(headers['grpc-status']).toBe(String(status[code]))
      expect(headers['x-request-id']).toEqual(expect.any(String))
      expect(Buffer.from(String(headers['grpc-status-details-bin']), 'base64').toString('latin1')).toContain(reason)
      expect(wire.seen).toEqual([])
    },
  )

  test('a bomb is stopped at 4 MiB', async () => {
    await using wire = await serve()
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    const { headers } = await stream(wire.port, { 'grpc-encoding': 'gzip' }, [frame(bomb, 1)])
    expect(headers['grpc-status']).toBe(String(status.RESOURCE_EXHAUSTED))
    expect(wire.seen).toEqual([])
  })

  test('a bearer token that is no legal header value is not printed', async () => {
    await using wire = await serve()
    const errors: unknown[] = []
    const { error: print } = console
    console.error = (...parameters: unknown[]) => errors.push(parameters)
    try {
      const { headers } = await stream(wire.port, { authorization: 'Bearer sécret' }, [frame(Buffer.alloc(0))])
      expect(headers['grpc-status']).toBe('0') // whether it is a token is not looked at here
    } finally {
      console.error = print
    }
    expect(errors).toEqual([])
  })
})

describe('deadlines', () => {
  test('the deadline of the caller is kept', async () => {
    await using wire = await serve(
      (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
    )
    const { headers } = await stream(wire.port, { 'grpc-timeout': '50m' }, [frame(Buffer.alloc(0))])
    expect(headers['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED))
    expect(wire.seen[0]?.caller.signal.reason).toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
  })

  test('an exchange that does not end is answered for, and its late token abandoned', async () => {
    let finish: (token: string) => void = () => {}
    await using wire = await serve(
      () =>
        new Promise<string>((resolve) => {
          finish = resolve
        }),
      { limits: { requestMs: 50 } },
    )
    const { error } = await askGrpc(wire.port, {}, bearer())
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED)
    finish('ghs_late')
    await until(() => wire.abandoned.length > 0)
    expect(wire.abandoned).toEqual(['ghs_late'])
  })

  test.each(['soon', '', '-1S', '123456789S', '1', '1s', '1.5S'])('grpc-timeout %j is refused', async (text) => {
    await using wire = await serve()
    const { headers } = await stream(wire.port, { 'grpc-timeout': text }, [frame(Buffer.alloc(0))])
    expect(headers['grpc-status']).toBe(String(status.INVALID_ARGUMENT))
    expect(wire.seen).toEqual([])
  })

  test.each(['99999999H', '99999999S', '5S'])('grpc-timeout %s is enough', async (text) => {
    await using wire = await serve()
    const { headers } = await stream(wire.port, { 'grpc-timeout': text }, [frame(Buffer.alloc(0))])
    expect(headers['grpc-status']).toBe('0')
  })

  test.each([
    ['its headers', []],
    ['half a message', [Buffer.from([0, 0, 0])]],
    ['a message without its end', [frame(Buffer.alloc(0))]],
  ])('a stream that stops after %s is answered', async (_name, chunks) => {
    await using wire = await serve(undefined, { limits: { requestMs: 50 } })
    const { headers } = await stream(wire.port, {}, chunks, false)
    expect(headers['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED))
    expect(wire.seen).toEqual([])
  })
})

describe('a caller that leaves', () => {
  test('aborts the exchange, and its token is abandoned', async () => {
    let finish: (token: string) => void = () => {}
    await using wire = await serve(
      () =>
        new Promise<string>((resolve) => {
          finish = resolve
        }),
    )
    const client = grpcClient(wire.port)
    closers.push(() => client.close())
    const call = client.Exchange({}, bearer(), () => {})
    await until(() => wire.seen.length === 1)
    call.cancel()
    await until(() => wire.seen[0]?.caller.signal.aborted === true)
    expect(wire.seen[0]?.caller.signal.reason).toMatchObject({ reason: 'CANCELLED' })
    finish('ghs_unwanted')
    await until(() => wire.abandoned.length > 0)
    expect(wire.abandoned).toEqual(['ghs_unwanted'])
  })

  test('does not read its answer: the token is abandoned', async () => {
    await using wire = await serve(() => `ghs_${'x'.repeat(100)}`)
    const session = connectHttp2(`http://127.0.0.1:${wire.port}`, { settings: { initialWindowSize: 10 } })
    const request = session.request({
      ':method': 'POST',
      ':path': EXCHANGE_PATH,
      'content-type': 'application/grpc',
      ...BEARER,
    })
    request.on('error', () => {})
    request.end(frame(Buffer.alloc(0)))
    await new Promise((resolve) => request.once('response', resolve))
    session.destroy()
    await until(() => wire.abandoned.length > 0)
    expect(wire.abandoned).toEqual([`ghs_${'x'.repeat(100)}`])
  })

  test('a delivered token is not abandoned, and nothing is called off when its stream closes', async () => {
    await using wire = await serve()
    expect((await askGrpc(wire.port, {}, bearer())).error).toBeNull()
    await wire.server.close(1_000)
    expect([wire.abandoned, wire.seen[0]?.caller.signal.aborted]).toEqual([[], false])
  })
})

describe('health', () => {
  test('Check and Watch tell readiness, and shutting down ends the watch', async () => {
    let ready = false
    await using wire = await serve(undefined, { isReady: () => ready })
    const client = healthClient(wire.port)
    const check = (service: string) =>
      new Promise((resolve) => client.Check({ service }, (error, answer) => resolve(error?.code ?? answer?.status)))
    expect(await check('')).toBe('NOT_SERVING')
    const seen: unknown[] = []
    const watch = client.Watch({ service: 'chainguard.platform.oidc.SecurityTokenService' })
    const ended = new Promise((resolve) => watch.on('error', resolve))
    watch.on('data', ({ status: current }) => seen.push(current))
    await until(() => seen.length === 1)
    ready = true
    expect(await check('chainguard.platform.oidc.SecurityTokenService')).toBe('SERVING')
    expect(await check('nope')).toBe(status.NOT_FOUND)
    await until(() => seen.length === 2)
    const closed = wire.server.close(10_000)
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE })
    await closed
    expect(seen).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING'])
  })

  test('Watch of an unknown service says so and goes on', async () => {
    await using wire = await serve()
    const watch = healthClient(wire.port).Watch({ service: 'nope' })
    watch.on('error', () => {})
    expect(await new Promise((resolve) => watch.once('data', resolve))).toEqual({ status: 'SERVICE_UNKNOWN' })
  })
})

function healthClient(port: number): HealthClient {
  const HealthStub = makeClientConstructor(loadProtos().health, 'Health')
  const client: unknown = new HealthStub(`localhost:${port}`, credentials.createInsecure())
  closers.push(() => (client as HealthClient).close())
  return client as HealthClient
}

function makeRawClient(port: number, options = {}): Client {
  const client = new Client(`localhost:${port}`, credentials.createInsecure(), options)
  closers.push(() => client.close())
  return client
}

function rawCall(client: Client, path: string, bytes: Buffer): Promise<{ readonly code: number }> {
  return new Promise((resolve) => {
    const same = (value: Buffer): Buffer => value
    const call = client.makeUnaryRequest(path, same, same, bytes, bearer(), () => {})
    call.on('status', resolve)
  })
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** An HTTP/2 frame (RFC 9113 §4.1). */
function h2Frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

/** Literal fields, never indexed (RFC 7541 §6.2.3), because no client of Node's sends a header twice. */
function hpack(headers: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0x10]), text(name), text(value)]))
}

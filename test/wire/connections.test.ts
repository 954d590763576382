import { execFile } from 'node:child_process'
import { Agent, request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { Metadata } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from '@jest/globals'
import { ask1, ask2, askRaw, BEARER, callGrpc, grpcClient, serve, until } from './fixture.ts'

const run = promisify(execFile)
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

function open(port: number, bytes = ''): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, () => resolve(socket)))
    sockets.push(socket)
    socket.on('error', () => {}).resume()
  })
}

function closed(socket: Socket): Promise<true> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve(true)
    else socket.once('close', () => resolve(true))
  })
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

describe('one port', () => {
  test('HTTP/1.1, HTTP over HTTP/2 and gRPC side by side', async () => {
    await using wire = await serve()
    const client = grpcClient(wire.port)
    const metadata = Metadata.fromHttp2Headers(BEARER)
    const [one, two, three] = await Promise.all([
      ask1(wire.port, '/sts/exchange'),
      ask2(wire.port, '/sts/exchange'),
      callGrpc(client, {}, metadata),
    ])
    client.close()
    expect([one.status, two.status, three.value?.token]).toEqual([200, 200, 'ghs_test'])
  })

  test('curl, over HTTP/1.1 and HTTP/2, with a query, a form and JSON', async () => {
    await using wire = await serve()
    const url = `http://127.0.0.1:${wire.port}/sts/exchange`
    const bearer = ['-sS', '--max-time', '10', '-H', 'Authorization: Bearer a.b.c']
    const forms = [
      [`${url}?scope=org/repo&identity=foo`],
      ['-d', 'scope=org/repo', '-d', 'identity=foo', url],
      ['-H', 'content-type: application/json', '-d', '{"scope":"org/repo","identity":"foo"}', url],
      ['-d', `scope=org/repo&identity=foo&x=${'y'.repeat(50_000)}`, '-H', 'Expect: 100-continue', url],
    ]
    for (const version of ['--http1.1', '--http2-prior-knowledge']) {
      for (const form of forms) {
        const { stdout } = await run('curl', [version, ...bearer, ...form])
        expect(JSON.parse(stdout).token).toBe('ghs_test')
      }
    }
    for (const { request } of wire.seen) expect(request).toMatchObject({ scope: 'org/repo', identity: 'foo' })
    expect(wire.seen).toHaveLength(8)
  })

  test('the first bytes may come one by one', async () => {
    await using wire = await serve()
    const http1 = await open(wire.port)
    const http2 = await open(wire.port)
    let first = ''
    let second = Buffer.alloc(0)
    http1.on('data', (chunk) => {
      first += String(chunk)
    })
    http2.on('data', (chunk: Buffer) => {
      second = Buffer.concat([second, chunk])
    })
    http1.setNoDelay(true)
    http2.setNoDelay(true)
    for (const byte of 'PUT / HTTP/1.1\r\nhost: x\r\n\r\n') {
      http1.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (const byte of PREFACE) {
      http2.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    http2.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    await until(() => first.includes('405') && second.length >= 9)
    expect(second[3]).toBe(4) // SETTINGS
  })

  test('pipelined requests are answered in order', async () => {
    await using wire = await serve((request) => `ghs_${request.identity}`)
    const one = (identity: number, last = '') =>
      `GET /sts/exchange?identity=${identity} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a.b.c\r\n${last}\r\n`
    const text = await askRaw(wire.port, one(1) + one(2) + one(3, 'connection: close\r\n'))
    expect(text.match(/ghs_\d/g)).toEqual(['ghs_1', 'ghs_2', 'ghs_3'])
  })

  test('an HTTP/2 client that half-closes its connection is let go', async () => {
    await using wire = await serve()
    const socket = await open(wire.port, PREFACE)
    socket.end()
    expect(await closed(socket)).toBe(true)
  })
})

describe('malformed HTTP/1.1 is answered, and the process lives', () => {
  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['a broken request line', 'GET / HTTP/9\r\n\r\n', 400],
    ['a TLS hello to a plain port', '\x16\x03\x01\x02\x00\x01\x00', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 400],
    [
      'length and chunks (request smuggling)',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a header with a line feed in it', 'GET / HTTP/1.1\r\nhost: x\r\na: b\nc\r\n\r\n', 400],
    ['headers of 70 KiB', `GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${'a'.repeat(70_000)}\r\n\r\n`, 431],
    ['headers of 3 MiB', `GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${'a'.repeat(3_000_000)}\r\n\r\n`, 431],
  ])('%s', async (_name, bytes, status) => {
    await using wire = await serve()
    const text = await askRaw(wire.port, Buffer.from(bytes, 'latin1'))
    expect(text.startsWith(`HTTP/1.1 ${status} `)).toBe(true)
    const body = JSON.parse(text.slice(text.indexOf('\r\n\r\n')))
    expect([body.code, body.details[0].reason]).toEqual([3, status === 431 ? 'TOKEN_TOO_LARGE' : 'REQUEST_MALFORMED'])
    expect((await ask1(wire.port, '/healthz')).status).toBe(200)
  })

  test('a token of 16 KiB passes', async () => {
    await using wire = await serve()
    const headers = { authorization: `Bearer ${'a'.repeat(16_384)}` }
    expect((await ask1(wire.port, '/sts/exchange', { headers })).status).toBe(200)
    expect((await ask2(wire.port, '/sts/exchange', { headers })).status).toBe(200)
  })

  test('an HTTP/2 connection that breaks the protocol is closed', async () => {
    await using wire = await serve()
    const socket = await open(wire.port, `${PREFACE}${'x'.repeat(100)}`)
    expect(await closed(socket)).toBe(true)
    expect((await ask2(wire.port, '/healthz')).status).toBe(200)
  })

  test('an HTTP/2 connection with a header that cannot be decoded is closed', async () => {
    await using wire = await serve(undefined, { limits: { lingerMs: 100 } })
    const socket = await open(wire.port, PREFACE)
    const longValue = [0x10, 1, 0x61, 0x7f, 0xf1, 0xa1, 4] // "a" with a value of 70,000 bytes (RFC 7541 §5.1, §6.2.3)
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, longValue.length, 1, 4, 0, 0, 0, 1, ...longValue]))
    expect(await closed(socket)).toBe(true)
  })
})

describe('slow and silent callers are cut', () => {
  test.each([
    ['a connection that says nothing', ''],
    ['one that begins like HTTP/2', 'PR'],
  ])('%s', async (_name, bytes) => {
    await using wire = await serve(undefined, { limits: { headersMs: 50 } })
    expect(await closed(await open(wire.port, bytes))).toBe(true)
  })

  test('headers that do not end: 408', async () => {
    await using wire = await serve(undefined, { limits: { headersMs: 50 } })
    expect(await askRaw(wire.port, 'GET / HTTP/1.1\r\nhost: x\r\n')).toMatch(/^HTTP\/1.1 408 /)
  })

  test('a body that does not end: 504', async () => {
    await using wire = await serve(undefined, { limits: { headersMs: 100, requestMs: 50 } })
    const head = `POST /sts/exchange HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a.b.c\r\ncontent-length: 10\r\n\r\nabc`
    expect(await askRaw(wire.port, head)).toMatch(/^HTTP\/1.1 504 /)
  })

  test('a body over HTTP/2 that does not end: 504, and the stream is closed', async () => {
    await using wire = await serve(undefined, { limits: { requestMs: 50, lingerMs: 50 } })
    const session = connectHttp2(`http://127.0.0.1:${wire.port}`)
    const stream = session.request({ ':method': 'POST', ':path': '/sts/exchange', ...BEARER })
    const status = await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
    stream.resume()
    await new Promise((resolve) => stream.once('close', resolve))
    session.close()
    expect(status).toBe(504)
  })

  test('an idle keep-alive connection', async () => {
    await using wire = await serve(undefined, { limits: { keepAliveMs: 50 } })
    const socket = await open(wire.port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(await closed(socket)).toBe(true)
  })

  test('an idle HTTP/2 connection gets a GOAWAY', async () => {
    await using wire = await serve(undefined, { limits: { sessionIdleMs: 50 } })
    const session = connectHttp2(`http://127.0.0.1:${wire.port}`)
    const code = await new Promise((resolve) => session.once('goaway', resolve))
    session.destroy()
    expect(code).toBe(0)
  })

  test('an HTTP/2 peer that answers no ping', async () => {
    await using wire = await serve(undefined, { limits: { pingMs: 30, pingAnswerMs: 30 } })
    const socket = await open(wire.port, `${PREFACE}\0\0\0\x04\0\0\0\0\0`)
    expect(await closed(socket)).toBe(true)
  })

  test('connections beyond the limit', async () => {
    await using wire = await serve(undefined, { limits: { connections: 2 } })
    await open(wire.port)
    await open(wire.port)
    expect(await closed(await open(wire.port))).toBe(true)
  })

  test('pings without streams are welcome', async () => {
    await using wire = await serve()
    const session = connectHttp2(`http://127.0.0.1:${wire.port}`)
    await new Promise((resolve) => session.once('connect', resolve)) // Node cancels a ping before that
    const ping = () => new Promise((resolve) => session.ping((error) => resolve(error)))
    for (let count = 0; count < 20; count += 1) expect(await ping()).toBeNull()
    session.destroy()
  })

  test('streams beyond the limit wait', async () => {
    await using wire = await serve(undefined, { limits: { streams: 7 } })
    const session = connectHttp2(`http://127.0.0.1:${wire.port}`)
    await new Promise((resolve) => session.once('remoteSettings', resolve))
    expect(session.remoteSettings.maxConcurrentStreams).toBe(7)
    session.destroy()
  })
})

describe('a caller over HTTP that leaves', () => {
  test.each([
    [
      'HTTP/1.1',
      (port: number) => open(port, `GET /sts/exchange HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a.b.c\r\n\r\n`),
    ],
    [
      'HTTP/2',
      async (port: number) => {
        const session = connectHttp2(`http://127.0.0.1:${port}`)
        session.on('error', () => {})
        session.request({ ':path': '/sts/exchange', ...BEARER }).on('error', () => {})
        return session
      },
    ],
  ])('%s: the exchange is aborted, the late token abandoned', async (_name, begin) => {
    let finish: (token: string) => void = () => {}
    await using wire = await serve(
      () =>
        new Promise<string>((resolve) => {
          finish = resolve
        }),
    )
    const caller = await begin(wire.port)
    await until(() => wire.seen.length === 1)
    caller.destroy()
    await until(() => wire.seen[0]?.caller.signal.aborted === true)
    expect(wire.seen[0]?.caller.signal.reason).toMatchObject({ reason: 'CANCELLED' })
    finish('ghs_unwanted')
    await until(() => wire.abandoned.length > 0)
    expect(wire.abandoned).toEqual(['ghs_unwanted'])
  })

  test('a pipelined answer that has no socket yet is abandoned with the connection', async () => {
    await using wire = await serve((request) =>
      request.identity === 'slow' ? new Promise<string>(() => {}) : 'ghs_second',
    )
    const one = (identity: string) =>
      `GET /sts/exchange?identity=${identity} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer a.b.c\r\n\r\n`
    const socket = await open(wire.port, one('slow') + one('fast'))
    await until(() => wire.seen.length === 2)
    socket.destroy()
    await until(() => wire.abandoned.length > 0)
    expect(wire.abandoned).toEqual(['ghs_second'])
  })

  test('a delivered token is kept', async () => {
    await using wire = await serve()
    await ask1(wire.port, '/sts/exchange')
    await ask2(wire.port, '/sts/exchange')
    await wire.server.close(1_000)
    expect(wire.abandoned).toEqual([])
  })
})

describe('shutting down', () => {
  test('is not ready, and finishes what is in flight', async () => {
    const finish: ((token: string) => void)[] = []
    await using wire = await serve(
      () =>
        new Promise<string>((resolve) => {
          finish.push(resolve)
        }),
    )
    const client = grpcClient(wire.port)
    const answers = [
      ask1(wire.port, '/sts/exchange').then(({ status, headers }) => [status, headers.connection]),
      ask2(wire.port, '/sts/exchange').then(({ status }) => [status]),
      callGrpc(client, {}, Metadata.fromHttp2Headers(BEARER)).then(({ value }) => [value?.token]),
    ]
    await until(() => finish.length === 3)
    const done = wire.server.close(60_000)
    await expect(ask1(wire.port, '/healthz')).rejects.toThrow('ECONNREFUSED')
    for (const each of finish) each('ghs_finished')
    expect(await Promise.all(answers)).toEqual([[200, 'close'], [200], ['ghs_finished']])
    client.close()
    await done
    expect(wire.abandoned).toEqual([])
  })

  test('readyz on a connection that is in flight says 503', async () => {
    await using wire = await serve(() => new Promise<string>(() => {}))
    const session = connectHttp2(`http://127.0.0.1:${wire.port}`)
    session.request({ ':path': '/sts/exchange', ...BEARER }).on('error', () => {})
    await until(() => wire.seen.length === 1)
    const agent = new Agent({ keepAlive: true })
    const readyz = () =>
      new Promise((resolve, reject) => {
        const request = httpRequest({ port: wire.port, host: '127.0.0.1', path: '/readyz', agent }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        })
        request.on('error', reject).end()
      })
    expect(await readyz()).toBe(200)
    const done = wire.server.close(20)
    await done
    agent.destroy()
    session.destroy()
  })

  test('after the grace what is left is refused with SHUTTING_DOWN', async () => {
    await using wire = await serve(() => new Promise<string>(() => {}))
    const client = grpcClient(wire.port)
    const answers = Promise.all([
      ask1(wire.port, '/sts/exchange').then(({ body }) => JSON.parse(body).details[0].reason),
      ask2(wire.port, '/sts/exchange').then(({ body }) => JSON.parse(body).details[0].reason),
      callGrpc(client, {}, Metadata.fromHttp2Headers(BEARER)).then(({ error }) => error?.details),
    ])
    await until(() => wire.seen.length === 3)
    await wire.server.close(20)
    client.close()
    expect(await answers).toEqual(['SHUTTING_DOWN', 'SHUTTING_DOWN', 'this process is ending: try again'])
  })

  test('connections that never end are cut, and a second call waits for the first', async () => {
    await using wire = await serve()
    const silent = await open(wire.port)
    const http2 = await open(wire.port, `${PREFACE}\0\0\0\x04\0\0\0\0\0`)
    const half = await open(wire.port, 'POST /sts/exchange HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n')
    await until(() => silent.readyState === 'open')
    await Promise.all([wire.server.close(20), wire.server.close(20)])
    expect(await Promise.all([closed(silent), closed(http2), closed(half)])).toEqual([true, true, true])
  })
})

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { createPoolFetch, type PoolFetch, type Received } from '../../src/github/pool-fetch.ts'

let server: Server
let pool: PoolFetch
afterEach(async () => {
  await pool.close()
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})

/** What comes of one request to a server that does so. */
async function send(listener: RequestListener, connections?: number) {
  server = createServer(listener)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  pool = createPoolFetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 1000, connections)
  const request = { method: 'POST', path: '/a', headers: ['a', 'b'], body: '{}' }
  const copied = (received: Received): Received => ({ ...received, chunks: [Buffer.concat(received.chunks)] })
  return (ms = 5000, maxBytes = 1000) => pool.send(request, copied, { ms, maxBytes })
}

test('of the headers those of use are kept, by their names in lower case, and the first where there are several', async () => {
  const ask = await send((_, response) => {
    response.setHeader('X-RateLimit-Limit', '5000')
    response.setHeader('ETag', 'W/"1"')
    response.setHeader('LOCATION', ['/first', '/second'])
    response.setHeader('vary', 'of the length of date')
    response.setHeader('x-something', 'else')
    response.setHeader('__proto__', 'x')
    response.sendDate = false
    response.end('{}')
  })
  const { status, headers, chunks } = await ask()
  expect([status, String(chunks)]).toEqual([200, '{}'])
  expect(Object.entries(headers).toSorted()).toEqual([
    ['etag', 'W/"1"'],
    ['location', '/first'],
    ['x-ratelimit-limit', '5000'],
  ])
})

test('an answer in several pieces is put together', async () => {
  const ask = await send((_, response) => {
    response.write('{"a"')
    setImmediate(() => response.end(':1}'))
  })
  expect(Buffer.concat((await ask()).chunks).toString()).toBe('{"a":1}')
})

test.each<[string, RequestListener]>([
  ['oversized', (_, response) => response.end('x'.repeat(1001))],
  [
    'cut',
    (_, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half')
      setImmediate(() => response.destroy())
    },
  ],
  ['unreached', (request) => request.socket.destroy()],
])('no usable answer is %s', async (kind, listener) => {
  const ask = await send(listener)
  await expect(ask()).rejects.toMatchObject({ name: 'NoAnswer', kind })
})

test('a request whose time ends before it has a connection is never made', async () => {
  let asked = 0
  const ask = await send((_, response) => {
    asked += 1
    if (asked > 1) response.end('{}')
  }, 1)
  const both = await Promise.allSettled([ask(200), ask(200)])
  expect(both).toMatchObject([{ reason: { kind: 'timeout' } }, { reason: { kind: 'timeout' } }])
  expect((await ask()).status).toBe(200)
  expect(asked).toBe(2)
})

test('what goes wrong in reading an answer is no failure of the connection', async () => {
  const ask = await send((_, response) => response.end('{}'))
  expect((await ask()).status).toBe(200)
  const broken = () => {
    throw new RangeError('of the reader')
  }
  const request = { method: 'POST', path: '/a', headers: [], body: '{}' }
  await expect(pool.send(request, broken, { ms: 1000, maxBytes: 1000 })).rejects.toBeInstanceOf(RangeError)
})

test('more large answers than there is room for all come whole', async () => {
  const sizes = Array.from({ length: 30 }, (_, index) => 100_000 + index * 50_000)
  let asked = 0
  const ask = await send((_, response) => void response.end(String(asked).padEnd(sizes[asked++] ?? 0, 'x')))
  const answers = await Promise.all(sizes.map(() => ask(30_000, 2_000_000)))
  const texts = answers.map(({ chunks }) => Buffer.concat(chunks).toString())
  expect(texts.map((text) => text.length).toSorted((a, b) => a - b)).toEqual(sizes)
  expect(texts.every((text) => /^\d+x+$/.test(text))).toBe(true)
})

test('a large answer that breaks off, or is given up, makes room for others', async () => {
  let asked = 0
  const ask = await send((_, response) => {
    asked += 1
    if (asked > 20) return void response.end('x'.repeat(1_000_000))
    response.writeHead(200, { 'content-length': '2000000' })
    response.write('x'.repeat(1_500_000), () => asked % 2 === 0 && response.destroy())
  })
  const broken = await Promise.allSettled(Array.from({ length: 20 }, () => ask(1_000, 2_000_000)))
  expect(new Set(broken.map(({ status }) => status))).toEqual(new Set(['rejected']))
  expect(Buffer.concat((await ask(5_000, 2_000_000)).chunks)).toHaveLength(1_000_000)
})

test('answers that are too large take no room from others', async () => {
  let asked = 0
  const ask = await send((_, response) => {
    asked += 1
    response.end('x'.repeat(asked > 100 ? 1_000_000 : 200_000))
  })
  for (let index = 0; index < 100; index += 1)
    await expect(ask(5_000, 100_000)).rejects.toMatchObject({ kind: 'oversized' })
  const both = await Promise.all([ask(2_000, 2_000_000), ask(2_000, 2_000_000)])
  expect(both.map(({ chunks }) => Buffer.concat(chunks).length)).toEqual([1_000_000, 1_000_000])
})

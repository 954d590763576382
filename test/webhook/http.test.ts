import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.ts'
import { example, push } from './examples.ts'
import { APP, type FixtureOptions, type PostOptions, SECRET, signature, startWebhook } from './fixture.ts'

const PING = example('ping')
const FORM = `payload=${encodeURIComponent(JSON.stringify(PING))}`
const sha1 = (body: string) => `sha1=${createHmac('sha1', SECRET).update(body).digest('hex')}`
const TEXT = JSON.stringify(PING)

interface Row {
  readonly what: string
  readonly post?: PostOptions
  readonly options?: FixtureOptions
  readonly event?: string
  readonly status: number
  readonly message: string
}

const ROWS: readonly Row[] = [
  { what: 'a ping', status: 200, message: 'pong' },
  { what: 'a ping on any path', post: { path: '/some/where?x=1' }, status: 200, message: 'pong' },
  {
    what: 'an event that nothing is done for',
    event: 'watch',
    status: 202,
    message: 'nothing is done for "watch"',
  },
  {
    what: 'no signature',
    post: { headers: { 'x-hub-signature-256': undefined } },
    status: 401,
    message: 'the delivery is not signed: set a secret for the webhook in the settings of the App',
  },
  {
    what: 'SHA-1 alone',
    post: { headers: { 'x-hub-signature-256': undefined, 'x-hub-signature': sha1(TEXT) } },
    status: 401,
    message: 'the delivery has no X-Hub-Signature-256: signatures with SHA-1 are not accepted here',
  },
  {
    what: 'SHA-1 where it is allowed',
    post: { headers: { 'x-hub-signature-256': undefined, 'x-hub-signature': sha1(TEXT) } },
    options: { allowSha1: true },
    status: 200,
    message: 'pong',
  },
  {
    what: 'a wrong SHA-256 beside a right SHA-1, where that is allowed',
    post: { headers: { 'x-hub-signature-256': signature(TEXT, 'other'), 'x-hub-signature': sha1(TEXT) } },
    options: { allowSha1: true },
    status: 401,
    message: 'the signature does not hold: the secret is another one',
  },
  {
    what: 'a signature that is cut',
    post: { headers: { 'x-hub-signature-256': signature(TEXT).slice(0, -1) } },
    status: 400,
    message: 'X-Hub-Signature-256 is malformed',
  },
  {
    what: 'two signatures',
    post: { headers: { 'x-hub-signature-256': `${signature(TEXT)}, ${signature(TEXT)}` } },
    status: 400,
    message: 'X-Hub-Signature-256 is malformed',
  },
  {
    what: "another's secret",
    post: { secret: 'other' },
    status: 401,
    message: 'the signature does not hold: the secret is another one',
  },
  {
    what: 'the second of two secrets',
    post: { secret: 'next' },
    options: { secrets: [SECRET, 'next'] },
    status: 200,
    message: 'pong',
  },
  {
    what: 'a form',
    post: { body: FORM, headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' } },
    status: 200,
    message: 'pong',
  },
  {
    what: 'a form with two payloads',
    post: { body: `${FORM}&${FORM}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    status: 400,
    message: 'the form must have one payload',
  },
  {
    what: 'another content type',
    post: { headers: { 'content-type': 'text/plain' } },
    status: 415,
    message: 'the content type must be application/json or application/x-www-form-urlencoded',
  },
  {
    what: 'a compressed body',
    post: { headers: { 'content-encoding': 'gzip' } },
    status: 415,
    message: 'the body is compressed: send it as it is',
  },
  { what: 'no JSON', post: { body: '{' }, status: 400, message: 'the payload is not JSON' },
  { what: 'no object', post: { body: '[]' }, status: 400, message: 'the payload is not a JSON object' },
  { what: 'no UTF-8', post: { body: Buffer.from([0x7b, 0xff, 0x7d]) }, status: 400, message: 'the body is not UTF-8' },
  {
    what: 'no event',
    post: { headers: { 'x-github-event': undefined } },
    status: 400,
    message: 'X-GitHub-Event is missing or malformed',
  },
  {
    what: 'an id that is none',
    post: { headers: { 'x-github-delivery': 'a b' } },
    status: 400,
    message: 'X-GitHub-Delivery is missing or malformed',
  },
  {
    what: 'a body over the limit',
    options: { limits: { bodyBytes: 100 } },
    status: 413,
    message: 'the body is larger than 100 bytes',
  },
  {
    what: 'a body over the limit that does not say so',
    post: { headers: { 'content-length': undefined, 'transfer-encoding': 'chunked' } },
    options: { limits: { bodyBytes: 100 } },
    status: 413,
    message: 'the body is larger than 100 bytes',
  },
  {
    what: "a delivery for another's App",
    event: 'push',
    post: { headers: { 'x-github-hook-installation-target-id': '7' }, body: JSON.stringify(push()) },
    status: 202,
    message: 'the delivery is for an App that is not configured here',
  },
  {
    what: "a delivery of a repository's own webhook",
    event: 'push',
    post: {
      headers: {
        'x-github-hook-installation-target-type': 'repository',
        'x-github-hook-installation-target-id': `${APP}`,
      },
      body: JSON.stringify(push()),
    },
    status: 202,
    message: 'the delivery is for an App that is not configured here',
  },
  {
    what: 'a push without a repository',
    event: 'push',
    post: { body: '{}' },
    status: 400,
    message: 'the payload has no repository',
  },
]

test.each(ROWS)('$what: $status', async ({ event = 'ping', post, options, status, message }) => {
  await using webhook = await startWebhook(options)
  const reply = await webhook.post(event, PING, post)
  expect({ status: reply.status, message: reply.message }).toEqual({ status, message })
})

test.each([
  ['without a signature', [], 401],
  ['with a malformed signature', ['x-hub-signature-256: sha256=00'], 400],
  ['that is too large', [`x-hub-signature-256: ${signature('')}`, 'content-length: 26214401'], 413],
])('a delivery %s is answered before a byte of its body is sent', async (_what, headers, status) => {
  await using webhook = await startWebhook()
  const answer = await firstBytes(webhook.port, [
    'POST / HTTP/1.1',
    'host: x',
    'content-type: application/json',
    'x-github-event: push',
    'x-github-delivery: 1',
    ...(headers.some((header) => header.startsWith('content-length')) ? [] : ['content-length: 1000']),
    ...headers,
    '',
    '',
  ])
  expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`)
})

test('who closes after the answer may send all of a refused body: no reset overtakes the answer', async () => {
  await using webhook = await startWebhook({ limits: { bodyBytes: 100 } })
  const socket = connect(webhook.port, '127.0.0.1')
  const head = ['x-github-event: push', 'x-github-delivery: 1', `x-hub-signature-256: ${signature('')}`]
  const size = 4_000_000
  const lines = ['POST / HTTP/1.1', 'host: x', 'connection: close', 'content-type: application/json', ...head]
  socket.write([...lines, `content-length: ${size}`, '', ''].join('\r\n'))
  let answer = ''
  socket.setEncoding('latin1').on('data', (text) => {
    // The rest only now: a connection that is closed by the answer would refuse it.
    if (answer === '')
      setImmediate(() => socket.write(Buffer.alloc(size / 2), () => socket.write(Buffer.alloc(size / 2))))
    answer += text
  })
  await once(socket, 'end')
  expect(answer).toMatch(/^HTTP\/1.1 413 .*\r\n\r\n\{"message":"the body is larger than 100 bytes"\}\n$/s)
  expect(socket.bytesWritten).toBeGreaterThan(size)
})

test('a body that does not arrive is answered with 408', async () => {
  await using webhook = await startWebhook({ limits: { bodyMs: 20 } })
  const answer = await firstBytes(webhook.port, [
    'POST / HTTP/1.1',
    'host: x',
    'content-type: application/json',
    'x-github-event: push',
    'x-github-delivery: 1',
    'content-length: 1000',
    `x-hub-signature-256: ${signature('')}`,
    '',
    '{',
  ])
  expect(answer).toMatch(/^HTTP\/1.1 408 /)
})

test('a third large body waits for a place, and is refused with 503 when none comes', async () => {
  await using webhook = await startWebhook({ limits: { largeBytes: 10, largeAtOnce: 2, bodyMs: 200 } })
  const slow = [1, 2].map((id) => hold(webhook.port, id))
  await Promise.all(slow.map(({ sent }) => sent))
  const third = await webhook.post('ping', PING)
  expect([third.status, third.message]).toEqual([503, 'too many deliveries at once: send it again'])
  expect(third.headers['retry-after']).toBe('10')
  for (const { end } of slow) end()
  await eventually(async () => expect((await webhook.post('ping', PING)).status).toBe(200))
})

test.each([
  ['GET', '/healthcheck', 200],
  ['GET', '/healthz', 200],
  ['GET', '/readyz', 200],
  ['HEAD', '/healthcheck', 200],
  ['GET', '/', 404],
  ['PUT', '/', 405],
])('%s %s: %i', async (method, path, status) => {
  await using webhook = await startWebhook()
  const response = await fetch(`http://127.0.0.1:${webhook.port}${path}`, { method })
  expect(response.status).toBe(status)
})

test('what is in flight when the process ends is answered', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let reached = false
  const announce = () => {
    reached = true
    return held
  }
  const webhook = await startWebhook({ ports: { announce } })
  const reply = webhook.post('installation', example('installation', { action: 'created' }))
  await eventually(() => expect(reached).toBe(true))
  const closed = webhook.close(5_000)
  release()
  expect((await reply).status).toBe(202)
  await closed
  await expect(webhook.post('ping', PING)).rejects.toThrow()
})

/** What comes first in answer to the lines. */
function firstBytes(port: number, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(lines.join('\r\n')))
    socket.once('data', (bytes) => {
      socket.destroy()
      resolve(bytes.toString('latin1'))
    })
    socket.on('error', reject)
  })
}

/** A large body that is begun and not ended. */
function hold(port: number, id: number) {
  const head = [
    'POST / HTTP/1.1',
    'host: x',
    'content-type: application/json',
    'x-github-event: ping',
    `x-github-delivery: held-${id}`,
    'content-length: 1000',
    `x-hub-signature-256: ${signature('')}`,
    '',
    '{',
  ]
  const socket = connect(port, '127.0.0.1')
  const sent = new Promise<void>((resolve) => socket.write(head.join('\r\n'), () => setImmediate(resolve)))
  socket.on('error', () => {})
  return { sent, end: () => socket.destroy() }
}

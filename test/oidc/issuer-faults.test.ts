import { createServer, type Server, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { IssuerFault } from '../../src/sandbox/issuer-faults.ts'
import { createVerifierWorld, type VerifierWorld } from './verifier-world.ts'

const CONFIGURATION = '/openid-configuration'
const JWKS = '/jwks'
const UNABLE = 'unable to fetch or create the provider: '

let world: VerifierWorld

beforeEach(async () => {
  world = await createVerifierWorld({ limits: { answerTimeoutMs: 150 } })
})
afterEach(() => world.close())

const answer = (status: number, body = '{}', headers: Record<string, string> = {}): IssuerFault => ({
  kind: 'answer',
  status,
  body,
  headers,
})
const change = (members: Record<string, unknown>): IssuerFault => ({ kind: 'change', members })

describe('what an issuer may answer', () => {
  test.each<readonly [string, string, IssuerFault, string, string]>([
    ['404', CONFIGURATION, answer(404), 'ISSUER_INVALID', 'can not be had: it answered with status 404'],
    ['403', JWKS, answer(403), 'ISSUER_INVALID', 'can not be had: it answered with status 403'],
    ['204', CONFIGURATION, answer(204, ''), 'ISSUER_INVALID', 'can not be had: it answered with status 204'],
    ['408', CONFIGURATION, answer(408), 'ISSUER_UNAVAILABLE', 'can not be had: it answered with status 408'],
    ['429', JWKS, answer(429), 'ISSUER_UNAVAILABLE', 'can not be had: it answered with status 429'],
    ['500', CONFIGURATION, answer(500), 'ISSUER_UNAVAILABLE', 'can not be had: it answered with status 500'],
    ['503', JWKS, answer(503), 'ISSUER_UNAVAILABLE', 'can not be had: it answered with status 503'],
    [
      'a redirect loop',
      CONFIGURATION,
      { kind: 'redirect-loop' },
      'ISSUER_INVALID',
      'can not be had: it redirects, and redirects are not followed',
    ],
    [
      'a redirect of the key set',
      JWKS,
      { kind: 'redirect-loop' },
      'ISSUER_INVALID',
      'can not be had: it redirects, and redirects are not followed',
    ],
    ['a hang', CONFIGURATION, { kind: 'hang' }, 'ISSUER_UNAVAILABLE', 'can not be had: it did not answer in time'],
    ['a hang', JWKS, { kind: 'hang' }, 'ISSUER_UNAVAILABLE', 'can not be had: it did not answer in time'],
    [
      'a slow body',
      JWKS,
      { kind: 'slow-body', msPerByte: 20 },
      'ISSUER_UNAVAILABLE',
      'can not be had: it did not answer in time',
    ],
    ['a reset', CONFIGURATION, { kind: 'reset' }, 'ISSUER_UNAVAILABLE', 'can not be had: it can not be reached'],
    [
      'a reset in the body',
      JWKS,
      { kind: 'reset-in-body' },
      'ISSUER_UNAVAILABLE',
      'can not be had: it can not be reached',
    ],
    [
      'truncated JSON',
      CONFIGURATION,
      { kind: 'truncated' },
      'ISSUER_INVALID',
      'can not be used: it is not JSON in UTF-8',
    ],
    ['truncated JSON', JWKS, { kind: 'truncated' }, 'ISSUER_INVALID', 'can not be used: it is not JSON in UTF-8'],
    ['HTML', CONFIGURATION, answer(200, '<html>'), 'ISSUER_INVALID', 'can not be used: it is not JSON in UTF-8'],
    ['nothing', JWKS, answer(200, ''), 'ISSUER_INVALID', 'can not be used: it is not JSON in UTF-8'],
    ['a list', CONFIGURATION, answer(200, '[]'), 'ISSUER_INVALID', 'can not be used: it is not a JSON object'],
    ['null', CONFIGURATION, answer(200, 'null'), 'ISSUER_INVALID', 'can not be used: it is not a JSON object'],
    [
      'a list',
      JWKS,
      answer(200, '[]'),
      'ISSUER_INVALID',
      'can not be used: it is not a JSON object with a list "keys"',
    ],
    [
      'keys that are no list',
      JWKS,
      change({ keys: {} }),
      'ISSUER_INVALID',
      'can not be used: it is not a JSON object with a list "keys"',
    ],
    [
      'another issuer',
      CONFIGURATION,
      change({ issuer: 'https://other.example' }),
      'ISSUER_INVALID',
      'can not be used: it names another issuer',
    ],
    [
      'no issuer',
      CONFIGURATION,
      change({ issuer: undefined }),
      'ISSUER_INVALID',
      'can not be used: it names another issuer',
    ],
    [
      'no jwks_uri',
      CONFIGURATION,
      change({ jwks_uri: undefined }),
      'ISSUER_INVALID',
      'can not be used: its jwks_uri is not a plain https URL',
    ],
    [
      'a huge body',
      CONFIGURATION,
      { kind: 'huge', bytes: 50_000_000 },
      'ISSUER_INVALID',
      'can not be had: its answer is longer than 102400 bytes',
    ],
    [
      'one byte too many',
      JWKS,
      { kind: 'huge', bytes: 102_401 },
      'ISSUER_INVALID',
      'can not be had: its answer is longer than 102400 bytes',
    ],
    [
      'as many bytes as may be, of nothing',
      JWKS,
      { kind: 'huge', bytes: 102_400 },
      'ISSUER_INVALID',
      'can not be used: it is not JSON in UTF-8',
    ],
    [
      'a compressed body',
      JWKS,
      { kind: 'answer', status: 200, body: gzipSync('{"keys":[]}'), headers: { 'content-encoding': 'gzip' } },
      'ISSUER_INVALID',
      'can not be had: it answered with a content encoding that was not asked for',
    ],
    [
      'a header that is too long',
      JWKS,
      answer(200, '{"keys":[]}', { 'x-long': 'x'.repeat(20_000) }),
      'ISSUER_INVALID',
      'can not be had: it does not speak HTTP as it must',
    ],
  ])('%s at %s', async (_name, path, fault, reason, text) => {
    world.issuer.fault(path, fault)
    const name = path === JWKS ? 'key set' : 'discovery document'
    const outcome = await world.outcome(await world.issuer.sign({ sub: 'x' }))
    expect(outcome).toEqual({
      reason,
      message: `${UNABLE}the ${name} of issuer "${world.issuer.url}" ${text}`,
      retryAfterMs: reason === 'ISSUER_UNAVAILABLE' ? 30_000 : undefined,
    })
    expect(world.issuer.requests(path)).toBe(1)
  })

  test('any content type will do, and a byte order mark', async () => {
    const set = await (await fetch(`${world.issuer.url}/jwks`)).text()
    world.issuer.fault(JWKS, answer(200, `\ufeff${set}`, { 'content-type': 'image/png' }))
    expect(await world.reason(await world.issuer.sign({ sub: 'x' }))).toBe('accepted')
  })

  test('neither compression nor a proxy is asked for', async () => {
    await world.verify(await world.issuer.sign({ sub: 'x' }))
    const { host, connection, ...headers } = world.issuer.lastHeaders()
    expect(headers).toEqual({
      accept: 'application/json, */*;q=0.1',
      'accept-encoding': 'identity',
      'user-agent': 'octo-sts',
    })
  })
})

describe('an issuer that is not there', () => {
  test.each([
    ['ENOTFOUND', 'ISSUER_INVALID', 'its host name does not exist'],
    ['EAI_AGAIN', 'ISSUER_UNAVAILABLE', 'it can not be reached'],
  ])('a name that gives %s', async (code, reason, text) => {
    const lookup = () => Promise.reject(Object.assign(new Error('look-up of 10.9.8.7 failed'), { code }))
    const other = await createVerifierWorld({ lookup })
    try {
      const iss = 'https://nowhere.example'
      expect(await other.outcome(await other.issuer.sign({ sub: 'x', iss }))).toMatchObject({
        reason,
        message: `${UNABLE}the discovery document of issuer "${iss}" can not be had: ${text}`,
      })
    } finally {
      await other.close()
    }
  })

  test.each(['https://[:::]', 'https://1.2.3.256'])('%s, which can not be', async (iss) => {
    expect(await world.outcome(await world.issuer.sign({ sub: 'x', iss }))).toMatchObject({
      reason: 'ISSUER_INVALID',
      message: `${UNABLE}the host of issuer "${iss}" can not exist`,
    })
  })

  test('a look-up that never ends', async () => {
    const other = await createVerifierWorld({ lookup: () => new Promise(() => {}), limits: { answerTimeoutMs: 20 } })
    try {
      const token = await other.issuer.sign({ sub: 'x', iss: 'https://nowhere.example' })
      expect(await other.reason(token)).toBe('ISSUER_UNAVAILABLE')
    } finally {
      await other.close()
    }
  })

  test.each([
    ['closes every connection', (socket: Socket) => socket.destroy(), 'ISSUER_UNAVAILABLE'],
    ['does not speak HTTP', (socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'), 'ISSUER_INVALID'],
    [
      'announces more than may be',
      (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{'),
      'ISSUER_INVALID',
    ],
    ['never says anything', () => {}, 'ISSUER_UNAVAILABLE'],
    [
      'says 100 Continue without end',
      (socket: Socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000)),
      'ISSUER_UNAVAILABLE',
    ],
  ])('a server that %s', async (_name, behave, reason) => {
    const { server, port } = await listen(behave)
    try {
      expect(await world.reason(await world.issuer.sign({ sub: 'x', iss: `http://127.0.0.1:${port}` }))).toBe(reason)
    } finally {
      server.close()
    }
  })

  test('a server that was stopped', async () => {
    const token = await world.issuer.sign({ sub: 'x' })
    await world.issuer.close()
    expect(await world.reason(token)).toBe('ISSUER_UNAVAILABLE')
  })

  test('after closing nothing is begun', async () => {
    let lookups = 0
    const lookup = () => {
      lookups += 1
      return Promise.reject(new Error('looked up'))
    }
    const other = await createVerifierWorld({ lookup })
    const token = await other.issuer.sign({ sub: 'x', iss: 'https://nowhere.example' })
    await other.close()
    expect([await other.reason(token), lookups]).toEqual(['SHUTTING_DOWN', 0])
  })

  test('closing ends what hangs', async () => {
    world.issuer.fault(CONFIGURATION, { kind: 'hang' })
    const other = await createVerifierWorld()
    const outcome = other.outcome(await world.issuer.sign({ sub: 'x' }))
    await other.close()
    expect(await outcome).toMatchObject({ reason: 'SHUTTING_DOWN' })
  })
})

async function listen(behave: (socket: Socket) => unknown): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => behave(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

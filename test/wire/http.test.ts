import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parsePairs } from '../../src/wire/parameters.ts'
import { ask1, ask2, askRaw, BEARER, type HttpAsk, PERMISSIONS, serve } from './fixture.ts'

const SUCCESS = '{"token":"ghs_test","refreshToken":"","expiry":"2026-01-02T03:04:05Z"}'
const FORM = { ...BEARER, 'content-type': 'application/x-www-form-urlencoded' }
const JSON_TYPE = { ...BEARER, 'content-type': 'application/json; charset=utf-8' }
const METADATA = 'resource_metadata="https://sts.example.com/.well-known/oauth-protected-resource"'
const NONE = { scope: '', scopes: [], identity: '', cap: [] }

interface Row {
  readonly name: string
  readonly path: string
  readonly ask?: HttpAsk
  readonly request: { scope: string; scopes: string[]; identity: string; cap: string[] }
}

const ACCEPTED: readonly Row[] = [
  {
    name: 'GET, nothing percent-encoded',
    path: '?scope=org/repo&identity=foo',
    request: { ...NONE, scope: 'org/repo', identity: 'foo' },
  },
  {
    name: 'GET, percent-encoded',
    path: '?scope=org%2frepo&%69dentity=f%C3%A9',
    request: { ...NONE, scope: 'org/repo', identity: 'fé' },
  },
  { name: 'a plus is a space, %2B is a plus', path: '?identity=a+b%2Bc', request: { ...NONE, identity: 'a b+c' } },
  {
    name: 'scopes, aud and cap repeat',
    path: '?scopes=a/b&scopes=c&aud=x&aud=y&cap=contents:read&cap=z',
    request: { ...NONE, scopes: ['a/b', 'c'], cap: ['contents:read', 'z'] },
  },
  {
    name: 'unknown names are ignored, twice too',
    path: '?x=1&x=2&scope.y=3&__proto__=4&constructor=5&identity=i',
    request: { ...NONE, identity: 'i' },
  },
  {
    name: 'identity_provider, in either spelling',
    path: '?identity_provider=a&identity=i',
    request: { ...NONE, identity: 'i' },
  },
  {
    name: 'empty pairs, and a name without a value',
    path: '?&&scope&identity=i&',
    request: { ...NONE, identity: 'i' },
  },
  { name: 'an = in a value', path: '?identity=a=b', request: { ...NONE, identity: 'a=b' } },
  {
    name: 'POST with a form',
    path: '',
    ask: { method: 'POST', headers: FORM, body: 'scope=o/r&identity=i&scopes=o/r' },
    request: { ...NONE, scope: 'o/r', scopes: ['o/r'], identity: 'i' },
  },
  {
    name: 'POST with a query alone',
    path: '?scope=o&identity=i',
    ask: { method: 'POST' },
    request: { ...NONE, scope: 'o', identity: 'i' },
  },
  {
    name: 'POST with both',
    path: '?scope=o',
    ask: { method: 'POST', headers: FORM, body: 'identity=i' },
    request: { ...NONE, scope: 'o', identity: 'i' },
  },
  {
    name: 'POST, an empty body of any type',
    path: '?scope=o',
    ask: { method: 'POST', headers: { ...BEARER, 'content-type': 'text/plain' }, body: '' },
    request: { ...NONE, scope: 'o' },
  },
  {
    name: 'POST with JSON',
    path: '',
    ask: {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"scope":"o/r","identity":"i","scopes":["o/r"],"aud":["x"],"cap":["a:read"],"identityProvider":"p","other":{"a":[1]}}',
    },
    request: { scope: 'o/r', scopes: ['o/r'], identity: 'i', cap: ['a:read'] },
  },
  {
    name: 'POST with JSON, null is absent',
    path: '?identity=i',
    ask: { method: 'POST', headers: JSON_TYPE, body: '{"scope":null,"identity":null,"scopes":null}' },
    request: { ...NONE, identity: 'i' },
  },
]

describe('what an exchange is asked for', () => {
  test.each(ACCEPTED)('$name', async ({ path, ask, request }) => {
    for (const send of [ask1, ask2]) {
      await using wire = await serve()
      const answer = await send(wire.port, `/sts/exchange${path}`, ask)
      expect([answer.status, answer.body]).toEqual([200, SUCCESS])
      expect(answer.headers['content-type']).toBe('application/json')
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(wire.seen.map((each) => each.request)).toEqual([{ ...request, authorization: ['Bearer a.b.c'] }])
    }
  })

  test('absolute-form, and an expiry with a fraction', async () => {
    await using wire = await serve(undefined, {
      exchange: async () => ({
        token: 't',
        expiresAt: new Date('2026-01-02T03:04:05.678Z'),
        permissions: PERMISSIONS,
        abandon: () => {},
      }),
    })
    const answer = await ask1(wire.port, `http://sts.example.com/sts/exchange?scope=o`)
    expect(answer.body).toBe('{"token":"t","refreshToken":"","expiry":"2026-01-02T03:04:05.678Z"}')
  })
})

const REFUSED: readonly (readonly [name: string, path: string, ask: HttpAsk, status: number, reason: string])[] = [
  ['a single value twice', '/sts/exchange?scope=a&scope=a', {}, 400, 'PARAMETER_REPEATED'],
  [
    'twice, in the query and in the form',
    '/sts/exchange?scope=a',
    { method: 'POST', headers: FORM, body: 'scope=a' },
    400,
    'PARAMETER_REPEATED',
  ],
  [
    'twice, in the query and in the JSON',
    '/sts/exchange?identity=a',
    { method: 'POST', headers: JSON_TYPE, body: '{"identity":"a"}' },
    400,
    'PARAMETER_REPEATED',
  ],
  [
    'identity_provider in both spellings',
    '/sts/exchange?identity_provider=a&identityProvider=a',
    {},
    400,
    'PARAMETER_REPEATED',
  ],
  ['a broken escape', '/sts/exchange?scope=a%2', {}, 400, 'REQUEST_MALFORMED'],
  ['a broken escape in a name', '/sts/exchange?%zz=a', {}, 400, 'REQUEST_MALFORMED'],
  ['an escape that is no UTF-8', '/sts/exchange?scope=%ff', {}, 400, 'REQUEST_MALFORMED'],
  [
    'a broken escape in a form',
    '/sts/exchange',
    { method: 'POST', headers: FORM, body: 'scope=%' },
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'a form that is no UTF-8',
    '/sts/exchange',
    { method: 'POST', headers: FORM, body: Buffer.from([0x61, 0xff]) },
    400,
    'REQUEST_MALFORMED',
  ],
  ['JSON that is none', '/sts/exchange', { method: 'POST', headers: JSON_TYPE, body: '{' }, 400, 'REQUEST_MALFORMED'],
  [
    'JSON that is a list',
    '/sts/exchange',
    { method: 'POST', headers: JSON_TYPE, body: '[]' },
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'JSON with a number for a text',
    '/sts/exchange',
    { method: 'POST', headers: JSON_TYPE, body: '{"scope":1}' },
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'JSON with a text for a list',
    '/sts/exchange',
    { method: 'POST', headers: JSON_TYPE, body: '{"scopes":"a"}' },
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'JSON with null in a list',
    '/sts/exchange',
    { method: 'POST', headers: JSON_TYPE, body: '{"scopes":[null]}' },
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'JSON that names a member twice',
    '/sts/exchange',
    { method: 'POST', headers: JSON_TYPE, body: '{"scope":"a","scope":"b"}' },
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'deep JSON',
    '/sts/exchange',
    { method: 'POST', headers: JSON_TYPE, body: '['.repeat(60_000) },
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'another media type',
    '/sts/exchange',
    { method: 'POST', headers: { ...BEARER, 'content-type': 'text/plain' }, body: 'scope=a' },
    415,
    'MEDIA_TYPE_UNSUPPORTED',
  ],
  ['no media type', '/sts/exchange', { method: 'POST', body: 'scope=a' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
  [
    'a compressed body',
    '/sts/exchange',
    { method: 'POST', headers: { ...FORM, 'content-encoding': 'gzip' }, body: 'scope=a' },
    415,
    'MEDIA_TYPE_UNSUPPORTED',
  ],
  [
    'a body over 64 KiB',
    '/sts/exchange',
    { method: 'POST', headers: FORM, body: 'x'.repeat(65_537) },
    413,
    'REQUEST_TOO_LARGE',
  ],
  [
    'a chunked body over 64 KiB',
    '/sts/exchange',
    { method: 'POST', headers: { ...FORM, 'transfer-encoding': 'chunked' }, body: 'x'.repeat(500_000) },
    413,
    'REQUEST_TOO_LARGE',
  ],
  ['no authorization', '/sts/exchange', { headers: {} }, 401, 'AUTHORIZATION_MISSING'],
  [
    'an authorization of another scheme',
    '/sts/exchange',
    { headers: { authorization: 'Basic YTpi' } },
    401,
    'AUTHORIZATION_MALFORMED',
  ],
  ['a bare token', '/sts/exchange', { headers: { authorization: 'a.b.c' } }, 401, 'AUTHORIZATION_MALFORMED'],
  ['an empty authorization', '/sts/exchange', { headers: { authorization: '' } }, 401, 'AUTHORIZATION_MALFORMED'],
  [
    'Grpc-Metadata-Authorization',
    '/sts/exchange',
    { headers: { 'grpc-metadata-authorization': 'Bearer a.b.c' } },
    401,
    'AUTHORIZATION_MISSING',
  ],
  [
    'two that a proxy joined',
    '/sts/exchange',
    { headers: { authorization: 'Bearer a.b.c, Bearer d.e.f' } },
    401,
    'AUTHORIZATION_REPEATED',
  ],
  [
    'a token of 17 KiB',
    '/sts/exchange',
    { headers: { authorization: `Bearer ${'a'.repeat(17 * 1024)}` } },
    431,
    'TOKEN_TOO_LARGE',
  ],
  [
    'a grpc-timeout that is none',
    '/sts/exchange',
    { headers: { ...BEARER, 'grpc-timeout': 'soon' } },
    400,
    'REQUEST_MALFORMED',
  ],
]

test('a refresh answers a pair of raw tokens', async () => {
  for (const send of [ask1, ask2]) {
    await using wire = await serve()
    const ask = { method: 'POST', headers: FORM, body: 'scopes=o%2Fr&cap=contents%3Aread' }
    const answer = await send(wire.port, '/sts/exchange_refresh_token', ask)
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      200,
      {
        token: { token: 'ghs_test', refreshToken: '', expiry: '2026-01-02T03:04:05Z' },
        refreshToken: { token: 'next-ghs_test', refreshToken: '', expiry: '2026-01-02T10:00:00Z' },
      },
    ])
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(wire.seen[0]?.request).toMatchObject({ scopes: ['o/r'], cap: ['contents:read'] })
  }
})

describe('what is refused, with its reason', () => {
  test.each(REFUSED)('%s', async (name, path, ask, status, reason) => {
    for (const send of name.includes('chunked') ? [ask1] : [ask1, ask2]) {
      await using wire = await serve()
      const answer = await send(wire.port, path, ask)
      expect([answer.status, JSON.parse(answer.body).details[0].reason]).toEqual([status, reason])
      expect(answer.headers['content-type']).toBe('application/json')
      const challenge = reason.startsWith('AUTHORIZATION') ? `Bearer ${METADATA}` : undefined
      expect(answer.headers['www-authenticate']).toBe(challenge)
    }
  })

  test('two authorization headers, over HTTP/1.1 and HTTP/2', async () => {
    await using wire = await serve()
    const headers = ['authorization: Bearer a.b.c', 'Authorization: Bearer d.e.f', 'connection: close', 'host: x']
    const raw = await askRaw(wire.port, `GET /sts/exchange?scope=o HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    expect(raw).toContain('HTTP/1.1 401 Unauthorized')
    expect(raw).toContain('AUTHORIZATION_REPEATED')
    expect(wire.seen[0]?.request.authorization).toEqual(['Bearer a.b.c', 'Bearer d.e.f'])
  })

  test('a verified refusal of a token is challenged with invalid_token', async () => {
    const { Denial } = await import('../../src/terms/denial.ts')
    await using wire = await serve(() => {
      throw new Denial('TOKEN_EXPIRED', 'unable to verify bearer token: expired')
    })
    const answer = await ask1(wire.port, '/sts/exchange')
    expect(answer.headers['www-authenticate']).toBe(`Bearer error="invalid_token", ${METADATA}`)
  })
})

const NOT_FOUND = '{"code":5,"message":"Not Found","details":[]}'
const NOT_ALLOWED = '{"code":12,"message":"Method Not Allowed","details":[]}'

describe('paths and methods', () => {
  test.each([
    ['GET', '/nope', 404, NOT_FOUND, undefined],
    ['POST', '/sts/exchange/', 404, NOT_FOUND, undefined],
    ['GET', '/STS/exchange', 404, NOT_FOUND, undefined],
    ['GET', '//sts/exchange', 404, NOT_FOUND, undefined],
    ['GET', '/sts%2Fexchange', 404, NOT_FOUND, undefined],
    ['GET', '/__proto__', 404, NOT_FOUND, undefined],
    ['POST', '/chainguard.platform.oidc.SecurityTokenService/Exchange', 404, NOT_FOUND, undefined],
    ['DELETE', '/sts/exchange', 405, NOT_ALLOWED, 'GET, POST'],
    ['OPTIONS', '/sts/exchange', 405, NOT_ALLOWED, 'GET, POST'],
    ['PUT', '/sts/exchange?scope=%', 405, NOT_ALLOWED, 'GET, POST'],
    ['GET', '/sts/exchange_refresh_token', 405, NOT_ALLOWED, 'POST'],
    ['POST', '/', 405, NOT_ALLOWED, 'GET, HEAD'],
    ['POST', '/healthz', 405, NOT_ALLOWED, 'GET, HEAD'],
  ])('%s %s: %i', async (method, path, status, body, allow) => {
    await using wire = await serve()
    for (const send of [ask1, ask2]) {
      const answer = await send(wire.port, path, { method })
      expect([answer.status, answer.body, answer.headers.allow]).toEqual([status, body, allow])
      expect(answer.headers['content-type']).toBe('application/json')
    }
    expect(wire.seen).toEqual([])
  })

  test('HEAD would mint a token that nobody reads', async () => {
    await using wire = await serve()
    const answer = await ask1(wire.port, '/sts/exchange?scope=o&identity=i', { method: 'HEAD' })
    expect([answer.status, answer.headers.allow, wire.seen.length]).toEqual([405, 'GET, POST', 0])
  })

  test('health, readiness, and HEAD of them', async () => {
    let ready = false
    await using wire = await serve(undefined, { isReady: () => ready })
    expect((await ask1(wire.port, '/healthz')).status).toBe(200)
    expect((await ask1(wire.port, '/readyz')).status).toBe(503)
    ready = true
    expect((await ask2(wire.port, '/readyz')).status).toBe(200)
    const head = await ask1(wire.port, '/readyz', { method: 'HEAD' })
    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '18'])
  })

  test('documents are served as they are', async () => {
    const document = { contentType: 'application/schema+json', body: '{"a":1}' }
    await using wire = await serve(undefined, { documents: new Map([['/schemas/a.json', document]]) })
    const answer = await ask1(wire.port, '/schemas/a.json')
    expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([200, document.contentType, '{"a":1}'])
    expect((await ask1(wire.port, '/schemas/b.json')).status).toBe(404)
  })

  test.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    ['text/html;q=0.5,application/json', 'application/json'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8'],
    ['text/*', 'text/html; charset=utf-8'],
    ['text/html;q=0', 'application/json'],
  ])('GET / with Accept %s is %s', async (accept, type) => {
    await using wire = await serve()
    const answer = await ask1(wire.port, '/', { headers: accept === undefined ? {} : { accept } })
    expect([answer.status, answer.headers['content-type']]).toEqual([200, type])
    if (type === 'application/json') expect(JSON.parse(answer.body).msg).toContain('https://sts.example.com/')
    else expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  })

  test('GET /errors has an anchor for each link that a refusal carries', async () => {
    await using wire = await serve()
    const refusal = JSON.parse((await ask1(wire.port, '/sts/exchange', { headers: {} })).body)
    const url = new URL(refusal.details.at(-1).links[0].url)
    const page = await ask1(wire.port, url.pathname)
    expect(page.body).toContain(`id="${url.hash.slice(1)}"`)
  })
})

describe('request ids', () => {
  test.each([
    [{ 'x-request-id': 'a.B_c:-1' }, 'a.B_c:-1'],
    [{ cgrequestid: 'cg', 'x-request-id': 'x' }, 'cg'],
    [{ 'x-request-id': 'a b' }, 'request-1'],
    [{ 'x-request-id': 'a'.repeat(129) }, 'request-1'],
    [{}, 'request-1'],
  ])('%j: %s', async (headers, id) => {
    await using wire = await serve()
    const answer = await ask1(wire.port, '/sts/exchange', { headers: { ...BEARER, ...headers } })
    expect([answer.headers['x-request-id'], wire.seen[0]?.caller.requestId]).toEqual([id, id])
  })
})

test('a query says what URLSearchParams writes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }))), (pairs) => {
      expect(parsePairs(new URLSearchParams(pairs).toString(), 'query')).toEqual(pairs)
    }),
  )
})

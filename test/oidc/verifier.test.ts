import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { generateSandboxKey, signingAlgorithms } from '../../src/sandbox/issuer-keys.ts'
import { createVerifierWorld, type VerifierWorld } from './verifier-world.ts'

const NOW = 1_800_000_000
const SUB = 'repo:acme/app:ref:refs/heads/main'
const UNVERIFIED = 'unable to verify bearer token: '

let world: VerifierWorld

beforeEach(async () => {
  world = await createVerifierWorld()
})
afterEach(() => world.close())

describe('accepted', () => {
  test.each(signingAlgorithms())('%s, with a kid and without', async (alg) => {
    const { issuer, verify } = world
    const claims = { iss: issuer.url, sub: SUB, aud: ['octo-sts.test'], exp: NOW + 300, iat: NOW }
    const payload = { ...claims, aud: 'octo-sts.test' }
    expect(await verify(await issuer.sign({ sub: SUB }, { alg }))).toEqual({ ...claims, payload })
    expect(await verify(await issuer.sign({ sub: SUB }, { alg, kid: null }))).toEqual({ ...claims, payload })
    expect(await verify(await issuer.sign({ sub: SUB }, { alg, kid: '' }))).toEqual({ ...claims, payload })
  })

  test.each([
    ['a subject with white space and brackets', { sub: 'repo:acme/app:environment:production (eu)' }],
    ['a subject of 255 code points outside of the BMP', { sub: '𝒳'.repeat(255) }],
    ['several audiences', { aud: ['one', 'two'] }],
    ['fractions', { exp: NOW + 0.5, iat: NOW - 0.5, nbf: NOW - 0.25, jti: 'x' }],
    ['iat and nbf 5 minutes ahead', { iat: NOW + 300, nbf: NOW + 300 }],
    ['no iat', { iat: undefined }],
    ['claims with names of prototypes', { constructor: 'x', toString: 'y', hasOwnProperty: 'z' }],
  ])('%s', async (_name, claims) => {
    const payload = { iss: world.issuer.url, sub: SUB, aud: 'octo-sts.test', exp: NOW + 300, iat: NOW, ...claims }
    const { aud, iat, ...rest } = payload
    const verified = await world.verify(await world.issuer.sign({ sub: SUB, ...claims }))
    expect(verified.payload).toEqual(JSON.parse(JSON.stringify(payload)))
    expect([verified.sub, verified.exp, verified.iat, verified.aud]).toEqual([rest.sub, rest.exp, iat, [aud].flat()])
  })

  test('an issuer with a path, and with a trailing slash', async () => {
    const { issuer, reason } = world
    expect(await reason(await issuer.sign({ sub: SUB, iss: `${issuer.url}/tenant/a` }))).toBe('accepted')
    expect(issuer.requests('/tenant/a/.well-known/openid-configuration')).toBe(1)
    issuer.fault('/b/.well-known/openid-configuration', {
      kind: 'change',
      members: { issuer: `${issuer.url}/b/` },
    })
    expect(await reason(await issuer.sign({ sub: SUB, iss: `${issuer.url}/b/` }))).toBe('accepted')
  })

  test('a key that the token carries or points to is not looked at', async () => {
    const stranger = await generateSandboxKey('P-256')
    const jwk = stranger.jwk
    const header = { jwk, jku: `${world.issuer.url}/evil/jwks`, x5u: `${world.issuer.url}/evil`, x5c: ['AAAA'] }
    const kid = undefined
    const forged = await world.issuer.sign({ sub: SUB }, { alg: 'ES256', key: stranger, header, kid: null })
    expect(await world.reason(forged)).toBe('SIGNATURE_INVALID')
    expect(world.issuer.requests('/evil/jwks')).toBe(0)
    expect(await world.reason(await world.issuer.sign({ sub: SUB }, { header, ...(kid ?? {}) }))).toBe('accepted')
  })
})

describe('claims that are refused', () => {
  test.each([
    [{ exp: NOW }, 'TOKEN_EXPIRED', `${UNVERIFIED}it expired at 2027-01-15T08:00:00Z; get a fresh token`],
    [{ exp: NOW - 0.5 }, 'TOKEN_EXPIRED', `${UNVERIFIED}it expired at 2027-01-15T07:59:59.500Z; get a fresh token`],
    [{ exp: undefined }, 'TOKEN_EXPIRED', `${UNVERIFIED}it has no expiry (exp)`],
    [{ exp: String(NOW + 9) }, 'TOKEN_EXPIRED', `${UNVERIFIED}its expiry (exp) is not a number of seconds since 1970`],
    [{ exp: null }, 'TOKEN_EXPIRED', `${UNVERIFIED}its expiry (exp) is not a number of seconds since 1970`],
    [{ exp: -1e300 }, 'TOKEN_EXPIRED', `${UNVERIFIED}it expired at -1e+300 seconds since 1970; get a fresh token`],
    [
      { nbf: NOW + 301 },
      'TOKEN_NOT_YET_VALID',
      `${UNVERIFIED}it is not valid before 2027-01-15T08:05:01Z; compare the clocks`,
    ],
    [
      { iat: NOW + 300.5 },
      'TOKEN_NOT_YET_VALID',
      `${UNVERIFIED}it was issued in the future, at 2027-01-15T08:05:00.500Z; compare the clocks`,
    ],
    [{ iat: true }, 'TOKEN_NOT_YET_VALID', `${UNVERIFIED}its iat is not a number of seconds since 1970`],
    [{ nbf: '1' }, 'TOKEN_NOT_YET_VALID', `${UNVERIFIED}its nbf is not a number of seconds since 1970`],
    [{ sub: undefined }, 'SUBJECT_MALFORMED', 'invalid subject in token: sub is missing'],
    [{ sub: '' }, 'SUBJECT_MALFORMED', 'invalid subject in token: sub is empty'],
    [{ sub: 7 }, 'SUBJECT_MALFORMED', 'invalid subject in token: sub is not a text'],
    [
      { sub: 'a\nb' },
      'SUBJECT_MALFORMED',
      'invalid subject in token: sub "a\\nb" has characters that can not be printed',
    ],
    [
      { sub: 'a\u202eb' },
      'SUBJECT_MALFORMED',
      'invalid subject in token: sub "a\\u202eb" has characters that can not be printed',
    ],
    [
      { sub: 'x'.repeat(256) },
      'SUBJECT_MALFORMED',
      `invalid subject in token: sub "${'x'.repeat(255)}…" is longer than 255 characters`,
    ],
    [{ aud: undefined }, 'AUDIENCE_MALFORMED', 'invalid audience in token: aud is missing'],
    [{ aud: [] }, 'AUDIENCE_MALFORMED', 'invalid audience in token: aud is an empty list'],
    [{ aud: [['x']] }, 'AUDIENCE_MALFORMED', 'invalid audience in token: aud is not a text'],
    [{ aud: { a: 1 } }, 'AUDIENCE_MALFORMED', 'invalid audience in token: aud is not a text'],
    [
      { aud: ['ok', 'a\u0000b'] },
      'AUDIENCE_MALFORMED',
      'invalid audience in token: aud "a\\u0000b" has characters that can not be printed',
    ],
    [{ aud: Array(101).fill('x') }, 'AUDIENCE_MALFORMED', 'invalid audience in token: aud has more than 100 entries'],
  ])('%j', async (claims, reason, message) => {
    expect(await world.outcome(await world.issuer.sign({ sub: SUB, ...claims }))).toMatchObject({ reason, message })
  })

  test('an expiry that JSON.parse makes infinite', async () => {
    const payload = `{"iss":"${world.issuer.url}","sub":"x","aud":"y","exp":1e999}`
    expect(await world.reason(await world.issuer.sign(payload))).toBe('TOKEN_EXPIRED')
  })
})

describe('a token of an age that the operator does not accept', () => {
  test.each([
    ['exactly as old as is accepted', { iat: NOW - 300 }, 'accepted'],
    ['a second older', { iat: NOW - 301 }, 'TOKEN_TOO_OLD'],
    ['without iat', { iat: undefined }, 'TOKEN_TOO_OLD'],
    ['issued in the future', { iat: NOW + 301 }, 'TOKEN_NOT_YET_VALID'],
    ['old and expired', { iat: NOW - 301, exp: NOW }, 'TOKEN_EXPIRED'],
  ])('%s', async (_name, claims, reason) => {
    const strict = await createVerifierWorld({ maxTokenAgeMs: 300_000 })
    try {
      expect(await strict.reason(await strict.issuer.sign({ sub: SUB, ...claims }))).toBe(reason)
    } finally {
      await strict.close()
    }
  })
})

describe('headers that are refused', () => {
  const secret = new TextEncoder().encode('0123456789abcdef0123456789abcdef')

  test.each([
    ['none', {}],
    ['HS256', { key: secret }],
  ])('%s, before anything is fetched', async (alg, options) => {
    const token = await world.issuer.sign({ sub: SUB }, { alg, ...options })
    expect(await world.outcome(token)).toMatchObject({
      reason: 'ALGORITHM_NOT_ALLOWED',
      message: `${UNVERIFIED}algorithm "${alg}" is not allowed: use one of RS256/384/512, PS256/384/512, ES256/384/512 and EdDSA`,
    })
    expect(world.discoveries()).toBe(0)
  })

  test('crit, before anything is fetched', async () => {
    const header = { crit: ['x-extension'], 'x-extension': true }
    expect(await world.reason(await world.issuer.sign({ sub: SUB }, { header }))).toBe('CRITICAL_HEADER_UNSUPPORTED')
    expect(world.discoveries()).toBe(0)
  })

  test('a kid that is no text', async () => {
    const token = await world.issuer.sign({ sub: SUB }, { header: { kid: 'x' } })
    const [, ...rest] = token.split('.')
    const head = Buffer.from('{"alg":"RS256","kid":7}').toString('base64url')
    expect(await world.reason([head, ...rest].join('.'))).toBe('KEY_UNKNOWN')
  })

  test.each([
    ['RS256', ['RS256'], 'accepted'],
    ['ES256', ['RS256'], 'ALGORITHM_NOT_ALLOWED'],
    ['RS256', undefined, 'accepted'],
    ['ES256', undefined, 'ALGORITHM_NOT_ALLOWED'],
    ['RS256', [], 'accepted'],
    ['PS256', [], 'ALGORITHM_NOT_ALLOWED'],
    ['ES256', [null, 7, 'ES256'], 'accepted'],
    ['RS256', ['HS256', 'none'], 'ALGORITHM_NOT_ALLOWED'],
    ['RS256', 'RS256', 'ISSUER_INVALID'],
  ])('%s when discovery lists %j: %s', async (alg, listed, reason) => {
    const members = { id_token_signing_alg_values_supported: listed }
    world.issuer.fault('/openid-configuration', { kind: 'change', members })
    expect(await world.reason(await world.issuer.sign({ sub: SUB }, { alg }))).toBe(reason)
  })
})

describe('signatures that are refused', () => {
  test('one of another key, without a refetch', async () => {
    const { issuer, outcome, keySets } = world
    await world.verify(await issuer.sign({ sub: SUB }))
    const own = JSON.parse(Buffer.from((await issuer.sign()).split('.')[0] ?? '', 'base64url').toString()) as {
      kid: string
    }
    const token = await issuer.sign({ sub: SUB }, { key: await generateSandboxKey('RSA'), kid: own.kid })
    expect(await outcome(token)).toMatchObject({
      reason: 'SIGNATURE_INVALID',
      message: `${UNVERIFIED}its signature does not match the key of its issuer`,
    })
    expect(keySets()).toBe(1)
  })

  test('one of another payload', async () => {
    const [head, , signature] = (await world.issuer.sign({ sub: SUB })).split('.')
    const [, body] = (await world.issuer.sign({ sub: 'repo:acme/other' })).split('.')
    expect(await world.reason(`${head}.${body}.${signature}`)).toBe('SIGNATURE_INVALID')
    expect(await world.reason(`${head}.${body}.`)).toBe('SIGNATURE_INVALID')
    expect(await world.reason(`${head}.${body}.AA`)).toBe('SIGNATURE_INVALID')
  })
})

test('a caller who has left is told why', async () => {
  const reason = new Error('gone')
  const token = await world.issuer.sign({ sub: SUB })
  await expect(world.verify(token, AbortSignal.abort(reason))).rejects.toBe(reason)
})

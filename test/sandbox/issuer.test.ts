import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { createSandboxIssuer, type SandboxIssuer } from '../../src/sandbox/issuer.ts'
import { signingAlgorithms } from '../../src/sandbox/issuer-keys.ts'

let issuer: SandboxIssuer

beforeEach(async () => {
  issuer = await createSandboxIssuer({ clock: { now: () => 1_800_000_000_000 } })
})
afterEach(() => issuer.close())

const at = { currentDate: new Date(1_800_000_000_000) }

describe('the sandbox issuer, as an independent client sees it', () => {
  test.each(signingAlgorithms())('signs with %s what its own key set verifies', async (alg) => {
    const keySet = createRemoteJWKSet(new URL(`${issuer.url}/jwks`))
    const token = await issuer.sign({ sub: 'x' }, { alg })
    const { payload, protectedHeader } = await jwtVerify(token, keySet, { issuer: issuer.url, ...at })
    expect(protectedHeader.alg).toBe(alg)
    expect(payload).toEqual({
      iss: issuer.url,
      aud: 'octo-sts.test',
      iat: 1_800_000_000,
      exp: 1_800_000_300,
      sub: 'x',
    })
  })

  test('an undefined claim is left out, a given one stays', async () => {
    const token = await issuer.sign({ aud: ['a', 'b'], exp: undefined, iat: 1.5 })
    expect(payloadOf(token)).toEqual({ iss: issuer.url, aud: ['a', 'b'], iat: 1.5 })
  })

  test('serves issuers with a path', async () => {
    const answer = await fetch(`${issuer.url}/a/b/.well-known/openid-configuration`)
    expect(await answer.json()).toMatchObject({ issuer: `${issuer.url}/a/b`, jwks_uri: `${issuer.url}/a/b/jwks` })
    expect(issuer.requests('/.well-known/openid-configuration')).toBe(1)
    expect(issuer.requests('/jwks')).toBe(0)
  })

  test('mints over HTTP', async () => {
    const answer = await fetch(`${issuer.url}/sandbox/token?alg=ES256`, { method: 'POST', body: '{"sub":"y"}' })
    const { token } = (await answer.json()) as { token: string }
    expect(payloadOf(token)).toMatchObject({ iss: issuer.url, sub: 'y' })
    const refused = await fetch(`${issuer.url}/sandbox/token`, { method: 'POST', body: '[]' })
    expect(refused.status).toBe(400)
  })

  test('rotation withdraws the old keys, or keeps them', async () => {
    const kids = async () => {
      const { keys } = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: { kid: string }[] }
      return keys.map((key) => key.kid)
    }
    const first = await kids()
    await issuer.rotate({ keepOld: true })
    expect(await kids()).toEqual(expect.arrayContaining(first))
    await issuer.rotate()
    expect((await kids()).filter((kid) => first.includes(kid))).toEqual([])
  })

  test('claims look like those of GitHub Actions', () => {
    const { githubActionsClaims } = issuer
    expect(githubActionsClaims()).toMatchObject({ sub: 'repo:acme/app:ref:refs/heads/main', repository_id: '2001' })
    expect(githubActionsClaims({ environment: 'production (eu)' })).toMatchObject({
      sub: 'repo:acme/app:environment:production (eu)',
      environment: 'production (eu)',
    })
    expect(githubActionsClaims({ immutableSubject: true, eventName: 'pull_request' })['sub']).toBe(
      'repo:acme@1001/app@2001:pull_request',
    )
    expect(githubActionsClaims({ ref: 'refs/tags/v1' })['ref_type']).toBe('tag')
  })

  test.each([
    ['answer', { kind: 'answer', status: 503 }, 503],
    ['redirect-loop', { kind: 'redirect-loop' }, 302],
  ] as const)('the fault %s lasts as often as was said', async (_name, fault, status) => {
    issuer.fault('/jwks', fault, 1)
    expect((await fetch(`${issuer.url}/jwks`, { redirect: 'manual' })).status).toBe(status)
    expect((await fetch(`${issuer.url}/jwks`)).status).toBe(200)
  })
})

function payloadOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
}

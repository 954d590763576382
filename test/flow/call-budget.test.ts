import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.ts'
import { type Flow, startFlow } from '../support/flow.ts'

const ORG = 'GET /orgs/{org}/installation'
const USER = 'GET /users/{username}/installation'
const TOKEN = 'POST /app/installations/{installation_id}/access_tokens'
const FILE = 'GET /repos/{owner}/{repo}/contents/{path}'

let flow: Flow

beforeEach(async () => {
  flow = await startFlow()
  flow.policy('acme/app', 'ci')
  flow.policy('acme/app', 'other')
  flow.policy('acme/docs', 'ci')
  flow.policy('octocat/hello', 'ci')
})
afterEach(() => flow.close())

function isRead({ method, route }: { readonly method: string; readonly route: string | undefined }): boolean {
  return `${method} ${route}` === FILE
}

/** Asks, sees that it was granted, and answers the calls that it took. */
async function granted(question: Parameters<Flow['ask']>[0] = {}): Promise<string[]> {
  return flow.calls(async () => expect(await flow.ask(question)).toMatchObject({ code: 0 }))
}

async function refused(reason: string, question: Parameters<Flow['ask']>[0] = {}): Promise<string[]> {
  return flow.calls(async () => expect(await flow.ask(question)).toMatchObject({ reason }))
}

describe('calls to GitHub', () => {
  test('the first exchange of a fresh server makes five: the policy and the trusted issuers are read side by side', async () => {
    // Neither read is answered before both have come.
    const held = flow.github.fault(
      { method: 'GET', route: '/repos/{owner}/{repo}/contents/{path}', times: 2 },
      { kind: 'hold', until: eventually(() => expect(flow.github.calls.filter(isRead)).toHaveLength(2)) },
    )
    expect(await granted()).toEqual([ORG, TOKEN, FILE, FILE, TOKEN])
    expect(held.hits).toBe(2)
  })

  test('one more where the owner is a user', async () => {
    flow.github.addRepository('octocat', '.github')
    expect(await granted({ scope: 'octocat/hello' })).toEqual([ORG, USER, TOKEN, FILE, FILE, TOKEN])
  })

  test('six where the App was not given the policy repository, and that is remembered', async () => {
    flow.github.regrant(flow.installation, { repositories: ['app', 'docs'] })
    const first = await granted()
    expect(first.toSorted()).toEqual([FILE, ORG, ORG, TOKEN, TOKEN, TOKEN].toSorted())
    expect(await granted()).toEqual([TOKEN])
    expect(await granted({ scope: 'acme/docs' })).toEqual([TOKEN, FILE, TOKEN])
  })

  test('seven where that owner is a user', async () => {
    expect(await granted({ scope: 'octocat/hello' })).toHaveLength(7)
    expect(await granted({ scope: 'octocat/hello' })).toEqual([TOKEN])
  })

  test('the first exchange makes five whatever the number of installations', async () => {
    for (let index = 0; index < 300; index += 1) {
      flow.github.addAccount({ login: `org-${index}`, type: 'Organization' })
      flow.github.install(`org-${index}`, { permissions: { contents: 'read' }, repositories: 'all' })
    }
    expect(await granted()).toEqual([ORG, TOKEN, FILE, FILE, TOKEN])
  })

  test('a repeated exchange makes exactly one, the mint', async () => {
    await granted()
    expect(await granted()).toEqual([TOKEN])
    expect(await granted({ scope: 'Acme/APP' })).toEqual([TOKEN])
  })

  test('another identity of the same repository makes two, another repository of the owner three', async () => {
    await granted()
    expect(await granted({ identity: 'other' })).toEqual([FILE, TOKEN])
    expect(await granted({ scope: 'acme/docs' })).toEqual([TOKEN, FILE, TOKEN])
  })

  test('a refused one makes none once the policy is cached', async () => {
    await granted()
    const token = await flow.workflowToken({ ref: 'refs/heads/evil' })
    expect(await refused('SUBJECT_MISMATCH', { token })).toEqual([])
  })

  test('an unknown identity makes none after the listing', async () => {
    await granted()
    expect(await refused('POLICY_NOT_FOUND', { identity: 'unknown-1' })).toEqual([FILE, FILE])
    expect(await refused('POLICY_NOT_FOUND', { identity: 'unknown-2' })).toEqual([])
    expect(await refused('POLICY_NOT_FOUND', { identity: 'unknown-1' })).toEqual([])
    expect(await granted({ identity: 'other' })).toEqual([FILE, TOKEN])
  })

  test('an owner without the App is asked for once, whatever the repository', async () => {
    expect(await refused('APP_NOT_INSTALLED', { scope: 'stranger/one' })).toEqual([ORG, USER])
    expect(await refused('APP_NOT_INSTALLED', { scope: 'stranger/two' })).toEqual([])
    expect(await refused('APP_NOT_INSTALLED', { scope: 'Stranger' })).toEqual([])
  })

  test('64 equal cold exchanges share four, and make 64 mints with 64 tokens', async () => {
    const token = await flow.workflowToken()
    const tokens = new Set<string | undefined>()
    const calls = await flow.calls(async () => {
      const answers = await Promise.all(Array.from({ length: 64 }, () => flow.ask({ token })))
      for (const answer of answers) tokens.add(answer.token)
    })
    expect(calls.slice(0, 4)).toEqual([ORG, TOKEN, FILE, FILE])
    expect(calls.slice(4)).toEqual(Array.from({ length: 64 }, () => TOKEN))
    expect(tokens.size).toBe(64)
    expect(flow.issuer.requests('/.well-known/openid-configuration')).toBe(1)
    expect(flow.issuer.requests('/jwks')).toBe(1)
  })
})

describe('nothing of a later step is spent for a request that an earlier one refuses', () => {
  test.each([
    ['SCOPES_MULTIPLE', { scopes: ['acme/app', 'acme/docs'] }],
    ['AUTHORIZATION_MISSING', { token: [] }],
    ['TOKEN_MALFORMED', { token: 'not-a-token' }],
    ['SCOPE_MISSING', { scope: '' }],
    ['SCOPE_MALFORMED', { scope: 'acme//app' }],
    ['IDENTITY_MISSING', { identity: '' }],
    ['IDENTITY_MALFORMED', { identity: '../ci' }],
    ['CAP_MALFORMED', { cap: ['contents:everything'] }],
  ])('%s: neither the issuer nor GitHub is asked', async (reason, question) => {
    expect(await refused(reason, question)).toEqual([])
    expect(flow.issuer.requests('/.well-known/openid-configuration')).toBe(0)
  })

  test('TOKEN_EXPIRED: not even the issuer is asked', async () => {
    const token = await flow.workflowToken({}, { exp: 1 })
    expect(await refused('TOKEN_EXPIRED', { token })).toEqual([])
    expect(flow.issuer.requests('/.well-known/openid-configuration')).toBe(0)
  })

  test('SIGNATURE_INVALID: GitHub is not asked', async () => {
    const token = await flow.workflowToken()
    const forged = `${token.slice(0, -8)}${token.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'}`
    expect(await refused('SIGNATURE_INVALID', { token: forged })).toEqual([])
  })
})

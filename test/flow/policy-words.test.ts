import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { WorkflowRun } from '../../src/sandbox/github-actions-claims.ts'
import { type Flow, PROTOCOLS, startFlow } from '../support/flow.ts'

let flow: Flow

beforeEach(async () => {
  flow = await startFlow()
})
afterEach(() => flow.close())

type Question = Parameters<Flow['ask']>[0]

/** `granted`, or the reason of the refusal. */
async function outcome(question: Question = {}): Promise<string> {
  const { code, reason } = await flow.ask(question)
  return code === 0 ? 'granted' : (reason ?? `code ${code}`)
}

/** The names that a token reaches. */
async function reached(question: Question): Promise<readonly string[] | 'all' | string> {
  const { token = '', reason } = await flow.ask(question)
  const issued = flow.github.tokens.get(token)
  if (issued === undefined) return reason ?? 'no token'
  const { repositories } = issued
  if (repositories === 'all') return 'all'
  const all = [...flow.github.repositoriesOf(flow.github.findAccount('acme') as never)]
  return all.filter(({ id }) => repositories.has(id)).map(({ name }) => name)
}

/** A token of acme/app's main branch unless said. */
function token(run: WorkflowRun = {}, overrides: Record<string, unknown> = {}): Promise<string> {
  return flow.workflowToken(run, overrides)
}

const NONE = { issuer: undefined, subject: undefined }

describe('rules', () => {
  test('one alternative that holds is enough, and none is made of parts of two', async () => {
    const { url } = flow.issuer
    flow.policy('acme/app', 'ci', {
      ...NONE,
      rules: [
        { issuer: url, subject: 'repo:acme/app:ref:refs/heads/main', claims: { environment: 'prod' } },
        { issuer: url, subject: 'repo:acme/docs:ref:refs/heads/main' },
        { issuer: 'https://secret.example', subject_pattern: '.*' },
      ],
    })
    const docs = { repository: 'acme/docs' }
    expect(await outcome({ token: await token({}, { environment: 'prod' }) })).toBe('granted')
    expect(await outcome({ token: await token(docs) })).toBe('granted')
    expect(await outcome({ token: await token() })).toBe('CLAIM_MISSING')
    expect(await outcome({ token: await token({ repository: 'acme/infra' }) })).toBe('SUBJECT_MISMATCH')
  })

  test('a refusal speaks of the nearest alternative, and never of what the others expect', async () => {
    const { url } = flow.issuer
    flow.policy('acme/app', 'ci', {
      ...NONE,
      rules: [
        { issuer: 'https://secret.example', subject: 'secret' },
        { issuer: url, subject: 'secret', audience: 'secret' },
        { issuer: url, subject_pattern: 'repo:partner/.*', claims: { ref: ['secret-1', 'secret-2'] } },
      ],
    })
    const partner = await token({ repository: 'partner/x', repositoryId: 9, ownerId: 9 })
    const { reason, message } = await flow.ask({ token: partner })
    expect(reason).toBe('CLAIM_MISMATCH')
    expect(message).toBe('trust policy: claim "ref" with the value "refs/heads/main" did not match')
  })

  test('the event and the log have every alternative', async () => {
    const { url } = flow.issuer
    flow.policy('acme/app', 'ci', {
      ...NONE,
      rules: [
        { issuer: url, subject: 'a' },
        { issuer: url, subject: 'b' },
      ],
    })
    expect(await outcome()).toBe('SUBJECT_MISMATCH')
    const line = flow.lines.find(({ message }) => message === 'exchange refused')
    expect(line?.['verdicts']).toMatchObject([
      { rules: [{ rule: 'issuer' }, { expected: 'a', failure: 'SUBJECT_MISMATCH' }, { rule: 'audience' }] },
      { rules: [{ rule: 'issuer' }, { expected: 'b', failure: 'SUBJECT_MISMATCH' }, { rule: 'audience' }] },
    ])
  })
})

describe('claims', () => {
  test.each<readonly [string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['a value', { claims: { team: 'a' } }, { team: 'a' }, 'granted'],
    ['another value', { claims: { team: 'a' } }, { team: 'b' }, 'CLAIM_MISMATCH'],
    ['one of several', { claims: { team: ['a', 'b'] } }, { team: 'b' }, 'granted'],
    ['a pattern', { claims: { team: { pattern: 'a|b' } } }, { team: 'ab' }, 'CLAIM_MISMATCH'],
    ['a number', { claims: { level: '3' } }, { level: 3 }, 'granted'],
    ['a list', { claims: { groups: 'admins' } }, { groups: ['users', 'admins'] }, 'granted'],
    ['nested', { claims: { '/k8s.io/sa/name': 'x' } }, { 'k8s.io': { sa: { name: 'x' } } }, 'granted'],
    ['an object', { claims: { a: { pattern: '.*' } } }, { a: { b: 'c' } }, 'CLAIM_MISMATCH'],
    ['absent', { claims: { a: { pattern: '.*' } } }, {}, 'CLAIM_MISSING'],
    ['forbidden', { forbidden_claims: { event_name: ['pull_request_target', 'push'] } }, {}, 'CLAIM_FORBIDDEN'],
    ['forbidden and absent', { forbidden_claims: { x: { pattern: '.*' } } }, {}, 'granted'],
  ])('%s', async (_, words, claims, expected) => {
    flow.policy('acme/app', 'ci', words)
    expect(await outcome({ token: await token({}, claims) })).toBe(expected)
  })

  test('a number too large for JavaScript is the text that was signed', async () => {
    flow.policy('acme/app', 'ci', { subject: 'robot', claims: { id: '12345678901234567890' } })
    const signed = (id: string) => {
      const exp = Math.floor(Date.now() / 1000) + 300
      const claims = JSON.stringify({ iss: flow.issuer.url, sub: 'robot', aud: flow.settings.domain, exp })
      return flow.issuer.sign(`${claims.slice(0, -1)},"id":${id}}`)
    }
    expect(await outcome({ token: await signed('12345678901234567890') })).toBe('granted')
    expect(await outcome({ token: await signed('12345678901234567891') })).toBe('CLAIM_MISMATCH')
  })

  test('a forbidden subject cannot hide behind its ids', async () => {
    flow.policy('acme/app', 'ci', {
      subject: undefined,
      subject_pattern: 'repo:acme/.*',
      forbidden_claims: { sub: 'repo:acme/app:ref:refs/heads/main' },
    })
    expect(await outcome({ token: await token({ immutableSubject: true }) })).toBe('CLAIM_FORBIDDEN')
    expect(await outcome({ token: await token({ immutableSubject: true, ref: 'refs/heads/x' }) })).toBe('granted')
  })
})

describe('github_actions', () => {
  test('instead of a subject', async () => {
    flow.policy('acme/app', 'ci', {
      subject: undefined,
      github_actions: { repository_id: '2001', ref: 'refs/heads/main' },
    })
    expect(await outcome()).toBe('granted')
    expect(await outcome({ token: await token({ ref: 'refs/heads/x' }) })).toBe('CLAIM_MISMATCH')
    expect(await outcome({ token: await token({ repositoryId: 7 }) })).toBe('CLAIM_MISMATCH')
  })

  test('its ids pin a name that another account may have taken over', async () => {
    const partner = { repository: 'partner/x', repositoryId: 8, ownerId: 9, immutableSubject: true }
    const subject = 'repo:partner/x:ref:refs/heads/main'
    flow.policy('acme/app', 'ci', { subject })
    flow.policy('acme/app', 'pinned', { subject, github_actions: { repository_owner_id: '9' } })
    expect(await outcome({ token: await token(partner) })).toBe('SUBJECT_HAS_IDS')
    expect(await outcome({ identity: 'pinned', token: await token(partner) })).toBe('granted')
    const taken = { ...partner, ownerId: 10 }
    expect(await outcome({ identity: 'pinned', token: await token(taken) })).toBe('CLAIM_MISMATCH')
  })
})

test("github_actions is nothing for an issuer that is not GitHub's", async () => {
  const plain = await startFlow({ settings: { issuers: [] } })
  plain.policy('acme/app', 'ci', { subject: undefined, github_actions: { repository_id: '2001' } })
  expect(await plain.ask({})).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'GITHUB_ISSUER_REQUIRED' })
  await plain.close()
})

describe.each(PROTOCOLS)('when a policy is valid, over %s', (_, over) => {
  test.each<readonly [Record<string, unknown>, string | undefined, string | undefined]>([
    [{ not_before: '2020-01-01T00:00:00Z', expires: '9999-01-01T00:00:00Z' }, undefined, undefined],
    [{ expires: '2020-01-01T00:00:00Z' }, 'POLICY_EXPIRED', 'trust policy: the policy has expired'],
    [{ not_before: '9999-01-01T00:00:00Z' }, 'POLICY_NOT_YET_VALID', 'trust policy: the policy is not valid yet'],
  ])('%j', async (words, reason, message) => {
    flow.policy('acme/docs', 'ci', words)
    const code = reason === undefined ? status.OK : status.PERMISSION_DENIED
    const answer = await flow.ask({ scope: 'acme/docs' }, over)
    expect([answer.code, answer.reason, answer.message]).toEqual([code, reason, message])
  })
})

test('single_use is refused where nothing remembers what was used', async () => {
  flow.policy('acme/app', 'ci', { single_use: 'true' })
  flow.policy('acme/app', 'other', { single_use: 'false' })
  expect(await flow.calls(async () => expect(await outcome()).toBe('SINGLE_USE_UNAVAILABLE'))).toHaveLength(4)
  expect(await outcome({ identity: 'other' })).toBe('granted')
})

test('refresh changes nothing for the exchange itself', async () => {
  flow.policy('acme/app', 'ci', { refresh: { max_age: '8h' } })
  expect(await outcome()).toBe('granted')
})

describe('repository_patterns', () => {
  const LIST = 'GET /installation/repositories'
  const TOKEN = 'POST /app/installations/{installation_id}/access_tokens'

  test.each(['acme', 'acme/.github'])('select from what the installation reaches, for scope %s', async (scope) => {
    flow.policy('acme', 'docs', { repository_patterns: ['d.*', 'in.ra'] })
    flow.policy('acme', 'both', { repository_patterns: ['D.*|a.p'], repositories: ['docs'] })
    flow.policy('acme', 'part', { repository_patterns: ['oc', 'app.'] })
    flow.policy('acme', 'named', { repository_patterns: ['x'], repositories: ['docs'] })
    expect(await reached({ scope, identity: 'docs' })).toEqual(['docs', 'infra'])
    expect(await reached({ scope, identity: 'both' })).toEqual(['app', 'docs'])
    expect(await reached({ scope, identity: 'part' })).toBe('REPOSITORY_PATTERNS_UNMATCHED')
    expect(await reached({ scope, identity: 'named' })).toEqual(['docs'])
  })

  test('are looked up after everything else has agreed, and once in five minutes', async () => {
    flow.policy('acme', 'ci', { repository_patterns: ['app'] })
    flow.policy('acme', 'single', { repository_patterns: ['app'], single_use: 'true' })
    const wrong = await token({ ref: 'refs/heads/evil' })
    const refused = await flow.calls(async () => {
      expect(await outcome({ scope: 'acme', token: wrong })).toBe('SUBJECT_MISMATCH')
      expect(await outcome({ scope: 'acme', cap: ['contents:write'] })).toBe('CAP_EXCEEDS_POLICY')
      expect(await outcome({ scope: 'acme', identity: 'single' })).toBe('SINGLE_USE_UNAVAILABLE')
    })
    expect(refused).not.toContain(LIST)
    const first = await flow.calls(async () => expect(await outcome({ scope: 'acme' })).toBe('granted'))
    expect(first).toEqual([TOKEN, LIST, TOKEN])
    const second = await flow.calls(async () => expect(await outcome({ scope: 'acme' })).toBe('granted'))
    expect(second).toEqual([TOKEN])
  })

  test('more than 500 are refused, and nothing is minted', async () => {
    for (let index = 0; index < 497; index += 1) flow.github.addRepository('acme', `r${index}`)
    flow.policy('acme', 'ci', { repository_patterns: ['.*'] })
    flow.policy('acme', 'fewer', { repository_patterns: ['r.*'], repositories: ['app', 'docs', 'infra'] })
    const calls = await flow.calls(async () =>
      expect(await flow.ask({ scope: 'acme' })).toMatchObject({
        code: status.PERMISSION_DENIED,
        reason: 'REPOSITORIES_TOO_MANY',
        message:
          'trust policy: its repositories and repository_patterns together reach 501 repositories, and a token can have 500 at most: make the patterns narrower',
      }),
    )
    expect(calls.slice(-7)).toEqual([TOKEN, LIST, LIST, LIST, LIST, LIST, LIST])
    expect(await reached({ scope: 'acme', identity: 'fewer' })).toHaveLength(500)
  })

  test('a repository that has gone since is left out, not a reason to fail', async () => {
    flow.policy('acme', 'ci', { repository_patterns: ['docs|infra'] })
    expect(await reached({ scope: 'acme' })).toEqual(['docs', 'infra'])
    flow.github.removeRepository('acme', 'docs')
    expect(await reached({ scope: 'acme' })).toEqual(['infra'])
  })

  test('nothing is everything', async () => {
    flow.policy('acme', 'ci', { repository_patterns: ['none'] })
    const { code, message } = await flow.ask({ scope: 'acme' })
    expect(code).toBe(status.PERMISSION_DENIED)
    expect(message).toBe(
      "trust policy: none of the repositories that the GitHub App's installation reaches matches its repository_patterns",
    )
  })

  test("GitHub's silence about them is not an answer", async () => {
    flow.policy('acme', 'ci', { repository_patterns: ['.*'] })
    flow.github.fault({ route: '/installation/repositories' }, { kind: 'answer', status: 502 })
    expect(await outcome({ scope: 'acme' })).toBe('GITHUB_UNAVAILABLE')
  })
})

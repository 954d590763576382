import { createHash } from 'node:crypto'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { askGrpc, askHttp } from '../support/ask.ts'
import { type Flow, PROTOCOLS, startFlow } from '../support/flow.ts'

const TOKENS = { method: 'POST', route: '/app/installations/{installation_id}/access_tokens' }

let flow: Flow

beforeEach(async () => {
  flow = await startFlow()
})
afterEach(() => flow.close())

/** What the embedded GitHub knows of a token that it issued. */
function issuedBy(of: Flow, token: string | undefined) {
  const issued = of.github.tokens.get(token ?? '')
  if (issued === undefined) throw new Error('GitHub issued no such token')
  return issued
}

async function granted(
  question: Parameters<Flow['ask']>[0] = {},
): Promise<{ permissions: unknown; repositories: unknown }> {
  const answer = await flow.ask(question)
  expect(answer).toMatchObject({ code: 0 })
  const { permissions, repositories } = issuedBy(flow, answer.token)
  const names = [...flow.github.repositoriesOf(flow.github.findAccount('acme') as never)]
  return {
    permissions,
    repositories:
      repositories === 'all'
        ? 'all'
        : names.filter(({ id }) => (repositories as ReadonlySet<number>).has(id)).map(({ name }) => name),
  }
}

describe.each(PROTOCOLS)('an exchange over %s', (_, over) => {
  test('answers a token that GitHub issued for this exchange alone, with its end', async () => {
    flow.policy('acme/app', 'ci')
    const [one, two] = [await flow.ask({}, over), await flow.ask({}, over)]
    expect(one).toMatchObject({ code: 0, token: expect.stringMatching(/^ghs_/) })
    expect(one.token).not.toBe(two.token)
    const end = Date.parse(one.expiry ?? '') - Date.now()
    expect(end).toBeGreaterThan(59 * 60_000)
    expect(end).toBeLessThanOrEqual(60 * 60_000)
  })
})

describe('what a token reaches', () => {
  test.each([
    ['acme/app', {}, ['app']],
    ['acme/.github', {}, ['.github']],
    ['acme/.github', { repositories: ['app', 'docs'] }, ['app', 'docs']],
    ['acme', {}, 'all'],
    ['acme', { repositories: ['docs'] }, ['docs']],
    ['ACME/App', {}, ['app']],
  ])('scope %s with %j: %j', async (scope, change, repositories) => {
    flow.policy(scope.toLowerCase(), 'ci', { ...change, permissions: { issues: 'write', contents: 'read' } })
    expect(await granted({ scope })).toEqual({
      permissions: { contents: 'read', issues: 'write', metadata: 'read' },
      repositories,
    })
  })

  test('a cap narrows it, one without a colon is ignored', async () => {
    flow.policy('acme/app', 'ci', { permissions: { contents: 'write', issues: 'write' } })
    expect(await granted({ cap: ['contents:read', 'something'] })).toEqual({
      permissions: { contents: 'read', metadata: 'read' },
      repositories: ['app'],
    })
  })

  test('a repository policy cannot name repositories', async () => {
    flow.policy('acme/app', 'ci', { repositories: ['docs'] })
    expect(await flow.ask({})).toMatchObject({ reason: 'POLICY_UNPARSABLE' })
  })

  test.each([{ permissions: {} }, { permissions: undefined }, { repositories: [], permissions: { contents: 'read' } }])(
    'nothing said is never everything: %j is no valid organization policy',
    async (change) => {
      flow.policy('acme', 'ci', change)
      const answer = await flow.ask({ scope: 'acme' })
      expect(answer).toMatchObject({
        code: status.NOT_FOUND,
        reason: expect.stringMatching(/^POLICY_(INVALID|UNPARSABLE)$/),
      })
    },
  )

  test('the policy repository can have another name', async () => {
    await flow.close()
    flow = await startFlow({ settings: { policyRepository: 'infra' } })
    flow.policy('acme/infra', 'ci', { repositories: ['docs'] })
    expect(await granted({ scope: 'acme' })).toMatchObject({ repositories: ['docs'] })
    flow.policy('acme/.github', 'ci')
    expect(await granted({ scope: 'acme/.github' })).toMatchObject({ repositories: ['.github'] })
  })

  test('a policy on another branch than the default one does not count', async () => {
    flow.github.putFile('acme', 'app', '.github/chainguard/ci.sts.yaml', 'x', 'feature')
    expect(await flow.ask({})).toMatchObject({ reason: 'POLICY_NOT_FOUND' })
  })

  test("an App's slug or id pins it, and matches the one that mints", async () => {
    for (const app of [flow.github.app.slug, String(flow.github.app.id)]) {
      flow.policy('acme/app', `pinned-${app}`, { app })
      expect(await granted({ identity: `pinned-${app}` })).toMatchObject({ repositories: ['app'] })
    }
    for (const [identity, pattern] of [
      ['by-slug', 'octo-.*'],
      ['by-id', `other|0*${flow.github.app.id}`],
    ] as const) {
      flow.policy('acme/app', identity, { app_pattern: pattern })
      expect(await granted({ identity })).toMatchObject({ repositories: ['app'] })
    }
  })
})

describe("GitHub's immutable subjects", () => {
  const run = { immutableSubject: true, repositoryId: 2001, ownerId: 1001 }

  test('satisfy a policy that knows names only, when the owner is the one whose installation is asked for', async () => {
    flow.policy('acme/app', 'ci')
    expect(await flow.ask({ token: await flow.workflowToken(run) })).toMatchObject({ code: 0 })
  })

  test('of an owner who has got the name of another do not', async () => {
    flow.policy('acme/app', 'ci')
    expect(await flow.ask({ token: await flow.workflowToken({ ...run, ownerId: 666 }) })).toMatchObject({
      code: status.PERMISSION_DENIED,
      reason: 'SUBJECT_HAS_IDS',
      message: expect.stringContaining('repo:acme@666/app@2001:ref:refs/heads/main'),
    })
  })
})

describe('who may be told what a policy expects', () => {
  const ref = 'refs/heads/feature'

  test('a workflow of the very repository is told every rule', async () => {
    flow.policy('acme/app', 'ci', { claim_pattern: { event_name: 'release' } })
    const { message } = await flow.ask({ token: await flow.workflowToken({ ref, repositoryId: 2001 }) })
    expect(message).toContain('repo:acme/app:ref:refs/heads/main')
    expect(message).toContain('event_name')
    expect(message).toContain('release')
  })

  test.each([
    ['another repository', { repository: 'acme/docs', ref }],
    ['a repository of that name under another owner id', { ownerId: 666, ref }],
  ])('%s is told its own value only', async (_, run) => {
    flow.policy('acme/app', 'ci', { subject: 'the-secret-subject' })
    const { message } = await flow.ask({ token: await flow.workflowToken(run) })
    expect(message).toMatch(/subject .*refs\/heads\/feature/)
    expect(message).not.toContain('the-secret-subject')
    expect(JSON.stringify(flow.lines)).toContain('the-secret-subject')
  })

  test('everybody is told everything when the operator says so', async () => {
    await flow.close()
    flow = await startFlow({ settings: { denialDetail: 'full' } })
    flow.policy('acme/app', 'ci', { subject: 'the-open-subject' })
    const { message } = await flow.ask({ token: await flow.workflowToken({ repository: 'acme/docs' }) })
    expect(message).toContain('the-open-subject')
  })
})

describe('what the operator allows', () => {
  test('owners and issuers that are not on the list are refused before anything is fetched', async () => {
    await flow.close()
    flow = await startFlow({
      settings: { allowedOwners: ['ACME'], allowedIssuers: [{ matches: (issuer) => issuer.startsWith('https:') }] },
    })
    const calls = await flow.calls(async () => {
      expect(await flow.ask({ scope: 'octocat/hello' })).toMatchObject({
        code: status.PERMISSION_DENIED,
        reason: 'OWNER_NOT_ALLOWED',
      })
      expect(await flow.ask({})).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'ISSUER_NOT_ALLOWED' })
    })
    expect(calls).toEqual([])
    expect(flow.issuer.requests('/.well-known/openid-configuration')).toBe(0)
  })
})

describe.each([
  ['gRPC', askGrpc],
  ['HTTP', askHttp],
] as const)('a caller over %s who leaves while GitHub mints', (_, over) => {
  test('leaves no token behind', async () => {
    flow.policy('acme/app', 'ci')
    let release: () => void = () => {}
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    const hold = flow.github.fault({ ...TOKENS, after: 1 }, { kind: 'hold', until, processed: true })
    const leaving = new AbortController()
    const answer = flow.ask({ signal: leaving.signal }, over).catch(() => undefined)
    await eventually(() => hold.hits === 1)
    leaving.abort()
    await answer
    await eventually(() => flow.lines.some((line) => line['reason'] === 'CANCELLED'))
    release()
    await eventually(() => flow.github.calls.some(({ method, status: code }) => method === 'DELETE' && code === 204))
  })
})

test('neither the subject token nor the installation token is ever logged; their trace is the hash', async () => {
  flow.policy('acme/app', 'ci')
  const token = await flow.workflowToken()
  const answer = await flow.ask({ token })
  const text = JSON.stringify(flow.lines)
  expect(text).not.toContain(answer.token)
  expect(text).not.toContain(token.split('.')[2])
  expect(text).toContain(
    createHash('sha256')
      .update(answer.token ?? '')
      .digest('hex'),
  )
})

test('the names of prototypes are ordinary names', async () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect(await flow.ask({ scope: `acme/${name}` })).toMatchObject({ code: status.NOT_FOUND })
    expect(await flow.ask({ scope: name })).toMatchObject({ reason: 'APP_NOT_INSTALLED' })
    expect(await flow.ask({ identity: name })).toMatchObject({ reason: 'POLICY_NOT_FOUND' })
  }
  flow.policy('acme/docs', 'ci', { claim_pattern: { constructor: '.*' } })
  expect(await flow.ask({ scope: 'acme/docs' })).toMatchObject({ reason: 'CLAIM_MISSING' })
})

/** Waits for something that another part of the process will do: polled on the event loop, bounded by the test's own limit. */
async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { RE2JS } from 're2js'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createWorld, type World, type WorldIssuer, type WorldRun } from '../../src/sandbox/world.ts'
import { policyPath } from '../../src/terms/identity.ts'
import { createGitHubClient, type GitHubClient, member } from '../support/github-client.ts'

/** The subjects of GitHub Actions without an issuer that signs them: enough to hold the policies against. */
const issuer: WorldIssuer = {
  url: 'http://127.0.0.1:1',
  githubActionsClaims: (run: WorldRun) => ({ sub: subjectOf(run) }),
}
let github: SandboxGitHub
let world: World

beforeAll(async () => {
  github = await createSandboxGitHub()
  await github.addApp()
  world = createWorld(github, issuer)
})
afterAll(() => github.close())

describe('a ready exchange', () => {
  test('shows each thing once', () => {
    const names = world.exchanges.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(world.exchanges.filter(({ refusal }) => refusal === undefined)).toHaveLength(11)
    expect(world.exchanges.flatMap(({ refusal }) => refusal ?? [])).toEqual([
      'SUBJECT_MISMATCH',
      'POLICY_NOT_FOUND',
      'POLICY_INVALID',
      'MINT_PERMISSION_NOT_GRANTED',
      'REPOSITORY_NOT_SELECTED',
      'APP_NOT_INSTALLED',
    ])
  })

  test('that must succeed has a policy that its subject fits, for a token that GitHub grants', async () => {
    for (const { name, scope, identity, claims, refusal } of world.exchanges) {
      if (refusal !== undefined || name.includes('immutable')) continue
      const policy = await policyOf(scope, identity)
      expect({ name, issuer: member(policy, 'issuer') }).toEqual({ name, issuer: claims['iss'] ?? world.githubIssuer })
      expect({ name, fits: fits(policy, String(claims['sub'])) }).toEqual({ name, fits: true })
      expect({ name, status: await mintStatus(scope, policy) }).toEqual({ name, status: 201 })
    }
  })

  test('of initech is served by either App, each with a repository that the other has not', () => {
    const given = github.apps.map(({ id }) => github.findInstallationOf('initech', id)?.repositories)
    expect(given).toEqual([new Set([2200, 2201]), new Set([2200, 2202])])
  })

  test('needs two Apps', async () => {
    const alone = await createSandboxGitHub()
    try {
      expect(() => createWorld(alone, issuer)).toThrow('the world needs two Apps')
    } finally {
      await alone.close()
    }
  })
})

const repositoryOf = (scope: string) => (scope.includes('/') ? scope : `${scope}/.github`)

/** The installation that has the scope's repository, and a client with its App's key. */
function servedBy(scope: string): { readonly id: number; readonly client: GitHubClient } {
  const [owner = '', name = ''] = repositoryOf(scope).split('/')
  const repository = github.findRepository(owner, name)?.id ?? 0
  const found = [...github.installations.values()].find(
    ({ account, repositories }) => account.login === owner && (repositories === 'all' || repositories.has(repository)),
  )
  const app = github.apps.find(({ id }) => id === found?.app.id)
  return { id: found?.id ?? 0, client: createGitHubClient(github, Date.now, app) }
}

async function policyOf(scope: string, identity: string): Promise<unknown> {
  const { id, client } = servedBy(scope)
  const bearer = await client.mint(id, { permissions: { contents: 'read' } })
  const path = `/repos/${repositoryOf(scope)}/contents/${policyPath(identity)}`
  const { body } = await client.send('GET', path, { bearer })
  return load(Buffer.from(String(member(body, 'content')), 'base64').toString())
}

function fits(policy: unknown, subject: string): boolean {
  const pattern = member(policy, 'subject_pattern')
  return pattern === undefined ? member(policy, 'subject') === subject : RE2JS.matches(String(pattern), subject)
}

async function mintStatus(scope: string, policy: unknown): Promise<number> {
  const repositories = member(policy, 'repositories') ?? [scope.split('/')[1]]
  const body = { permissions: member(policy, 'permissions'), repositories }
  const { id, client } = servedBy(scope)
  const path = `/app/installations/${id}/access_tokens`
  return (await client.send('POST', path, { bearer: client.appJwt(), body })).status
}

function subjectOf({ repository, environment, ref }: WorldRun): string {
  return environment === undefined ? `repo:${repository}:ref:${ref}` : `repo:${repository}:environment:${environment}`
}

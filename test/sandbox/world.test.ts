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
let client: GitHubClient
let world: World

beforeAll(async () => {
  github = await createSandboxGitHub()
  client = createGitHubClient(github)
  world = createWorld(github, issuer)
})
afterAll(() => github.close())

describe('a ready exchange', () => {
  test('shows each thing once', () => {
    const names = world.exchanges.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(world.exchanges.filter(({ refusal }) => refusal === undefined)).toHaveLength(8)
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
})

const repositoryOf = (scope: string) => (scope.includes('/') ? scope : `${scope}/.github`)
const installationOf = (scope: string) => github.findInstallationOf(scope.split('/')[0] ?? '')?.id ?? 0

async function policyOf(scope: string, identity: string): Promise<unknown> {
  const bearer = await client.mint(installationOf(scope), { permissions: { contents: 'read' } })
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
  const path = `/app/installations/${installationOf(scope)}/access_tokens`
  return (await client.send('POST', path, { bearer: client.appJwt(), body })).status
}

function subjectOf({ repository, environment, ref }: WorldRun): string {
  return environment === undefined ? `repo:${repository}:ref:${ref}` : `repo:${repository}:environment:${environment}`
}

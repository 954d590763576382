import type { SandboxGitHub } from '../src/sandbox/github.ts'

/** An owner, a repository or none, and a policy's identity. */
export interface Target {
  readonly scope: string
  readonly identity: string
}

/** The claims of the tokens that are used, without those that the issuer adds. */
export const RUN = { repository: 'acme/app', ref: 'refs/heads/main' } as const
const SUBJECT = 'repo:acme/app:ref:refs/heads/main'

/** Never `contents: read` alone: that is what the service asks for its own reading, which the world lets no shortcut answer. */
export const PERMISSIONS = { contents: 'write', issues: 'read' } as const

/** Twenty claims of a workflow's token, each with a pattern that is more than a text. */
const CLAIM_PATTERNS: Readonly<Record<string, string>> = {
  ref: 'refs/heads/(main|release/[0-9]+)',
  sha: '[0-9a-f]{40}',
  repository: 'acme/[a-z]+',
  repository_owner: 'ac.e',
  repository_owner_id: '[0-9]+',
  repository_id: '[0-9]+',
  repository_visibility: 'private|internal',
  run_id: '[0-9]{1,20}',
  run_number: '[0-9]+',
  run_attempt: '[1-9]',
  actor: '[a-z-]+',
  actor_id: '[0-9]+',
  workflow: 'CI|Release.*',
  event_name: 'push|workflow_dispatch',
  ref_protected: 'true|false',
  ref_type: 'branch|tag',
  workflow_ref: 'acme/app/\\.github/workflows/[a-z.-]+@refs/heads/.+',
  workflow_sha: '[0-9a-f]{40}',
  job_workflow_ref: 'acme/.+@refs/heads/[^/]+',
  runner_environment: '(github|self)-hosted',
}

const POLICIES_IN_TURN = 500
const FLEET = 50

/** Seeds an organization `acme` with everything that the scenarios ask for, and answers its installation's id. */
export function seedAcme(github: SandboxGitHub, issuer: string): number {
  const base = { issuer, subject: SUBJECT, permissions: PERMISSIONS }
  const [[oneClaim = '', onePattern = ''] = []] = Object.entries(CLAIM_PATTERNS)
  github.addAccount({ login: 'acme', type: 'Organization', id: 1001 })
  github.addRepository('acme', 'app', {
    id: 2001,
    files: filesOf({
      ci: base,
      'one-pattern': { ...base, claim_pattern: { [oneClaim]: onePattern } },
      'twenty-patterns': { ...base, claim_pattern: CLAIM_PATTERNS },
      mismatch: { ...base, subject: `${SUBJECT}-not` },
      'any-branch': { issuer, subject_pattern: 'repo:acme/app:ref:refs/heads/.+', permissions: PERMISSIONS },
      once: { ...base, single_use: true },
      ...Object.fromEntries(turns().map(({ identity }) => [identity, base])),
    }),
  })
  const fleet = Array.from({ length: FLEET }, (_, index) => `service-${index}`)
  for (const name of fleet) github.addRepository('acme', name)
  github.addRepository('acme', '.github', { files: filesOf({ fleet: { ...base, repositories: fleet } }) })
  return github.install('acme', { permissions: GRANTED, repositories: 'all' })
}

/** The targets of the scenario that takes many policies in turn. */
export function turns(): readonly Target[] {
  return Array.from({ length: POLICIES_IN_TURN }, (_, index) => ({ scope: 'acme/app', identity: `turn-${index}` }))
}

/** Seeds organizations of one repository each with so many policies, all for the same subject. */
export function seedOrganizations(github: SandboxGitHub, issuer: string, size: Size): void {
  const identities = Array.from({ length: size.policiesEach }, (_, index) => `ci-${index}`)
  const files = filesOf(
    Object.fromEntries(identities.map((name) => [name, { issuer, subject: SUBJECT, permissions: PERMISSIONS }])),
  )
  for (let index = 0; index < size.organizations; index += 1) {
    const login = `org-${index}`
    github.addAccount({ login, type: 'Organization' })
    github.addRepository(login, 'app', { files })
    github.install(login, { permissions: GRANTED, repositories: 'all' })
  }
}

export interface Size {
  readonly organizations: number
  readonly policiesEach: number
}

/** Every policy of those organizations. */
export function organizationTargets({ organizations, policiesEach }: Size): readonly Target[] {
  return Array.from({ length: organizations * policiesEach }, (_, index) => ({
    scope: `org-${index % organizations}/app`,
    identity: `ci-${Math.floor(index / organizations)}`,
  }))
}

const GRANTED = { contents: 'write', issues: 'write' } as const

/** JSON is YAML. */
function filesOf(policies: Readonly<Record<string, object>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(policies).map(([identity, policy]) => [
      `.github/chainguard/${identity}.sts.yaml`,
      JSON.stringify(policy, undefined, 2),
    ]),
  )
}

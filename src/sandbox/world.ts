import type { Reason } from '../terms/denial.ts'
import { policyPath } from '../terms/identity.ts'
import type { SandboxGitHub } from './github.ts'
import { acmePolicies, initechPolicies, octocatPolicies, type PolicyIssuers } from './world-policies.ts'

/** What the world needs of the issuer: its address (any path below it is an issuer too) and the shape of its claims. */
export interface WorldIssuer {
  readonly url: string
  githubActionsClaims(run: WorldRun, overrides?: Readonly<Record<string, unknown>>): Record<string, unknown>
}

/** A workflow run, as far as the world tells them apart. */
export interface WorldRun {
  readonly repository?: string
  readonly repositoryId?: number
  readonly ownerId?: number
  readonly ref?: string
  readonly environment?: string
  readonly immutableSubject?: boolean
}

/** One exchange that is ready to be made, once its claims are signed. */
export interface WorldExchange {
  /** What it shows, in a few words. */
  readonly name: string
  readonly scope: string
  readonly identity: string
  /** To be signed by the issuer, which fills in what is missing of `iss`, `aud`, `iat` and `exp`. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Why it must be refused; undefined when it must succeed. */
  readonly refusal: Reason | undefined
}

export interface World {
  /** The issuer that stands for GitHub Actions: to be listed as a GitHub's issuer. */
  readonly githubIssuer: string
  readonly exchanges: readonly WorldExchange[]
}

/**
 * Seeds the embedded GitHub with an organization `acme` (repositories `.github`, `app`, `docs`, and `vault`, which the App
 * was not given), an organization `initech` that each of two Apps serves for another repository (`tps`, `printer`), and a
 * user `octocat` (`dotfiles`), all with their trust policies for subjects of the issuer. Throws where there is one App only.
 */
export function createWorld(github: SandboxGitHub, issuer: WorldIssuer): World {
  const issuers: PolicyIssuers = {
    actions: issuer.url,
    cluster: `${issuer.url}/cluster`,
    google: `${issuer.url}/google`,
  }
  seedAcme(github, issuers)
  seedInitech(github, issuers)
  seedOctocat(github, issuers)
  return { githubIssuer: issuers.actions, exchanges: [...granted(issuer, issuers), ...refused(issuer)] }
}

function seedAcme(github: SandboxGitHub, issuers: PolicyIssuers): void {
  const policies = acmePolicies(issuers)
  github.addAccount({ login: 'acme', type: 'Organization', id: ACME.id })
  github.addRepository('acme', '.github', { id: 2000, files: policyFiles(policies.organization) })
  github.addRepository('acme', 'app', {
    id: ACME.appId,
    files: { 'README.md': '# app\n\nOnly those who hold a token may read this.\n', ...policyFiles(policies.app) },
  })
  github.addRepository('acme', 'docs', {
    id: 2002,
    private: false,
    files: { 'README.md': '# docs\n', ...policyFiles(policies.docs) },
  })
  github.addRepository('acme', 'vault', { id: 2003, files: policyFiles(policies.app) })
  github.install('acme', {
    permissions: { contents: 'write', deployments: 'write', issues: 'write', pull_requests: 'write' },
    repositories: ['.github', 'app', 'docs'],
  })
}

function seedInitech(github: SandboxGitHub, issuers: PolicyIssuers): void {
  const [first, second] = github.apps
  if (first === undefined || second === undefined) throw new Error('the world needs two Apps: call addApp before')
  const policies = initechPolicies(issuers)
  github.addAccount({ login: 'initech', type: 'Organization', id: INITECH.id })
  github.addRepository('initech', '.github', {
    id: 2200,
    files: { '.github/chainguard/trusted-token-issuers.yaml': policies.issuers },
  })
  github.addRepository('initech', 'tps', { id: INITECH.tpsId, files: policyFiles(policies.tps) })
  github.addRepository('initech', 'printer', { id: INITECH.printerId, files: policyFiles(policies.printer) })
  const permissions = { checks: 'write', contents: 'write', pull_requests: 'read' } as const
  github.install('initech', { app: first.id, permissions, repositories: ['.github', 'tps'] })
  github.install('initech', { app: second.id, permissions, repositories: ['.github', 'printer'] })
}

function seedOctocat(github: SandboxGitHub, issuers: PolicyIssuers): void {
  github.addAccount({ login: 'octocat', type: 'User', id: 583_231 })
  github.addRepository('octocat', 'dotfiles', {
    id: 2100,
    files: { '.zshrc': 'export EDITOR=vi\n', ...policyFiles(octocatPolicies(issuers)) },
  })
  github.install('octocat', { permissions: { contents: 'write' }, repositories: 'all' })
}

/** The ids that the issuer's GitHub Actions claims have when nothing else is said. */
const ACME = { id: 1001, appId: 2001 } as const
const INITECH = { id: 1002, tpsId: 2201, printerId: 2202 } as const
const APP = { repository: 'acme/app', repositoryId: ACME.appId, ownerId: ACME.id } as const

function granted({ githubActionsClaims }: WorldIssuer, { cluster, google }: PolicyIssuers): readonly WorldExchange[] {
  const main = githubActionsClaims({ ...APP, ref: 'refs/heads/main' })
  return [
    {
      name: 'a workflow on main reads its repository',
      scope: 'acme/app',
      identity: 'ci',
      claims: main,
      refusal: undefined,
    },
    {
      name: 'the same, with an immutable subject',
      scope: 'acme/app',
      identity: 'ci',
      claims: githubActionsClaims({ ...APP, ref: 'refs/heads/main', immutableSubject: true }),
      refusal: undefined,
    },
    {
      name: 'a deployment from an environment',
      scope: 'acme/app',
      identity: 'deploy',
      claims: githubActionsClaims({ ...APP, environment: 'production (eu)' }),
      refusal: undefined,
    },
    {
      name: 'an organization policy, for two repositories',
      scope: 'acme',
      identity: 'release-bot',
      claims: githubActionsClaims({ ...APP, ref: 'refs/tags/v1.2.3' }),
      refusal: undefined,
    },
    {
      name: 'a Kubernetes service account',
      scope: 'acme/app',
      identity: 'builder',
      claims: { iss: cluster, sub: 'system:serviceaccount:ci:builder', aud: ['octo-sts'] },
      refusal: undefined,
    },
    {
      name: 'a Google service account, by its claims',
      scope: 'acme/docs',
      identity: 'publisher',
      claims: {
        iss: google,
        sub: '117000000000000000001',
        email: 'publisher@acme.iam.gserviceaccount.com',
        email_verified: true,
      },
      refusal: undefined,
    },
    {
      name: 'a long job, with a refresh token',
      scope: 'acme/app',
      identity: 'nightly',
      claims: main,
      refusal: undefined,
    },
    ...ofInitech({ githubActionsClaims }, cluster),
    { name: "a user's repository", scope: 'octocat/dotfiles', identity: 'sync', claims: main, refusal: undefined },
  ]
}

function ofInitech(
  { githubActionsClaims }: Pick<WorldIssuer, 'githubActionsClaims'>,
  cluster: string,
): readonly WorldExchange[] {
  const ownerId = INITECH.id
  const claimsOf = (repository: string, repositoryId: number) =>
    githubActionsClaims({ repository, repositoryId, ownerId, ref: 'refs/heads/main' })
  return [
    {
      name: 'a repository that the first of two Apps has',
      scope: 'initech/tps',
      identity: 'ci',
      claims: claimsOf('initech/tps', INITECH.tpsId),
      refusal: undefined,
    },
    {
      name: 'a repository that the second of two Apps has',
      scope: 'initech/printer',
      identity: 'ci',
      claims: claimsOf('initech/printer', INITECH.printerId),
      refusal: undefined,
    },
    {
      name: "an issuer that is not on the organization's list, which is in audit mode",
      scope: 'initech/tps',
      identity: 'builder',
      claims: { iss: cluster, sub: 'system:serviceaccount:ci:builder', aud: ['octo-sts'] },
      refusal: undefined,
    },
  ]
}

function refused({ githubActionsClaims }: WorldIssuer): readonly WorldExchange[] {
  const main = githubActionsClaims({ ...APP, ref: 'refs/heads/main' })
  const branch = githubActionsClaims({ ...APP, ref: 'refs/heads/feature' })
  return [
    { name: 'another branch', scope: 'acme/app', identity: 'ci', claims: branch, refusal: 'SUBJECT_MISMATCH' },
    { name: 'no such policy', scope: 'acme/app', identity: 'nobody', claims: main, refusal: 'POLICY_NOT_FOUND' },
    {
      name: 'a policy that is invalid',
      scope: 'acme/app',
      identity: 'broken',
      claims: main,
      refusal: 'POLICY_INVALID',
    },
    {
      name: 'a permission the App has not',
      scope: 'acme/app',
      identity: 'packager',
      claims: main,
      refusal: 'MINT_PERMISSION_NOT_GRANTED',
    },
    {
      name: 'a repository the App was not given',
      scope: 'acme/vault',
      identity: 'ci',
      claims: main,
      refusal: 'REPOSITORY_NOT_SELECTED',
    },
    {
      name: 'an owner without the App',
      scope: 'globex/app',
      identity: 'ci',
      claims: main,
      refusal: 'APP_NOT_INSTALLED',
    },
  ]
}

function policyFiles(policies: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(policies).map(([identity, text]) => [policyPath(identity), text]))
}

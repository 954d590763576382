import { generateKeyPairSync } from 'node:crypto'
import type { Clock, Installation, PolicyRequest } from '../../src/exchange/ports.ts'
import { createGitHub, type GitHub, type GitHubOptions, type ProvableApp } from '../../src/github/github.ts'
import { createKeySigner, parsePrivateKey } from '../../src/keys/private-key.ts'
import { compileTrustedIssuers } from '../../src/policy/compile-trusted-issuers.ts'
import type { Compilation, PolicyKind } from '../../src/policy/trust-policy.ts'
import { createLog } from '../../src/runtime/log.ts'
import { createSandboxGitHub, type SandboxGitHub, type SandboxGitHubOptions } from '../../src/sandbox/github.ts'
import { Denial } from '../../src/terms/denial.ts'
import { type Permissions, permissionsOf } from '../../src/terms/permissions.ts'

/** An embedded GitHub with one organization, one user and the App installed for both, and our side of the talk. */
export interface World {
  readonly sandbox: SandboxGitHub
  readonly github: GitHub
  readonly clock: Clock & { advance(ms: number): void }
  /** Texts that were compiled. */
  readonly compiled: string[]
  readonly installationId: number
  /** "METHOD route" of each request since the last time, in order of arrival. */
  calls(): string[]
  /** The one App of all owners. */
  app(): ProvableApp
  policyRequest(about?: Partial<PolicyRequest>): Promise<PolicyRequest>
  close(): Promise<void>
}

export interface WorldOptions extends Partial<Omit<GitHubOptions, 'clock' | 'compile'>> {
  readonly sandbox?: Omit<SandboxGitHubOptions, 'clock'>
}

const GRANTED = { contents: 'write', issues: 'write', pull_requests: 'read' } as const
export const POLICY = 'issuer: https://issuer.example\n'
export const POLICY_PATH = '.github/chainguard/deploy.sts.yaml'

export const ORG = 'GET /orgs/{org}/installation'
export const USER = 'GET /users/{username}/installation'
export const TOKEN = 'POST /app/installations/{installation_id}/access_tokens'
export const CONTENTS = 'GET /repos/{owner}/{repo}/contents/{path}'
export const REVOKE = 'DELETE /installation/token'

/** One App for every owner. */
export function poolOf(app: { readonly id: number; readonly privateKey: string }): GitHubOptions['pools'] {
  return new Map([['*', [{ id: app.id, sign: createKeySigner(parsePrivateKey(app.privateKey)) }]]])
}

/** Made once for all worlds of a file: it takes a fifth of a second. */
const APP_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs1', format: 'pem' })
  .toString()

export async function createWorld({ sandbox: sandboxOptions, ...options }: WorldOptions = {}): Promise<World> {
  let time = Date.UTC(2026, 10, 23)
  const clock = {
    now: () => time,
    monotonic: () => time,
    advance(ms: number) {
      time += ms
    },
  }
  const sandbox = await createSandboxGitHub({ app: { privateKeyPem: APP_KEY }, ...sandboxOptions, clock })
  sandbox.addAccount({ login: 'acme', type: 'Organization' })
  sandbox.addAccount({ login: 'bob', type: 'User' })
  sandbox.addRepository('acme', 'app', { files: { [POLICY_PATH]: POLICY } })
  sandbox.addRepository('acme', 'lib', { files: { [POLICY_PATH]: POLICY } })
  sandbox.addRepository('bob', 'tool', { files: { [POLICY_PATH]: POLICY } })
  const installationId = sandbox.install('acme', { permissions: GRANTED, repositories: 'all' })
  sandbox.install('bob', { permissions: GRANTED, repositories: 'all' })
  const compiled: string[] = []
  const github = createGitHub({
    baseUrl: sandbox.url,
    pools: poolOf({ id: sandbox.app.id, privateKey: sandbox.app.privateKeyPem }),
    log: createLog('silent'),
    quota: { softFloor: 5000, hardFloor: 1500, staleMs: 300_000 },
    policyRepository: '.github',
    stalePolicyMaxMs: 3_600_000,
    ...options,
    clock,
    compile: async (text, kind) => {
      compiled.push(text)
      return compileAnything(text, kind)
    },
    compileTrustedIssuers: async (text) => compileTrustedIssuers(text),
  })
  return {
    sandbox,
    github,
    clock,
    compiled,
    installationId,
    calls() {
      const made = sandbox.calls.map(({ method, route }) => `${method} ${route}`)
      sandbox.forgetCalls()
      return made
    },
    app() {
      const [app] = github.apps
      if (app === undefined) throw new Error('there is no App')
      return app
    },
    async policyRequest(about = {}) {
      const owner = about.owner ?? 'acme'
      const installation = about.installation ?? (await github.findInstallation(owner, never()))
      return { owner, repository: 'app', identity: 'deploy', kind: 'repository', ...about, installation }
    },
    async close() {
      await github.close()
      await sandbox.close()
    },
  }
}

/** A signal that never aborts. */
export function never(): AbortSignal {
  return new AbortController().signal
}

export function permissions(asked: Readonly<Record<string, 'read' | 'write' | 'admin'>>): Permissions {
  const result = permissionsOf(Object.entries(asked))
  if (result === undefined) throw new Error('permissions are never empty')
  return result
}

/** What the work was refused with: `REASON: message`. */
export async function refusal(work: unknown): Promise<string> {
  try {
    await work
    return 'it was not refused'
  } catch (error) {
    return error instanceof Denial ? `${error.reason}: ${error.message}` : `no Denial: ${error}`
  }
}

export async function reason(work: unknown): Promise<string> {
  return (await refusal(work)).split(':')[0] ?? ''
}

export function grantFor(
  installation: Installation,
  about: { owner?: string; repositories?: readonly [string, ...string[]] | 'all' } = {},
) {
  return {
    installation,
    owner: about.owner ?? 'acme',
    repositories: about.repositories ?? (['app'] as const),
    permissions: permissions({ contents: 'read' }),
  }
}

/** Compilation belongs to `policy`; here a text is valid unless it says that it is not, and holds some 20 MB where it says so. */
function compileAnything(text: string, kind: PolicyKind): Compilation {
  if (text.includes('invalid')) return { ok: false, stage: 'compile', findings: [{ message: 'invalid', pointer: '' }] }
  const matcher = {
    kind: 'exact',
    source: text,
    size: text.includes('heavy') ? 51_000 : 0,
    matches: () => true,
  } as const
  const alternative = { issuer: matcher, subject: matcher, audience: undefined, claims: [] }
  return {
    ok: true,
    policy: {
      kind,
      alternatives: [alternative],
      permissions: permissions({ contents: 'read' }),
      repositories: undefined,
      repositoryPatterns: undefined,
      notBefore: undefined,
      expires: undefined,
      refresh: undefined,
      singleUse: false,
      app: undefined,
      selfWrite: [],
      warnings: [],
    },
  }
}

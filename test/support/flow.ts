import { pino } from 'pino'
import { type Stack, startStack } from '../../src/commands/stack.ts'
import type { Settings } from '../../src/config/settings.ts'
import type { SandboxGitHubOptions } from '../../src/sandbox/github.ts'
import type { WorkflowRun } from '../../src/sandbox/github-actions-claims.ts'
import { generateSandboxKeys } from '../../src/sandbox/issuer-keys.ts'
import { type Answer, type Ask, askGrpc, askHttp, type Question } from './ask.ts'
import { rsaKeyPem } from './github-client.ts'

/** The composed service in its world, over real sockets: an organization `acme`, a user `octocat`, and what tests add. */
export interface Flow extends Stack {
  /** Id of acme's installation of the first App. */
  readonly installation: number
  /** Ids of acme's installations, App by App. */
  readonly installations: readonly number[]
  /** Lines of the log, parsed. */
  readonly lines: Record<string, unknown>[]
  /** Puts a policy where its scope has it; its issuer is the embedded one, its subject the main branch of acme/app, unless said. */
  policy(scope: string, identity: string, change?: Record<string, unknown>): void
  /** A token of a workflow run, by default of acme/app's main branch. */
  workflowToken(run?: WorkflowRun, overrides?: Record<string, unknown>): Promise<string>
  ask(question: Partial<Question>, over?: Ask): Promise<Answer>
  /** Sets all clocks (GitHub's, the issuer's, the service's) ahead. */
  advance(milliseconds: number): void
  /** The calls to GitHub that `work` caused, as `METHOD route`. */
  calls(work: () => Promise<unknown>): Promise<string[]>
}

export interface FlowOptions {
  readonly settings?: Partial<Settings>
  readonly github?: SandboxGitHubOptions
  /** How many Apps there are; each is installed for acme, for all its repositories. */
  readonly apps?: number
}

const EVERYTHING = {
  contents: 'write',
  issues: 'write',
  pull_requests: 'write',
  checks: 'write',
  members: 'write',
  organization_administration: 'write',
} as const

export async function startFlow({
  settings = {},
  github: gitHubOptions = {},
  apps = 1,
}: FlowOptions = {}): Promise<Flow> {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { base: null, messageKey: 'message', level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  let aheadMs = 0
  const clock = { now: () => Date.now() + aheadMs, monotonic: () => performance.now() + aheadMs }
  const stack = await startStack({
    log,
    clock,
    settings,
    moreApps: Array.from({ length: apps - 1 }, () => ({ privateKeyPem: APP_KEY })),
    github: { app: { privateKeyPem: APP_KEY }, ...gitHubOptions },
    issuer: { keys: await ISSUER_KEYS },
  })
  const { github, issuer, service } = stack

  github.addAccount({ login: 'acme', type: 'Organization', id: 1001 })
  for (const [index, name] of ['.github', 'app', 'docs', 'infra'].entries()) {
    github.addRepository('acme', name, { id: 2000 + index })
  }
  const [installation = 0, ...others] = github.apps.map(({ id }) =>
    github.install('acme', { permissions: EVERYTHING, repositories: 'all', app: id }),
  )
  github.addAccount({ login: 'octocat', type: 'User', id: 1002 })
  github.addRepository('octocat', 'hello', { id: 3001 })
  github.install('octocat', { permissions: EVERYTHING, repositories: 'all' })
  github.forgetCalls()

  const flow: Flow = {
    ...stack,
    installation,
    installations: [installation, ...others],
    lines,
    policy(scope, identity, change = {}) {
      const [owner = '', repository = '.github'] = scope.split('/')
      const policy = {
        issuer: issuer.url,
        subject: 'repo:acme/app:ref:refs/heads/main',
        permissions: { contents: 'read' },
        ...change,
      }
      // JSON is YAML; members that are undefined are left out.
      github.putFile(owner, repository, `.github/chainguard/${identity}.sts.yaml`, JSON.stringify(policy))
    },
    workflowToken: (run, overrides) => issuer.sign(issuer.githubActionsClaims(run, overrides)),
    async ask(question, over = askGrpc) {
      const token = question.token ?? (await flow.workflowToken())
      return over(service.port, { scope: 'acme/app', identity: 'ci', ...question, token })
    },
    advance(milliseconds) {
      aheadMs += milliseconds
    },
    async calls(work) {
      const before = github.calls.length
      await work()
      return github.calls.slice(before).map(({ method, route, path }) => `${method} ${route ?? path}`)
    },
  }
  return flow
}

/** Made once: RSA keys take their time. */
export const APP_KEY = rsaKeyPem()
const ISSUER_KEYS = generateSandboxKeys()

/** One test for each protocol. */
export const PROTOCOLS = [
  ['gRPC', askGrpc],
  ['HTTP', askHttp],
] as const satisfies readonly (readonly [string, Ask])[]

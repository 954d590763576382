import { LRUCache } from 'lru-cache'
import type { Clock, Installation } from '../exchange/ports.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import type { ChangedFiles, Range } from '../terms/changed-files.ts'
import type { CheckRun } from '../terms/check-run.ts'
import { Denial } from '../terms/denial.ts'
import { isJsonObject } from '../terms/json.ts'
import { type Permissions, permissionsOf } from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { type AccessTokenOptions, requestAccessToken } from './access-token.ts'
import { describe, isRedirect } from './answer.ts'
import { readChangedFiles } from './changed-files.ts'
import { readLastSummary, writeCheckRun } from './check-runs.ts'
import { type CommitFile, readCommitFile } from './commit-files.ts'
import { type KnownInstallation, parseInstallation } from './installation-answer.ts'
import { InstallationDoubted, notInstalled } from './known-failures.ts'
import type { RepositoryCall, RepositoryQuestion } from './repository-call.ts'
import { readUnprocessable } from './unprocessable.ts'

/** The repository that a delivery is about, and the App that it was sent to. */
export interface WebhookTarget {
  readonly appId: number
  readonly owner: string
  readonly repository: string
  /** GitHub's id of the owner's account. */
  readonly accountId: number
}

/** One repository as one App may look at it, by a token for it alone, which is never handed out. */
export interface WebhookRepository {
  readonly installation: Installation
  /** The installation's permissions, level by name; undefined when GitHub did not say. */
  readonly granted: ReadonlyMap<string, string> | undefined
  /** True when the installation has all repositories of its account. */
  readonly reachesAll: boolean
  readonly mayWriteChecks: boolean
  changedFiles(range: Range): Promise<ChangedFiles | 'gone'>
  readFile(file: string, commit: string): Promise<CommitFile>
  lastSummary(commit: string, name: string): Promise<string | undefined>
  writeCheckRun(run: CheckRun): Promise<number>
}

export interface WebhookAccess {
  /**
   * Refuses `APP_NOT_CONFIGURED`, `APP_NOT_INSTALLED` (also when the name is another account's by now),
   * `INSTALLATION_SUSPENDED`, `CONTENTS_NOT_GRANTED`, `REPOSITORY_*`, `MINT_*`, `GITHUB_*`.
   */
  open(target: WebhookTarget): Promise<WebhookRepository>
  /** What the account's installations may has changed: it is asked for anew. */
  forget(accountId: number): void
}

export interface WebhookAccessOptions {
  /** The means of one configured App; undefined: it is none of ours. */
  readonly appOf: (appId: number) => AccessTokenOptions | undefined
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
}

/**
 * GitHub for the webhook. The token has `contents: read`, and `checks: write` where the installation has it; it is kept for
 * some minutes, since one push is told by several deliveries, and ends by itself.
 */
export function createWebhookAccess({ appOf, clock }: WebhookAccessOptions): WebhookAccess {
  const passes = new LRUCache<string, Pass>({ max: PASSES_KEPT })
  const flights = createSingleFlight<Pass>()
  let epoch = 0 // rises with each `forget`: a pass from before is not kept

  const passFor = async (target: WebhookTarget, app: AccessTokenOptions): Promise<Pass> => {
    const key = `${target.appId}/${nameKey(target.owner)}/${nameKey(target.repository)}`
    const held = passes.get(key)
    if (held !== undefined && clock.monotonic() < held.endsAt && held.installation.account.id === target.accountId) {
      return held
    }
    return flights.run(`${epoch}/${key}`, undefined, async () => {
      const begun = epoch
      const askedAt = clock.monotonic()
      const pass = await obtainPass(target, app)
      const fresh = { ...pass, endsAt: askedAt + KEPT_MS, drop: () => void passes.delete(key) }
      // What an administrator is about to grant is not to be missed for minutes.
      if (fresh.mayWriteChecks && begun === epoch) passes.set(key, fresh)
      return fresh
    })
  }

  return {
    forget(accountId) {
      epoch += 1
      for (const [key, { installation }] of [...passes.entries()])
        if (installation.account.id === accountId) passes.delete(key)
    },
    async open(target) {
      const app = appOf(target.appId)
      if (app === undefined) throw new Denial('APP_NOT_CONFIGURED', `the App ${target.appId} is not configured here`)
      let pass = await passFor(target, app)
      const call: RepositoryCall = async (question) => {
        const used = pass
        const answer = await ask(question, { target, token: used.token, app })
        if (answer.status !== 401) return understood(answer, { target, question })
        used.drop()
        pass = await passFor(target, app)
        return understood(await ask(question, { target, token: pass.token, app }), { target, question })
      }
      const { installation, reachesAll, mayWriteChecks } = pass
      return {
        installation,
        granted: installation.granted,
        reachesAll,
        mayWriteChecks,
        changedFiles: (range) => readChangedFiles(range, call),
        readFile: (file, commit) => readCommitFile(file, commit, call),
        lastSummary: (commit, name) => readLastSummary({ commit, name, appId: target.appId }, call),
        writeCheckRun: (run) => writeCheckRun(run, call),
      }
    },
  }
}

interface Pass {
  readonly installation: KnownInstallation
  readonly reachesAll: boolean
  readonly mayWriteChecks: boolean
  readonly token: string
  /** On the monotonic clock. */
  readonly endsAt: number
  readonly drop: () => void
}

async function obtainPass(target: WebhookTarget, app: AccessTokenOptions): Promise<Omit<Pass, 'endsAt' | 'drop'>> {
  const { installation, reachesAll } = await lookUp(target, app)
  const mayWriteChecks = installation.granted?.get('checks') === 'write'
  const token = await mint(target, { installation, mayWriteChecks, app })
  return { installation, reachesAll, mayWriteChecks, token }
}

async function lookUp({ owner, repository, accountId }: WebhookTarget, { call }: AccessTokenOptions) {
  const answer = await call({
    route: 'GET /repos/{owner}/{repo}/installation',
    parameters: { owner, repo: repository },
    as: 'app',
    retry: 'safe',
    owner,
    doing: 'looking for the installation',
    maxBytes: INSTALLATION_LIMIT_BYTES,
  })
  if (isRedirect(answer)) throw renamed(owner, repository)
  if (answer.status === 404) throw notInstalled(owner, describe(answer))
  const installation = parseInstallation(answer)
  // The payload is as old as its delivery, and a name can be another account's by now.
  if (installation.account.id !== accountId || nameKey(installation.account.login) !== nameKey(owner)) {
    throw notInstalled(owner, new Error(`the installation found is of the account ${installation.account.id}`))
  }
  if (installation.suspended) {
    throw new Denial('INSTALLATION_SUSPENDED', `the installation of the GitHub App for ${quote(owner)} is suspended`)
  }
  const { body } = answer
  return { installation, reachesAll: isJsonObject(body) && body['repository_selection'] === 'all' }
}

async function mint(
  { owner, repository }: WebhookTarget,
  {
    installation,
    mayWriteChecks,
    app,
  }: { readonly installation: Installation; readonly mayWriteChecks: boolean; readonly app: AccessTokenOptions },
): Promise<string> {
  const permissions = neededPermissions(mayWriteChecks)
  const grant = { installation, owner, repositories: [repository], permissions } as const
  try {
    const answer = await requestAccessToken({ grant, doing: 'asking to check trust policies', retry: 'safe' }, app)
    if (answer.kind === 'issued') return answer.token.token
    const cause = describe(answer.answer)
    if (readUnprocessable(answer.answer, grant).kind === 'permission') {
      throw new Denial('CONTENTS_NOT_GRANTED', `the App may not read ${quote(owner)}: grant it "contents: read"`, {
        cause,
      })
    }
    throw new Denial('REPOSITORY_NOT_SELECTED', `the App was not given ${quote(`${owner}/${repository}`)}`, { cause })
  } catch (error) {
    throw error instanceof InstallationDoubted ? error.otherwise : error
  }
}

function neededPermissions(mayWriteChecks: boolean): Permissions {
  const permissions = permissionsOf([['contents', 'read'], ...(mayWriteChecks ? [['checks', 'write'] as const] : [])])
  if (permissions === undefined) throw new Error('unreachable: there is at least one entry')
  return permissions
}

interface Asking {
  readonly target: WebhookTarget
  readonly token: string
  readonly app: AccessTokenOptions
}

function ask(
  { route, parameters, doing, maxBytes, retry = 'safe' }: RepositoryQuestion,
  { target: { owner, repository }, token, app }: Asking,
) {
  return app.call({
    route,
    parameters: { ...parameters, owner, repo: repository },
    as: { token },
    maxBytes,
    doing,
    owner,
    retry,
  })
}

type Answered = Awaited<ReturnType<typeof ask>>

function understood(
  answer: Answered,
  {
    target: { owner, repository },
    question,
  }: { readonly target: WebhookTarget; readonly question: RepositoryQuestion },
): Answered {
  const cause = describe(answer)
  if (isRedirect(answer)) throw renamed(owner, repository)
  if (answer.status === 401) {
    throw new Denial('APP_CREDENTIALS_REFUSED', 'GitHub does not accept the token that it has just issued', { cause })
  }
  if (answer.status === 403 || answer.status === 451) {
    throw new Denial(
      'POLICY_READ_FORBIDDEN',
      `GitHub forbids ${question.doing} in ${quote(`${owner}/${repository}`)}: look for a missing permission or an IP allow list`,
      { cause },
    )
  }
  return answer
}

function renamed(owner: string, repository: string): Denial {
  return new Denial(
    'REPOSITORY_RENAMED',
    `the repository ${quote(`${owner}/${repository}`)} was renamed or moved: old names are not followed`,
  )
}

/** Some 500 bytes each. */
const PASSES_KEPT = 1000
/** Long enough for all deliveries of one push; short, since it is not looked at meanwhile what the App may. */
const KEPT_MS = 5 * 60_000
const INSTALLATION_LIMIT_BYTES = 256 * 1024

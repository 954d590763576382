import type { Change } from '../exchange/changes.ts'
import type { Logger } from '../runtime/log.ts'
import type { ChangedFiles, FileAction } from '../terms/changed-files.ts'
import type { CheckRun } from '../terms/check-run.ts'
import { asDenial, type Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { encode } from '../terms/text.ts'
import { CHECK_NAME, type CheckJob } from './check-job.ts'
import { kindOfPath, nameInFolder } from './policy-paths.ts'
import type { LintContext, Repository, WebhookPorts } from './ports.ts'
import { type Findings, reportOf } from './report.ts'
import { isValid, type Verdict } from './verdict.ts'

export interface CheckRules {
  /** `ORG_POLICY_REPO`. */
  readonly policyRepository: string
}

export interface CheckContext {
  readonly ports: WebhookPorts
  /** False once a later push to the same branch was told: what this one left is not the present state. */
  readonly isNewest: (job: CheckJob) => boolean
  /** The verdicts that events told of already: a push is delivered to each App of a pool. */
  readonly told: Told
  readonly rules: CheckRules
  readonly log: Logger
}

export interface Told {
  has(verdict: string): boolean
  add(verdict: string): void
}

/** The work that a job is, tried until it succeeds or is given up. */
export interface Check {
  /** Resolves to what was done, for people. Refuses with a Denial. */
  attempt(): Promise<string>
  /** It will be tried again: makes that seen at GitHub, where GitHub lets it; never fails. */
  postpone(denial: Denial): Promise<void>
  /** It will not be tried again: the check fails at GitHub, where GitHub lets it; never fails. */
  giveUp(denial: Denial): Promise<void>
}

/** Checks the policies of one commit, and says the verdict as a check run: never a success for what was not looked at. */
export function createCheck(job: CheckJob, context: CheckContext): Check {
  const { ports, log } = context
  let runId: number | undefined // of the run that says that it is not done yet
  let seen: readonly string[] = []

  const write = async (repository: Repository, run: Omit<CheckRun, 'id' | 'name' | 'commit'>) => {
    runId = await repository.writeCheckRun({ ...run, id: runId, name: CHECK_NAME, commit: job.commit })
  }

  const tell = async (conclusion: 'failure' | undefined, title: string, denial: Denial) => {
    // Nobody waits for a verdict on a commit that may well change no policy.
    if (!job.always && seen.length === 0) return
    try {
      const repository = await ports.openRepository(job.target)
      const summary = `The trust policies of this commit could not be checked: ${denial.message}`
      if (repository.mayWriteChecks) await write(repository, { conclusion, title, summary, annotations: [] })
    } catch (error) {
      log.warn({ ...about(job), err: error }, 'the check run could not be written')
    }
  }

  return {
    async attempt() {
      const repository = await ports.openRepository(job.target)
      const changed = await changedFiles(job, repository)
      if (changed === 'gone') return 'the commit does not exist any more'
      const relevant = relevantFiles(changed, context.rules, job)
      seen = relevant.map(({ path }) => path)
      if (relevant.length === 0 && !job.always && changed.complete) return 'no trust policy is changed'

      const findings = await judge({ job, repository, changed, relevant }, context)
      const report = reportOf(findings)
      if (repository.mayWriteChecks) await write(repository, report)
      else log.warn(about(job), 'no check run is written: the installation lacks "checks: write"')
      sendEvents(job, findings.verdicts, context)
      const where = repository.mayWriteChecks ? '' : ' (not shown: the App lacks "checks: write")'
      return `${report.conclusion}: ${report.title}${where}`
    },
    async postpone(denial) {
      // GitHub asks those whom it limits to be quiet; without a check run a required check is not passed either.
      if (denial.reason !== 'GITHUB_RATE_LIMITED') await tell(undefined, 'not checked yet', denial)
    },
    async giveUp(denial) {
      await tell('failure', 'could not be checked: ask for it again', denial)
      const paths = seen.length > 0 ? seen : (job.push?.touched ?? [])
      const unjudged = paths.map(
        (path): Verdict => ({ ...UNJUDGED, path, errors: [{ message: denial.message, pointer: '' }] }),
      )
      sendEvents(job, unjudged, context, denial)
    },
  }
}

/** What stands in every log line of a job. */
export function about({ target, commit }: CheckJob) {
  const { appId, owner, repository } = target
  return { app: appId, owner: encode(owner), repository: encode(repository), commit }
}

/** The union of all ranges; of a path that several show, what the first says. */
async function changedFiles(job: CheckJob, repository: Repository): Promise<ChangedFiles | 'gone'> {
  const files = new Map<string, FileAction>()
  let complete = true
  for (const [index, range] of job.ranges.entries()) {
    const changed = await repository.changedFiles(range)
    if (changed === 'gone') return 'gone'
    complete &&= changed.complete
    for (const { path, action } of changed.files) if (!files.has(path)) files.set(path, action)
    // The first range is what the delivery itself is about: when it touches no policy, nobody asked.
    const touches = [...files.keys()].some((path) => kindOfPath(path, true) !== 'other')
    if (index === 0 && !job.always && !touches && complete) break
  }
  return { files: [...files].map(([path, action]) => ({ path, action })), complete }
}

type Relevant = Omit<Verdict, 'errors' | 'warnings'>

function relevantFiles({ files }: ChangedFiles, rules: CheckRules, { target }: CheckJob): readonly Relevant[] {
  const inPolicyRepository = nameKey(target.repository) === nameKey(rules.policyRepository)
  return files
    .flatMap(({ path, action }): Relevant[] => {
      const kind = kindOfPath(path, inPolicyRepository)
      return kind === 'other' || (kind === 'misplaced' && action === 'removed') ? [] : [{ path, action, kind }]
    })
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

interface Judging {
  readonly job: CheckJob
  readonly repository: Repository
  readonly changed: ChangedFiles
  readonly relevant: readonly Relevant[]
}

async function judge({ job, repository, changed, relevant }: Judging, context: CheckContext): Promise<Findings> {
  const { ports, rules, isNewest } = context
  const looked = relevant.slice(0, FILES_LOOKED_AT)
  const oversized = await isOversized(job, repository)
  const kind = nameKey(job.target.repository) === nameKey(rules.policyRepository) ? 'organization' : 'repository'
  const isAnyRead = looked.some((file) => file.kind === 'policy' && file.action !== 'removed')
  const needsReach = kind === 'organization' && isAnyRead
  const reachable = needsReach ? await reachOf(repository, ports) : undefined
  const { owner } = job.target
  const list = isAnyRead ? await trustedIssuersOf(repository, owner, context) : { trusted: undefined }
  const lintContext = { kind, owner, trusted: list?.trusted, granted: repository.granted, reachable } as const
  const verdicts: Verdict[] = []
  const blobs: Blob[] = []
  for (let next = 0; next < looked.length; next += READS_AT_ONCE) {
    const batch = looked.slice(next, next + READS_AT_ONCE)
    verdicts.push(
      ...(await Promise.all(batch.map((file) => judgeFile(file, { job, repository, lintContext, ports, blobs })))),
    )
  }
  if (blobs.length > 0 && isNewest(job)) {
    const { accountId, repository: name } = job.target
    await ports.announce({ kind: 'blobs', accountId, owner, repository: name, blobs })
  }
  return {
    verdicts,
    gaps: [
      ...(oversized ? [OVERSIZED] : []),
      ...(changed.complete ? [] : ['The folder of the trust policies has more files than GitHub shows.']),
      ...(looked.length === relevant.length
        ? []
        : [`Only ${FILES_LOOKED_AT} of ${relevant.length} changed trust policies were checked: change fewer at once.`]),
    ],
    notes: [
      ...(repository.granted === undefined ? ['It is not known which permissions the App was given.'] : []),
      ...(list === undefined
        ? ['The list of trusted issuers could not be read: issuers were not compared with it.']
        : []),
      ...(needsReach && reachable === undefined ? ['It is not known which repositories the App was given.'] : []),
    ],
  }
}

/** What only a pull request's delivery says of a commit is read from the check run that came of it. */
async function isOversized({ oversized, commit }: CheckJob, repository: Repository): Promise<boolean> {
  if (oversized !== 'unknown' || !repository.mayWriteChecks) return oversized === true
  return (await repository.lastSummary(commit, CHECK_NAME))?.includes(OVERSIZED) ?? false
}

/** undefined: it could not be read. An exchange will read it, whatever is said here. */
async function trustedIssuersOf(repository: Repository, owner: string, { ports, log }: CheckContext) {
  try {
    return { trusted: await ports.loadTrustedIssuers(repository.installation, owner) }
  } catch (error) {
    log.warn({ owner: encode(owner), err: error }, 'the list of trusted issuers could not be read for a check')
    return undefined
  }
}

/** undefined: GitHub did not say, or has more than can be asked for. */
async function reachOf(repository: Repository, { listRepositories }: WebhookPorts): Promise<LintContext['reachable']> {
  try {
    const names = await listRepositories(repository.installation, AbortSignal.timeout(LISTING_LIMIT_MS))
    return new Set(names.map(nameKey))
  } catch (error) {
    if (isWorthARetry(asDenial(error))) throw error
    return repository.reachesAll ? 'all' : undefined
  }
}

interface FileJudging {
  readonly job: CheckJob
  readonly repository: Repository
  readonly lintContext: LintContext
  readonly ports: WebhookPorts
  /** What was read, for those who want to know how the push left it. */
  readonly blobs: Blob[]
}

type Blob = Extract<Change, { kind: 'blobs' }>['blobs'][number]

async function judgeFile(
  file: Relevant,
  { job, repository, lintContext, ports, blobs }: FileJudging,
): Promise<Verdict> {
  const nothing = { errors: [], warnings: [] }
  if (file.kind === 'misplaced') return { ...file, errors: [], warnings: [{ message: MISPLACED, pointer: '' }] }
  if (file.action === 'removed') {
    return file.kind === 'policy'
      ? { ...file, ...nothing }
      : { ...file, ...nothing, warnings: [{ message: UNLISTED, pointer: '' }] }
  }
  const inFolder = nameInFolder(file.path)
  if (inFolder === undefined) throw new Error('unreachable: what is read lies in the folder')
  const content = await repository.readFile(inFolder, job.commit)
  if (!content.ok) return { ...file, ...nothing, errors: [{ message: content.fault, pointer: '' }] }
  blobs.push({ path: file.path, sha: content.sha })
  const { errors, warnings } = await (file.kind === 'policy'
    ? ports.lintPolicy(content.text, lintContext)
    : ports.lintTrustedIssuers(content.text))
  return { ...file, errors, warnings }
}

/** One event for each changed policy; where one App could not look and another can, the second says what it saw. */
function sendEvents(job: CheckJob, verdicts: readonly Verdict[], { ports, told }: CheckContext, failed?: Denial): void {
  const { push, target, commit } = job
  if (push === undefined) return
  for (const verdict of verdicts) {
    if (verdict.kind === 'misplaced') continue
    const key = JSON.stringify([target.accountId, nameKey(target.repository), push.before, commit, verdict.path])
    if (told.has(key)) continue
    if (failed === undefined) told.add(key)
    const [error] = verdict.errors
    ports.policyEvents.send({
      org: target.owner,
      repo: target.repository,
      commit,
      ...push,
      path: verdict.path,
      action: verdict.action,
      valid: failed !== undefined || verdict.action === 'removed' ? undefined : isValid(verdict),
      error: error?.message,
      time: new Date(ports.clock.now()),
    })
  }
}

/** True for what may go better later: GitHub's limits, its silence, and that of whoever signs for the App. */
export function isWorthARetry({ reason }: Denial): boolean {
  return PASSING.has(reason)
}

const PASSING: ReadonlySet<string> = new Set([
  'GITHUB_RATE_LIMITED',
  'GITHUB_UNAVAILABLE',
  'GITHUB_TIMEOUT',
  'SIGNER_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
])
const UNJUDGED = { action: 'modified', kind: 'policy', warnings: [] } as const
const OVERSIZED =
  'The pull request changes more than 3,000 files, more than GitHub shows to its reviewers: a changed trust policy could hide among them. Split it.'
const MISPLACED =
  'this file is not read: a trust policy is .github/chainguard/NAME.sts.yaml, and the list of trusted issuers .github/chainguard/trusted-token-issuers.yaml in the policy repository'
const UNLISTED = 'without the list of trusted issuers every issuer is accepted that a policy names'
/** Each costs the installation a call; a pull request of a stranger may have thousands. */
const FILES_LOOKED_AT = 200
const READS_AT_ONCE = 8
const LISTING_LIMIT_MS = 30_000

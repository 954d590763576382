import type { Range } from '../terms/changed-files.ts'
import { isJsonObject } from '../terms/json.ts'
import { touchedPaths } from './announcements.ts'
import {
  commitIn,
  isBranch,
  isCommit,
  isNoCommit,
  objectIn,
  type Payload,
  type PayloadRepository,
  pushedAt,
  repositoryOf,
} from './payload.ts'
import { isRead, kindOfPath } from './policy-paths.ts'
import type { Target } from './ports.ts'

/** The name that organizations have made a required check. */
export const CHECK_NAME = 'Trust Policy Validation'

/** One commit whose policies are to be checked. */
export interface CheckJob {
  /** Equal for work that need not be done twice. */
  readonly key: string
  readonly target: Target
  readonly commit: string
  /** All that any of them shows is checked. */
  readonly ranges: readonly Range[]
  /** Without it nothing is written for a commit that changes no policy; with it that is a success. */
  readonly always: boolean
  /** More files than a reviewer can see; `unknown`: that is not said, or it is not of the pull request to the default branch. */
  readonly oversized: boolean | 'unknown'
  /** A push to the default branch: each policy that it changed becomes an event. */
  readonly push: PushFacts | undefined
}

export interface PushFacts {
  readonly ref: string
  readonly before: string
  readonly actor: string
  readonly pusher: string
  readonly forced: boolean
  /** GitHub's time of it, in seconds since 1970; 0: not said. */
  readonly pushedAt: number
  /** What the payload names; it may not be all. */
  readonly touched: readonly string[]
}

/** Why nothing is checked for a delivery. */
export interface Ignored {
  readonly ignored: string
  /** The work that another delivery of the same push would ask for, and that is known to come to nothing. */
  readonly key?: string
}

/**
 * What a delivery asks to be checked. A commit on another branch is always compared with the default branch too, since only
 * there policies count: whatever else is asked for the same commit, the verdict covers what a merge would bring there, and
 * no second pull request or push can hide it. Refuses with 400 a payload that lacks what its event must have.
 */
export function checkJobOf({ event, id, appId, payload }: Delivery): CheckJob | Ignored {
  const find = Object.hasOwn(BY_EVENT, event) ? BY_EVENT[event] : undefined
  if (find === undefined) return { ignored: `nothing is done for "${event}"` }
  const repository = repositoryOf(payload)
  const found = find(payload, { appId, repository })
  if (!('commit' in found)) return found
  const target = { appId, owner: repository.owner, repository: repository.name, accountId: repository.accountId }
  const { commit, ranges, always, again = false, oversized = 'unknown', push, touches = true } = found
  const key = JSON.stringify([target, commit, ranges, always, again ? id : ''])
  if (!touches) return { ignored: 'the push touches no trust policy', key }
  return { key, target, commit, ranges, always, oversized, push }
}

export interface Delivery {
  readonly event: string
  readonly id: string
  readonly appId: number
  readonly payload: Payload
}

interface Context {
  readonly appId: number
  readonly repository: PayloadRepository
}

interface Found extends Pick<CheckJob, 'commit' | 'ranges' | 'always'> {
  readonly oversized?: CheckJob['oversized']
  readonly push?: PushFacts
  /** Somebody wants it done anew. */
  readonly again?: boolean
  /** False: the payload shows that no policy is changed. */
  readonly touches?: boolean
}

const BY_EVENT: Readonly<Record<string, (payload: Payload, context: Context) => Found | Ignored>> = {
  pull_request: ofPullRequest,
  push: ofPush,
  check_suite: (payload, context) => ofSuite(payload, objectIn(payload, 'check_suite'), context),
  check_run: ofCheckRun,
  merge_group: ofMergeGroup,
}

function ofPullRequest(payload: Payload, { repository }: Context): Found | Ignored {
  const { action } = payload
  const isRebased = action === 'edited' && isJsonObject(payload['changes']) && isJsonObject(payload['changes']['base'])
  if (!isRebased && !(typeof action === 'string' && PULL_ACTIONS.has(action)))
    return { ignored: 'this action changes no file of a pull request' }
  const pull = objectIn(payload, 'pull_request')
  const head = commitIn(objectIn(pull, 'head', 'pull_request.head'), 'sha', 'pull_request.head.sha')
  const base = objectIn(pull, 'base', 'pull_request.base')
  const baseCommit = commitIn(base, 'sha', 'pull_request.base.sha')
  const isOfDefault = base['ref'] === repository.defaultBranch
  const changed = pull['changed_files']
  return {
    commit: head,
    ranges: [{ kind: 'since', base: baseCommit, head }, ...(isOfDefault ? [] : [sinceDefault(head, repository)])],
    always: true,
    // Another one, to the default branch, may be: this one must not hide that.
    oversized: typeof changed === 'number' && changed > FILES_SHOWN_OF_PULL ? true : isOfDefault ? false : 'unknown',
    again: action === 'reopened' || action === 'ready_for_review',
  }
}

function ofPush(payload: Payload, { repository }: Context): Found | Ignored {
  const { ref } = payload
  const branch = typeof ref === 'string' && ref.startsWith(BRANCHES) ? ref.slice(BRANCHES.length) : ''
  if (!isBranch(branch)) return { ignored: 'only branches are checked' }
  const [before, after] = [commitIn(payload, 'before'), commitIn(payload, 'after')]
  if (isNoCommit(after)) return { ignored: 'the branch was deleted' }
  const touched = touchedPaths(payload)
  const isDefault = branch === repository.defaultBranch
  return {
    commit: after,
    ...(isDefault ? { oversized: false } : {}),
    ranges: rangesOfPush({ before, after, isDefault }, repository),
    always: false,
    touches: touched === 'unknown' || touched.some((path) => kindOfPath(path, true) !== 'other'),
    ...(isDefault ? { push: factsOf(payload, { ref: `${BRANCHES}${branch}`, before, touched }) } : {}),
  }
}

interface PushedTo extends Pick<PushFacts, 'ref' | 'before'> {
  readonly touched: readonly string[] | 'unknown'
}

function factsOf(payload: Payload, { ref, before, touched }: PushedTo): PushFacts {
  const name = (value: unknown, member: string): string => {
    const text = isJsonObject(value) ? value[member] : undefined
    return typeof text === 'string' ? text : ''
  }
  return {
    ref,
    before,
    actor: name(payload['sender'], 'login'),
    pusher: name(payload['pusher'], 'name'),
    forced: payload['forced'] === true,
    pushedAt: pushedAt(payload) ?? 0,
    touched: touched === 'unknown' ? [] : touched.filter(isRead),
  }
}

function rangesOfPush(
  { before, after, isDefault }: { readonly before: string; readonly after: string; readonly isDefault: boolean },
  repository: PayloadRepository,
): readonly Range[] {
  const own: Range = isNoCommit(before) ? { kind: 'everything', at: after } : { kind: 'between', before, after }
  if (isDefault) return [own]
  return isNoCommit(before) ? [sinceDefault(after, repository)] : [own, sinceDefault(after, repository)]
}

/** `requested` comes with each push, `rerequested` when somebody asks for all checks anew. */
function ofSuite(payload: Payload, suite: Payload, { appId, repository }: Context): Found | Ignored {
  const { action } = payload
  if (action !== 'requested' && action !== 'rerequested') return { ignored: 'only a request is answered' }
  if (idOf(suite['app']) !== appId) return { ignored: "the checks are another App's" }
  const commit = commitIn(suite, 'head_sha', 'check_suite.head_sha')
  const { before, head_branch: branch } = suite
  const isDefault = branch === repository.defaultBranch
  // What was pushed is not said of a fork, among others.
  const pushed = { before: isCommit(before) ? before : NO_COMMIT, after: commit, isDefault }
  const again = action === 'rerequested'
  const pulls = again ? rangesOfPulls(suite, { commit, repository }) : []
  return { commit, ranges: [...rangesOfPush(pushed, repository), ...pulls], always: again, again }
}

/** The pull requests that GitHub knows to have this head, none of them from a fork. */
function rangesOfPulls(
  suite: Payload,
  { commit, repository }: { readonly commit: string; readonly repository: PayloadRepository },
): readonly Range[] {
  const { pull_requests: pulls } = suite
  if (!Array.isArray(pulls)) return []
  return pulls.slice(0, PULLS_LOOKED_AT).flatMap((pull: unknown): Range[] => {
    const base: unknown = isJsonObject(pull) ? pull['base'] : undefined
    if (!isJsonObject(base) || !isCommit(base['sha'])) return []
    const home: unknown = base['repo']
    // A pull request of this branch to another repository has its base there.
    if (!isJsonObject(home) || home['name'] !== repository.name) return []
    return [{ kind: 'since', base: base['sha'], head: commit }]
  })
}

function ofCheckRun(payload: Payload, context: Context): Found | Ignored {
  const run = objectIn(payload, 'check_run')
  if (payload['action'] !== 'rerequested') return { ignored: 'only a request is answered' }
  if (idOf(run['app']) !== context.appId || run['name'] !== CHECK_NAME) return { ignored: 'it is not our check' }
  const suite = objectIn(run, 'check_suite', 'check_run.check_suite')
  return ofSuite(payload, { ...suite, app: run['app'] }, context)
}

/** A merge queue waits for its required checks on a commit of its own. */
function ofMergeGroup(payload: Payload, { repository }: Context): Found | Ignored {
  if (payload['action'] !== 'checks_requested') return { ignored: 'only a request is answered' }
  const group = objectIn(payload, 'merge_group')
  const commit = commitIn(group, 'head_sha', 'merge_group.head_sha')
  const base = commitIn(group, 'base_sha', 'merge_group.base_sha')
  const isOfDefault = group['base_ref'] === `${BRANCHES}${repository.defaultBranch}`
  return {
    commit,
    ranges: [{ kind: 'since', base, head: commit }, ...(isOfDefault ? [] : [sinceDefault(commit, repository)])],
    always: true,
  }
}

function sinceDefault(head: string, { defaultBranch }: PayloadRepository): Range {
  return { kind: 'since', base: defaultBranch, head }
}

function idOf(value: unknown): unknown {
  return isJsonObject(value) ? value['id'] : undefined
}

const BRANCHES = 'refs/heads/'
const NO_COMMIT = '0'.repeat(40)
const PULL_ACTIONS: ReadonlySet<string> = new Set(['opened', 'reopened', 'synchronize', 'ready_for_review'])
/** GitHub shows a pull request's reviewers 3,000 files, and its API no more. */
const FILES_SHOWN_OF_PULL = 3000
const PULLS_LOOKED_AT = 5

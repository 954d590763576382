import type { Change } from '../exchange/changes.ts'
import { isJsonObject } from '../terms/json.ts'
import {
  accountOf,
  isCommit,
  isOwner,
  isPath,
  isScope,
  objectIn,
  type Payload,
  type PayloadAccount,
  pushedAt,
  repositoryOf,
} from './payload.ts'
import { isRead } from './policy-paths.ts'

/**
 * What a delivery says has changed, under all names involved: known from the payload alone, so that it can be dropped
 * before anything is asked of GitHub. Refuses with 400 a payload that lacks what its event must have.
 */
export function announcementsOf(event: string, payload: Payload): readonly Change[] {
  const announced = Object.hasOwn(BY_EVENT, event) ? BY_EVENT[event] : undefined
  return announced?.(payload) ?? []
}

const BY_EVENT: Readonly<Record<string, (payload: Payload) => readonly Change[]>> = {
  push: ofPush,
  repository: ofRepository,
  installation: ofInstallation,
  installation_repositories: ofInstallation,
  installation_target: ofInstallationTarget,
  organization: ofOrganization,
}

/** Only what is on the default branch is read by an exchange. */
function ofPush(payload: Payload): readonly Change[] {
  const { accountId, owner, name, defaultBranch } = repositoryOf(payload)
  if (payload['ref'] !== `refs/heads/${defaultBranch}`) return []
  const touched = touchedPaths(payload)
  const paths = touched === 'unknown' ? 'all' : touched.filter(isRead)
  return paths.length === 0
    ? []
    : [{ kind: 'policies', accountId, owner, repository: name, paths, push: pushIn(payload) }]
}

function pushIn(payload: Payload): Extract<Change, { kind: 'policies' }>['push'] {
  const { after } = payload
  const seconds = pushedAt(payload)
  return isCommit(after) && seconds !== undefined ? { commit: after, atMs: seconds * 1000 } : undefined
}

/**
 * The paths that the commits of a push name; `unknown` when those are not all that may have changed: after a force push, for
 * a branch that begins or ends, where GitHub ends its lists, and where a commit names nothing (a merge can be such).
 */
export function touchedPaths(payload: Payload): readonly string[] | 'unknown' {
  const { commits, forced, created, deleted } = payload
  const isWhole = forced === false && created === false && deleted === false
  if (!isWhole || !Array.isArray(commits) || commits.length === 0 || commits.length >= COMMITS_LISTED) return 'unknown'
  const paths = new Set<string>()
  for (const commit of commits as readonly unknown[]) {
    const ofCommit = pathsOf(commit)
    if (ofCommit === undefined || ofCommit.length === 0) return 'unknown'
    for (const path of ofCommit) paths.add(path)
  }
  return [...paths]
}

/** undefined: not all are listed. */
function pathsOf(commit: unknown): readonly string[] | undefined {
  const paths: string[] = []
  for (const name of ['added', 'modified', 'removed']) {
    const list: unknown = isJsonObject(commit) ? commit[name] : undefined
    if (!Array.isArray(list) || list.length >= FILES_LISTED || !list.every(isPath)) return undefined
    paths.push(...list)
  }
  return paths
}

function ofRepository(payload: Payload): readonly Change[] {
  const { accountId, owner, name } = repositoryOf(payload)
  const now: Change = { kind: 'repository', accountId, owner, repository: name }
  const changes = isJsonObject(payload['changes']) ? payload['changes'] : {}
  switch (payload['action']) {
    case 'renamed': {
      const before = textAt(changes, 'repository', 'name', 'from')
      return before !== undefined && isScope(owner, before) ? [{ ...now, repository: before }, now] : [now]
    }
    case 'transferred': {
      const before = oldOwner(changes)
      if (before === undefined) return [now]
      return [{ kind: 'repository', accountId: before.id, owner: before.login, repository: name }, now]
    }
    case 'edited':
      // Policies are read from the default branch, which may be another one now.
      return isJsonObject(changes['default_branch']) ? [now] : []
    case 'created': // it may have been asked for before
    case 'deleted':
    case 'privatized':
    case 'publicized':
    case 'archived':
    case 'unarchived':
      return [now]
    default:
      return []
  }
}

function oldOwner(changes: Payload): PayloadAccount | undefined {
  const { from } = isJsonObject(changes['owner']) ? changes['owner'] : {}
  const account = isJsonObject(from) ? (from['organization'] ?? from['user']) : undefined
  return account === undefined || account === null ? undefined : accountOf(account, 'changes.owner.from')
}

function ofInstallation(payload: Payload): readonly Change[] {
  const account = objectIn(payload, 'installation')['account']
  // An enterprise has a slug and no login: no exchange can ask for it.
  if (isJsonObject(account) && account['login'] === undefined && account['slug'] !== undefined) return []
  const { id, login } = accountOf(account, 'installation.account')
  return [{ kind: 'installation', accountId: id, owner: login }]
}

function ofInstallationTarget(payload: Payload): readonly Change[] {
  return payload['action'] === 'renamed' ? ofRenamedAccount(payload, accountOf(payload['account'], 'account')) : []
}

function ofOrganization(payload: Payload): readonly Change[] {
  const { action } = payload
  if (action !== 'renamed' && action !== 'deleted') return [] // its members are nothing to an exchange
  return ofRenamedAccount(payload, accountOf(payload['organization'], 'organization'))
}

function ofRenamedAccount(payload: Payload, { id, login }: PayloadAccount): readonly Change[] {
  const now: Change = { kind: 'installation', accountId: id, owner: login }
  const before = isJsonObject(payload['changes']) ? textAt(payload['changes'], 'login', 'from') : undefined
  return before !== undefined && isOwner(before) ? [{ ...now, owner: before }, now] : [now]
}

function textAt(object: Payload, ...names: readonly string[]): string | undefined {
  let value: unknown = object
  for (const name of names) value = isJsonObject(value) ? value[name] : undefined
  return typeof value === 'string' ? value : undefined
}

/** GitHub documents 2,048 commits of a push, and 3,000 files of a commit. */
const COMMITS_LISTED = 2048
const FILES_LISTED = 3000

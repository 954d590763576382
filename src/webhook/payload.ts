import { isUtf8 } from 'node:buffer'
import { isJsonObject } from '../terms/json.ts'
import { parseScope } from '../terms/scope.ts'
import { isPrintable } from '../terms/text.ts'
import { Refusal } from './refusal.ts'

/** A payload's members: GitHub signed them, and yet names, branches and texts in them are strangers'. */
export type Payload = Readonly<Record<string, unknown>>

/**
 * The payload of a body, in either form that GitHub offers: JSON, or a form with the JSON as its `payload`.
 * Refuses with 400.
 */
export function parsePayload(bytes: Buffer, mediaType: WebhookMediaType): Payload {
  if (!isUtf8(bytes)) throw new Refusal(400, 'the body is not UTF-8')
  const text = bytes.toString('utf8')
  const json = mediaType === 'application/json' ? text : payloadOfForm(text)
  try {
    const value: unknown = JSON.parse(json)
    if (isJsonObject(value)) return value
  } catch {
    throw new Refusal(400, 'the payload is not JSON')
  }
  throw new Refusal(400, 'the payload is not a JSON object')
}

export type WebhookMediaType = 'application/json' | 'application/x-www-form-urlencoded'

/** Refuses with 415. */
export function parseMediaType(header: string | undefined): WebhookMediaType {
  const type = (header ?? '').split(';', 1).join('').trim().toLowerCase()
  if (type === 'application/json' || type === 'application/x-www-form-urlencoded') return type
  throw new Refusal(415, 'the content type must be application/json or application/x-www-form-urlencoded')
}

/** A repository that a payload names, its names fit for a path. */
export interface PayloadRepository {
  readonly accountId: number
  readonly owner: string
  readonly name: string
  readonly defaultBranch: string
}

/** Refuses with 400 what has no repository, or one with odd names. */
export function repositoryOf(payload: Payload): PayloadRepository {
  const repository = objectIn(payload, 'repository')
  const owner = objectIn(repository, 'owner', 'repository.owner')
  const login = owner['login'] ?? owner['name'] // older servers' pushes have the name alone
  const name = repository['name']
  const branch = repository['default_branch']
  if (typeof login !== 'string' || typeof name !== 'string' || !isScope(login, name))
    throw new Refusal(400, 'the payload has no repository whose name can be one')
  if (typeof branch !== 'string' || !isBranch(branch))
    throw new Refusal(400, 'the payload has no repository.default_branch that can be one')
  return { accountId: idIn(owner, 'repository.owner'), owner: login, name, defaultBranch: branch }
}

/** GitHub's time of a push, in seconds since 1970; undefined where it does not say. */
export function pushedAt(payload: Payload): number | undefined {
  const repository = payload['repository']
  const seconds = isJsonObject(repository) ? repository['pushed_at'] : undefined
  return typeof seconds === 'number' ? seconds : undefined
}

/** An owner that a payload names: an organization or a user. */
export interface PayloadAccount {
  readonly id: number
  readonly login: string
}

/** Refuses with 400. */
export function accountOf(value: unknown, what: string): PayloadAccount {
  const { login } = isJsonObject(value) ? value : {}
  if (!isJsonObject(value) || typeof login !== 'string' || !isOwner(login))
    throw new Refusal(400, `the payload has no ${what} whose login can be one`)
  return { id: idIn(value, what), login }
}

/** Refuses with 400. */
export function objectIn(object: Payload, name: string, what = name): Payload {
  const value = object[name]
  if (!isJsonObject(value)) throw new Refusal(400, `the payload has no ${what}`)
  return value
}

/** A commit's id: SHA-1, or SHA-256 where a repository uses that. Refuses with 400. */
export function commitIn(object: Payload, name: string, what = name): string {
  const value = object[name]
  if (!isCommit(value)) throw new Refusal(400, `the payload's ${what} is no commit`)
  return value
}

export function isCommit(value: unknown): value is string {
  return typeof value === 'string' && COMMIT.test(value)
}

/** True for the zeros by which GitHub says that there is no commit. */
export function isNoCommit(commit: string): boolean {
  return NO_COMMIT.test(commit)
}

export function isOwner(login: string): boolean {
  return isParsed(() => parseScope(login)) && !login.includes('/')
}

export function isScope(owner: string, repository: string): boolean {
  return !owner.includes('/') && !repository.includes('/') && isParsed(() => parseScope(`${owner}/${repository}`))
}

/** A name that Git takes for a branch (git-check-ref-format): so it can stand in a comparison without meaning anything else. */
export function isBranch(name: string): boolean {
  return name.length <= BRANCH_LIMIT && isPrintable(name) && !NOT_IN_BRANCHES.test(name)
}

/** A value that can be a path in a repository, and be shown. */
export function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= PATH_LIMIT
}

function idIn(object: Payload, what: string): number {
  const id = object['id']
  if (typeof id === 'number' && Number.isSafeInteger(id) && id > 0) return id
  throw new Refusal(400, `the payload has no ${what}.id`)
}

function isParsed(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

function payloadOfForm(text: string): string {
  const [payload, ...others] = new URLSearchParams(text).getAll('payload')
  if (payload === undefined || others.length > 0) throw new Refusal(400, 'the form must have one payload')
  return payload
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const NO_COMMIT = /^0+$/
const NOT_IN_BRANCHES = /^$|^[-/.]|\.\.|@\{|\/\/|\/\.|[\s~^:?*[\\]|[/.]$|\.lock$/
/** GitHub's own, and some. */
const BRANCH_LIMIT = 255
/** Git's on Linux. */
const PATH_LIMIT = 4096

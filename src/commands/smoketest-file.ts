import { type Reading, readApiUrl, readDuration, readOneOf } from '../config/values.ts'
import { pointerTo, readDocument } from '../policy/document.ts'
import { Denial } from '../terms/denial.ts'
import { parseIdentity } from '../terms/identity.ts'
import { nearest } from '../terms/nearest.ts'
import { permissionFault } from '../terms/permissions.ts'
import { parseScope } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { readCode, readReason } from './refusal-words.ts'
import { PROTOCOLS } from './sts-client.ts'
import { readStsUrl, type StsUrl } from './sts-url.ts'
import { isVariableName, type TokenSource } from './token-source.ts'
import type { Trial } from './trial.ts'

export interface SmoketestPlan {
  readonly url: StsUrl
  readonly gitHubUrl: string
  /** Of each call. */
  readonly timeoutMs: number
  readonly exchanges: readonly PlannedExchange[]
}

export interface PlannedExchange extends Trial {
  readonly name: string
  readonly expect: Expectation
}

/** `permissions` as `name:level`, sorted; `repositories` as `owner/name`. What is absent is not looked at. */
export type Expectation =
  | {
      readonly kind: 'token'
      readonly permissions?: readonly string[]
      readonly repositories?: readonly string[]
    }
  | { readonly kind: 'refusal'; readonly reason?: string; readonly code?: number }

/** Reads a list of exchanges. `problems`, each with its line, when it is not one; then nothing must be run. */
export function readSmoketestFile(
  text: string,
): { readonly plan: SmoketestPlan } | { readonly problems: readonly string[] } {
  const { root, findings, place } = readDocument(text)
  const problems = findings.map(({ line, message }) => `line ${line ?? 1}: ${message}`)
  if (problems.length > 0) return { problems }
  const at: At = {
    value: root,
    pointer: '',
    problem(pointer, message) {
      problems.push(`line ${nearestPlace(pointer, place)?.line ?? 1}: ${message}`)
    },
  }
  const plan = planOf(at)
  return plan === undefined || problems.length > 0 ? { problems } : { plan }
}

/** A value of the file, and how to complain of it. */
interface At {
  readonly value: unknown
  readonly pointer: string
  readonly problem: (pointer: string, message: string) => void
}

function planOf(root: At): SmoketestPlan | undefined {
  const top = mapping(root, 'the file', ['url', 'allow_http', 'github_url', 'timeout', 'token', 'exchanges'])
  if (top === undefined) return undefined
  const plainText = flag(member(top, 'allow_http'))
  const url = reading(needed(top, 'url', 'the file'), (text) => readStsUrl(text, plainText))
  const gitHubUrl = reading(member(top, 'github_url'), readApiUrl) ?? 'https://api.github.com'
  const timeoutMs = reading(member(top, 'timeout'), readTimeout) ?? DEFAULT_TIMEOUT_MS
  const host = url?.host ?? ''
  const fallback = tokenSource(member(top, 'token'), host)
  const list = needed(top, 'exchanges', 'the file')
  if (list === undefined) return undefined
  if (!Array.isArray(list.value) || list.value.length === 0 || list.value.length > MOST_EXCHANGES)
    return void list.problem(list.pointer, `exchanges must be a list of 1 to ${MOST_EXCHANGES} exchanges`)
  const exchanges = elements(list).map((each) => exchangeOf(each, { host, fallback }))
  if (url === undefined) return undefined
  return { url, gitHubUrl, timeoutMs, exchanges: exchanges.filter((each) => each !== undefined) }
}

function exchangeOf(
  at: At,
  { host, fallback }: { readonly host: string; readonly fallback: TokenSource | undefined },
): PlannedExchange | undefined {
  const entry = mapping(at, 'an exchange', ['name', 'scope', 'identity', 'token', 'cap', 'protocol', 'expect'])
  if (entry === undefined) return undefined
  const name = reading(needed(entry, 'name', 'an exchange'), readName)
  const scope = reading(needed(entry, 'scope', 'an exchange'), parsed(parseScope))
  const identity = reading(needed(entry, 'identity', 'an exchange'), parsed(parseIdentity))
  const cap = texts(member(entry, 'cap'), readCap) ?? []
  const own = member(entry, 'token')
  const source = own === undefined ? fallback : tokenSource(own, host)
  if (own === undefined && fallback === undefined)
    entry.problem(entry.pointer, 'an exchange must have a token, or the whole file one')
  const expect = expectationOf(needed(entry, 'expect', 'an exchange'), scope?.split('/')[0] ?? '')
  const wantsPermissions = expect?.kind === 'token' && expect.permissions !== undefined
  const asked = member(entry, 'protocol')
  const protocol = reading(asked, readOneOf(PROTOCOLS)) ?? (wantsPermissions ? 'oauth' : 'http')
  if (asked !== undefined && wantsPermissions && protocol !== 'oauth')
    asked.problem(asked.pointer, 'permissions can be seen only with protocol oauth: no other answer says them')
  if (name === undefined || scope === undefined || identity === undefined) return undefined
  if (source === undefined || expect === undefined) return undefined
  return { name, scope, identity, cap, source, protocol, expect }
}

function expectationOf(at: At | undefined, owner: string): Expectation | undefined {
  const expect = at && mapping(at, 'expect', ['ok', 'permissions', 'repositories', 'reason', 'code'])
  if (expect === undefined) return undefined
  const [ok, reason, code] = [member(expect, 'ok'), member(expect, 'reason'), member(expect, 'code')]
  const permissions = permissionsOf(member(expect, 'permissions'))
  const repositories = texts(member(expect, 'repositories'), readRepository(owner))
  const looksAtToken = permissions !== undefined || repositories !== undefined
  if (ok !== undefined) {
    if (ok.value !== 'true') ok.problem(ok.pointer, 'ok can only be true: what must be refused has a reason or a code')
    if (reason !== undefined || code !== undefined)
      ok.problem(ok.pointer, 'ok and a reason or a code exclude each other')
    return {
      kind: 'token',
      ...(permissions === undefined ? {} : { permissions }),
      ...(repositories === undefined ? {} : { repositories }),
    }
  }
  if (reason === undefined && code === undefined)
    return void expect.problem(expect.pointer, 'expect must have ok: true, a reason or a code')
  if (looksAtToken) expect.problem(expect.pointer, 'permissions and repositories belong to ok: true')
  const [reasonText, codeNumber] = [reading(reason, readReason), reading(code, readCode)]
  return {
    kind: 'refusal',
    ...(reasonText === undefined ? {} : { reason: reasonText }),
    ...(codeNumber === undefined ? {} : { code: codeNumber }),
  }
}

function tokenSource(at: At | undefined, host: string): TokenSource | undefined {
  const token = at && mapping(at, 'token', ['file', 'env', 'github_actions', 'google', 'audience'])
  if (token === undefined) return undefined
  const [file, env, audience] = [member(token, 'file'), member(token, 'env'), member(token, 'audience')]
  const [actions, google] = [member(token, 'github_actions'), member(token, 'google')]
  const named = reading(audience, readName)
  const kinds = [file, env, actions, google].filter((each) => each !== undefined)
  if (kinds.length !== 1)
    return void token.problem(token.pointer, 'token must have one of file, env, github_actions: true, google: true')
  if (audience !== undefined && (file !== undefined || env !== undefined))
    audience.problem(audience.pointer, 'audience is of use only with github_actions and google')
  for (const each of [actions, google])
    if (each !== undefined && each.value !== 'true') each.problem(each.pointer, 'must be true, or left out')
  if (file !== undefined) {
    const path = reading(file, readPath)
    return path === undefined ? undefined : { kind: 'file', path }
  }
  if (env !== undefined) {
    const name = reading(env, readVariableName)
    return name === undefined ? undefined : { kind: 'env', name }
  }
  return { kind: actions === undefined ? 'google' : 'github_actions', audience: named ?? host }
}

function permissionsOf(at: At | undefined): readonly string[] | undefined {
  if (at === undefined) return undefined
  if (!isMapping(at.value) || Object.keys(at.value).length === 0)
    return void at.problem(at.pointer, 'permissions must be a mapping of names to levels, such as contents: read')
  const granted = Object.entries(at.value).map(([name, level]) => {
    const fault = permissionFault(name, typeof level === 'string' ? level : '')
    if (fault !== undefined) at.problem(pointerTo(at.pointer, name), fault)
    return `${name}:${level}`
  })
  return granted.sort()
}

function texts(at: At | undefined, read: Reader<string>): readonly string[] | undefined {
  if (at === undefined) return undefined
  if (!Array.isArray(at.value) || at.value.length === 0 || at.value.length > MOST_ENTRIES)
    return void at.problem(at.pointer, `${nameOf(at)} must be a list of 1 to ${MOST_ENTRIES} texts`)
  return elements(at)
    .map((each) => reading(each, read))
    .filter((each) => each !== undefined)
}

type Reader<T> = (text: string) => Reading<T>

/** The value of a text, or a problem and undefined. */
function reading<T>(at: At | undefined, read: Reader<T>): T | undefined {
  if (at === undefined) return undefined
  if (typeof at.value !== 'string') return void at.problem(at.pointer, `${nameOf(at)} must be a text`)
  const result = read(at.value)
  if ('value' in result) return result.value
  return void at.problem(at.pointer, `${nameOf(at)} ${[result.problem].flat().join('; ')}`)
}

function flag(at: At | undefined): boolean {
  return reading(at, readOneOf(['true', 'false'])) === 'true'
}

/** The value as a mapping of no other keys than these. */
function mapping(at: At, what: string, keys: readonly string[]): At | undefined {
  const { value, pointer, problem } = at
  if (!isMapping(value)) return void problem(pointer, `${what} must be a mapping with ${keys.join(', ')}`)
  for (const key of Object.keys(value)) {
    if (keys.includes(key)) continue
    const near = nearest(key, keys)
    const hint = near === undefined ? `; there are ${keys.join(', ')}` : `; did you mean ${near}?`
    problem(pointerTo(pointer, key), `${what} has no ${quote(key, 80)}${hint}`)
  }
  return at
}

function member(at: At, key: string): At | undefined {
  if (!isMapping(at.value) || !Object.hasOwn(at.value, key)) return undefined
  return { ...at, value: at.value[key], pointer: pointerTo(at.pointer, key) }
}

function needed(at: At, key: string, what: string): At | undefined {
  const found = member(at, key)
  if (found === undefined) at.problem(at.pointer, `${what} must have ${key}`)
  return found
}

function elements(at: At): readonly At[] {
  const list: readonly unknown[] = Array.isArray(at.value) ? at.value : []
  return list.map((value, index) => ({ ...at, value, pointer: pointerTo(at.pointer, index) }))
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The last name in the pointer; an element of a list is called as the list. */
function nameOf({ pointer }: At): string {
  return pointer.split('/').findLast((part) => !/^\d*$/.test(part)) ?? 'the file'
}

function nearestPlace<T>(pointer: string, place: (pointer: string) => T | undefined): T | undefined {
  for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const found = place(at)
    if (found !== undefined) return found
  }
  return undefined
}

/** What the service's own parser says of it, on this side already. */
function parsed(parse: (text: string) => unknown): Reader<string> {
  return (text) => {
    try {
      parse(text)
      return { value: text }
    } catch (error) {
      if (error instanceof Denial) return { problem: `is malformed: ${error.message}` }
      throw error
    }
  }
}

const readName: Reader<string> = (text) =>
  /^[\x20-\x7e]{1,200}$/.test(text) ? { value: text } : { problem: 'must have 1 to 200 printable ASCII characters' }

const readPath: Reader<string> = (text) =>
  text !== '' && !text.includes('\0') ? { value: text } : { problem: 'must be the path of a file with an OIDC token' }

const readVariableName: Reader<string> = (text) =>
  isVariableName(text)
    ? { value: text }
    : { problem: 'must be the name of an environment variable, not the token itself' }

const readCap: Reader<string> = (text) =>
  /^[a-z_]{1,100}:(?:read|write|admin)$/.test(text)
    ? { value: text }
    : { problem: `must be permission:level, such as contents:read, not ${quote(text, 80)}` }

function readRepository(owner: string): Reader<string> {
  return (text) => {
    const name = text.includes('/') ? text : `${owner}/${text}`
    return parsed(parseScope)(name)
  }
}

const readTimeout: Reader<number> = (text) => {
  const duration = readDuration(text)
  if ('problem' in duration || (duration.value >= 100 && duration.value <= 600_000)) return duration
  return { problem: 'must be from 100ms to 10m' }
}

const DEFAULT_TIMEOUT_MS = 10_000
const MOST_EXCHANGES = 200
/** As many as one token can be narrowed to (contract §9). */
const MOST_ENTRIES = 500

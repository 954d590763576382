import { durationMs } from '../terms/duration.ts'
import { instantMs } from '../terms/instant.ts'
import {
  isLevel,
  type Level,
  type Permissions,
  permissionFault,
  permissionsOf,
  standingOf,
} from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { finish, type Steps } from '../terms/steps.ts'
import { quote } from '../terms/text.ts'
import { alternativesOf, atMostOne } from './compile-alternatives.ts'
import { documentReading, pointerTo, type YamlDocument } from './document.ts'
import { withoutEmptyFields } from './empty-fields.ts'
import { inFileOrder, isSome, placed } from './findings.ts'
import { selfWritePermissions } from './guardrails.ts'
import { shapeFaults } from './shape.ts'
import type { Compilation, Instant, Matcher, PolicyKind, TrustPolicy } from './trust-policy.ts'
import { beginCompiling, isFull, patternMatcher, refuse, type Work } from './work.ts'

/**
 * Makes a policy of a file's text, or says all that is wrong with it, in the order of the file. Stage `parse`: no YAML of
 * the right shape, or an unknown field; `compile`: rules that do not hold (contract §4). What it costs is bounded whatever
 * the text.
 */
export function compilePolicy(text: string, kind: PolicyKind): Compilation {
  return finish(policyCompilation(text, kind))
}

/** The same in steps, each of a few milliseconds whatever the text. */
export function* policyCompilation(text: string, kind: PolicyKind): Steps<Compilation> {
  const document = yield* documentReading(text)
  return yield* documentCompilation(document, kind)
}

/** The same of a file that has been read, for who wants to know places in it too. */
export function* documentCompilation(document: YamlDocument, kind: PolicyKind): Steps<Compilation> {
  if (isSome(document.findings))
    return { ok: false, stage: 'parse', findings: inFileOrder(document.findings, document) }

  const root = withoutEmptyFields(document.root)
  const shape = shapeFaults(root, kind)
  yield
  if (isSome(shape.parse)) return { ok: false, stage: 'parse', findings: inFileOrder(shape.parse, document) }

  const work: Work = { ...beginCompiling(), fields: root, findings: [...shape.compile], warnings: [] }
  const policy = yield* policyOf(work, kind, document)
  yield
  if (isSome(work.findings)) return { ok: false, stage: 'compile', findings: inFileOrder(work.findings, document) }
  if (policy === undefined) throw new Error('a policy without a fault did not compile')
  return { ok: true, policy }
}

function* policyOf(work: Work, kind: PolicyKind, document: YamlDocument): Steps<TrustPolicy | undefined> {
  const alternatives = yield* alternativesOf(work)
  const app = yield* atMostOne(work, { fields: work.fields, pointer: '', label: '' }, 'app')
  const permissions = checkedPermissions(work)
  const repositories = checkedRepositories(work)
  const repositoryPatterns = yield* checkedRepositoryPatterns(work)
  const { notBefore, expires } = checkedValidity(work)
  const refresh = checkedRefresh(work)
  if (alternatives === undefined || permissions === undefined) return undefined
  return {
    kind,
    alternatives,
    permissions,
    repositories,
    repositoryPatterns,
    notBefore,
    expires,
    refresh,
    singleUse: String(work.fields.single_use) === 'true',
    app,
    selfWrite: selfWritePermissions(kind, permissions),
    warnings: placed(work.warnings, document),
  }
}

function checkedPermissions(work: Work): Permissions | undefined {
  const entries: [string, Level][] = []
  for (const [name, level] of Object.entries<string>(work.fields.permissions ?? {})) {
    if (isFull(work)) break
    const pointer = pointerTo('/permissions', name)
    const fault = permissionFault(name, level)
    if (fault !== undefined) refuse(work, pointer, fault)
    else if (isLevel(level)) entries.push([name, level])
    if (standingOf(name) === 'accepted') {
      work.warnings.push({ pointer, message: `GitHub does not publish the permission "${name}" and may refuse it` })
    }
  }
  return permissionsOf(entries)
}

function checkedRepositories(work: Work): TrustPolicy['repositories'] {
  const seen = new Set<string>()
  for (const [index, name] of (work.fields.repositories ?? []).entries()) {
    // GitHub compares names without regard to case, so two spellings are one repository.
    if (seen.has(nameKey(name)))
      refuse(work, pointerTo('/repositories', index), `repositories names ${quote(name)} twice`)
    seen.add(nameKey(name))
  }
  const names = work.fields.repositories ?? []
  return isSome(names) ? names : undefined
}

function* checkedRepositoryPatterns(work: Work): Steps<TrustPolicy['repositoryPatterns']> {
  const matchers: Matcher[] = []
  for (const [index, pattern] of (work.fields.repository_patterns ?? []).entries()) {
    const place = { pointer: pointerTo('/repository_patterns', index), field: `repository_patterns[${index}]` }
    const matcher = yield* patternMatcher(work, pattern, place)
    if (matcher !== undefined) matchers.push(matcher)
  }
  return isSome(matchers) ? matchers : undefined
}

function checkedValidity(work: Work): Pick<TrustPolicy, 'notBefore' | 'expires'> {
  const notBefore = instant(work, 'not_before')
  const expires = instant(work, 'expires')
  if (notBefore !== undefined && expires !== undefined && notBefore.ms >= expires.ms) {
    refuse(work, '/expires', 'expires is not after not_before: the policy would never grant anything')
  }
  return { notBefore, expires }
}

function instant(work: Work, field: 'not_before' | 'expires'): Instant | undefined {
  const source = work.fields[field]
  if (source === undefined) return undefined
  const ms = instantMs(source)
  if (ms !== undefined) return { source, ms }
  const example = '2026-12-31T23:59:59Z'
  refuse(work, `/${field}`, `${field} ${quote(source)} is not a date and time with an offset (RFC 3339: ${example})`)
  return undefined
}

function checkedRefresh(work: Work): TrustPolicy['refresh'] {
  const text = work.fields.refresh?.max_age
  if (text === undefined) return undefined
  const maxAgeMs = durationMs(text)
  if (maxAgeMs !== undefined && maxAgeMs >= SHORTEST_AGE_MS && maxAgeMs <= LONGEST_AGE_MS) return { maxAgeMs }
  const what = maxAgeMs === undefined ? 'is not a duration such as 8h or 1h30m' : 'must be from 1s to a year (8760h)'
  refuse(work, '/refresh/max_age', `refresh max_age ${quote(text)} ${what}`)
  return undefined
}

const SHORTEST_AGE_MS = 1000
/** Beyond what any operator allows (`MAX_REFRESH_AGE`); it keeps sums of times exact. */
const LONGEST_AGE_MS = 8760 * 3_600_000

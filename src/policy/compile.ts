import type { OrganizationPolicyDocument } from '../gen/documents.ts'
import {
  isLevel,
  type Level,
  type Permissions,
  permissionFault,
  permissionsOf,
  standingOf,
} from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { pointerTo, readDocument, type YamlDocument } from './document.ts'
import { compilePattern, exactly } from './pattern.ts'
import { shapeFaults } from './shape.ts'
import type {
  Alternative,
  ClaimMatcher,
  Compilation,
  Finding,
  Matcher,
  PolicyKind,
  TrustPolicy,
} from './trust-policy.ts'

/**
 * Makes a policy of a file's text, or says all that is wrong with it, in the order of the file. Stage `parse`: no YAML of
 * the right shape, or an unknown field; `compile`: rules that do not hold (contract §4 "compatible" and "deliberately
 * stricter"). What it costs is bounded whatever the text.
 */
export function compilePolicy(text: string, kind: PolicyKind): Compilation {
  const document = readDocument(text)
  if (isSome(document.findings))
    return { ok: false, stage: 'parse', findings: inFileOrder(document.findings, document) }

  const root = withoutEmptyFields(document.root)
  const shape = shapeFaults(root, kind)
  if (isSome(shape.parse)) return { ok: false, stage: 'parse', findings: inFileOrder(shape.parse, document) }

  const work: Work = { fields: root, findings: [...shape.compile], warnings: [], spent: 0 }
  const policy = policyOf(work, kind)
  if (isSome(work.findings)) return { ok: false, stage: 'compile', findings: inFileOrder(work.findings, document) }
  if (policy === undefined) throw new Error('a policy without a fault did not compile')
  return { ok: true, policy: { ...policy, warnings: placed(work.warnings, document) } }
}

interface Work {
  /** Of the shape that the schema asks for; its other rules may be broken. */
  readonly fields: Partial<OrganizationPolicyDocument>
  readonly findings: Finding[]
  readonly warnings: Finding[]
  /** Instructions of the patterns compiled so far. */
  spent: number
}

type MatcherField = 'issuer' | 'subject' | 'audience' | 'app'

function policyOf(work: Work, kind: PolicyKind): TrustPolicy | undefined {
  const alternative = alternativeOf(work)
  const app = atMostOne(work, 'app')
  const permissions = checkedPermissions(work)
  const repositories = checkedRepositories(work)
  if (alternative === undefined || permissions === undefined) return undefined
  return { kind, alternatives: [alternative], permissions, repositories, app, warnings: [] }
}

function alternativeOf(work: Work): Alternative | undefined {
  const issuer = exactlyOne(work, 'issuer')
  const subject = exactlyOne(work, 'subject')
  const audience = atMostOne(work, 'audience')
  const claims = claimMatchers(work)
  return issuer === undefined || subject === undefined ? undefined : { issuer, subject, audience, claims }
}

function exactlyOne(work: Work, field: MatcherField): Matcher | undefined {
  if (work.fields[field] === undefined && work.fields[`${field}_pattern`] === undefined) {
    refuse(work, '', `${field} or ${field}_pattern is missing: exactly one of them must be given`)
  }
  return atMostOne(work, field)
}

function atMostOne(work: Work, field: MatcherField): Matcher | undefined {
  const exact = work.fields[field]
  const pattern = work.fields[`${field}_pattern`]
  if (exact !== undefined && pattern !== undefined) {
    refuse(work, `/${field}_pattern`, `${field} and ${field}_pattern exclude each other: give only one of them`)
  }
  if (pattern !== undefined) return patternMatcher(work, `/${field}_pattern`, `${field}_pattern`)(pattern)
  return exact === undefined ? undefined : exactly(exact)
}

function claimMatchers(work: Work): readonly ClaimMatcher[] {
  return Object.entries(work.fields.claim_pattern ?? {}).flatMap(([name, pattern]) => {
    const value = patternMatcher(work, pointerTo('/claim_pattern', name), `claim_pattern ${quote(name)}`)(pattern)
    return value === undefined ? [] : [{ name, value }]
  })
}

function patternMatcher(work: Work, pointer: string, field: string): (pattern: string) => Matcher | undefined {
  return (pattern) => {
    if (work.spent > PATTERN_BUDGET) {
      refuse(work, pointer, `${field} is one pattern too many: all patterns of the policy together are too large`)
      return undefined
    }
    const compiled = compilePattern(pattern)
    work.spent += compiled.size + PATTERN_OVERHEAD
    if (!compiled.ok) {
      refuse(work, pointer, `${field} ${compiled.fault}`)
      return undefined
    }
    return compiled.matcher
  }
}

function checkedPermissions(work: Work): Permissions | undefined {
  const entries: [string, Level][] = []
  for (const [name, level] of Object.entries<string>(work.fields.permissions ?? {})) {
    if (work.findings.length >= FINDING_LIMIT) break
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
  const [first, ...others] = work.fields.repositories ?? []
  return first === undefined ? undefined : [first, ...others]
}

/** The reference decodes an absent field and an empty one into the same empty text; so `audience: ""` says nothing. */
function withoutEmptyFields(root: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const fields = Object.create(null) as Record<string, unknown>
  for (const [name, value] of Object.entries(root)) {
    if (value !== '' || !EMPTY_IS_ABSENT.has(name)) fields[name] = value
  }
  return fields
}

function refuse(work: Work, pointer: string, message: string): void {
  if (work.findings.length < FINDING_LIMIT) work.findings.push({ pointer, message })
}

function inFileOrder(findings: Some<Finding>, document: YamlDocument): Some<Finding> {
  const sorted = placed(findings, document).toSorted(
    (a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0),
  )
  return isSome(sorted) ? sorted : findings
}

function placed(findings: readonly Finding[], document: YamlDocument): readonly Finding[] {
  return findings.map((finding) =>
    finding.line === undefined ? { ...finding, ...document.place(finding.pointer) } : finding,
  )
}

type Some<T> = readonly [T, ...T[]]

function isSome<T>(list: readonly T[]): list is Some<T> {
  return list.length > 0
}

/** Instructions of all patterns of a policy; a large real policy has a fifth. Keeps the worst compilation at some 100 ms. */
const PATTERN_BUDGET = 5000
/** What the smallest pattern costs beside its instructions, in instructions. */
const PATTERN_OVERHEAD = 10
const FINDING_LIMIT = 100

/** `repositories` is not among them: its emptiness must never be read as "all of them". */
const EMPTY_IS_ABSENT: ReadonlySet<string> = new Set([
  'issuer',
  'issuer_pattern',
  'subject',
  'subject_pattern',
  'audience',
  'audience_pattern',
  'app',
  'app_pattern',
  'claim_pattern',
  'permissions',
])

import { covers, isLevel, type Level } from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { finish, type Steps } from '../terms/steps.ts'
import { quote } from '../terms/text.ts'
import { documentCompilation } from './compile.ts'
import { listCompilation } from './compile-trusted-issuers.ts'
import { documentReading, pointerTo } from './document.ts'
import { besideLines, type PlacedFinding } from './findings.ts'
import { type Guardrails, guardrailFaults, type PolicySources, policySourceFault } from './guardrails.ts'
import { sectionsOf } from './lint-section.ts'
import { sectionWarnings } from './lint-warnings.ts'
import { literalOf } from './pattern.ts'
import type { Finding, Matcher, PolicyKind, TrustPolicy } from './trust-policy.ts'
import { isTrusted, type TrustedIssuers } from './trusted-issuers.ts'

/** What is known of the place where a policy lies; of what is not known nothing is said. */
export interface PolicyLintContext {
  readonly kind: PolicyKind
  readonly guardrails: Guardrails & { readonly policySources: PolicySources }
  /** The account that the policy belongs to: repositories of its own may be named without their ids. */
  readonly owner?: string | undefined
  /** Permissions that the installation has, by name. */
  readonly granted?: ReadonlyMap<string, string> | undefined
  /** Names, in lower case, of the repositories that the installation reaches. */
  readonly reachable?: ReadonlySet<string> | 'all' | undefined
  /** Milliseconds since 1970. */
  readonly nowMs?: number | undefined
  /** The organization's list. */
  readonly trusted?: TrustedIssuers | undefined
}

/** Both lists in the order of the file, each finding beside its line. Errors: no exchange by this policy can work. */
export interface PolicyLint {
  /** There is no error. */
  readonly valid: boolean
  readonly errors: readonly PlacedFinding[]
  readonly warnings: readonly PlacedFinding[]
  /** Absent when the file does not compile. */
  readonly policy?: TrustPolicy
}

/**
 * All that can be said of a policy file by its text: what the compiler refuses, what the operator's rules refuse, what the
 * installation lacks, issuers that the organization does not trust; and as warnings what works but should be looked at.
 */
export function lintPolicy(text: string, context: PolicyLintContext): PolicyLint {
  return finish(policyLinting(text, context))
}

/** The same in steps, each of a few milliseconds whatever the text. */
export function* policyLinting(text: string, context: PolicyLintContext): Steps<PolicyLint> {
  const document = yield* documentReading(text)
  const compilation = yield* documentCompilation(document, context.kind)
  const source = sourceErrors(context)
  if (!compilation.ok) {
    return { valid: false, errors: besideLines([...source, ...compilation.findings], document), warnings: [] }
  }
  const { policy } = compilation
  const sections = sectionsOf(policy, document)
  const issuers = sections.flatMap(({ alternative, pointer }) => untrustedIssuer(alternative.issuer, pointer, context))
  const enforced = context.trusted?.mode === 'enforce'
  const errors = [
    ...source,
    ...guardrailFaults(policy, context.guardrails).map(({ permission, message }) => atPermission(permission, message)),
    ...ungranted(policy, context),
    ...unreachable(policy, context),
    ...(enforced ? issuers : []),
  ]
  const warnings = [
    ...policy.warnings,
    ...selfWriteWarnings(policy, context),
    ...momentWarnings(policy, context),
    ...(enforced ? [] : issuers),
    ...sections.flatMap((section) => sectionWarnings(section, context)),
  ]
  return {
    valid: errors.length === 0,
    errors: besideLines(errors, document),
    warnings: besideLines(warnings, document),
    policy,
  }
}

export interface TrustedIssuersLint {
  /** There is no error. */
  readonly valid: boolean
  readonly errors: readonly PlacedFinding[]
  readonly warnings: readonly PlacedFinding[]
  /** Absent when the file does not compile. */
  readonly list?: TrustedIssuers
}

/** All that can be said of `trusted-token-issuers.yaml` by its text. */
export function lintTrustedIssuers(text: string): TrustedIssuersLint {
  return finish(trustedIssuersLinting(text))
}

/** The same in steps, each of a few milliseconds whatever the text. */
export function* trustedIssuersLinting(text: string): Steps<TrustedIssuersLint> {
  const document = yield* documentReading(text)
  const compilation = yield* listCompilation(document)
  if (!compilation.ok) return { valid: false, errors: besideLines(compilation.findings, document), warnings: [] }
  const { list } = compilation
  const warnings = list.issuers.flatMap(({ kind, source }, index) =>
    kind === 'exact' ? listedIssuerWarnings(source, pointerTo('/issuers', index)) : [],
  )
  return { valid: true, errors: [], warnings: besideLines(warnings, document), list }
}

/** Exact entries come first in the list, in the order of the file. */
function listedIssuerWarnings(issuer: string, pointer: string): readonly Finding[] {
  if (issuer.startsWith('http:')) {
    return [{ pointer, message: `${quote(issuer)} is an issuer for development: anybody on that machine can be it` }]
  }
  return issuer.endsWith('/')
    ? [{ pointer, message: `${quote(issuer)} ends with "/": right only if the tokens' iss ends with it too` }]
    : []
}

function sourceErrors({ kind, guardrails: { policySources } }: PolicyLintContext): readonly Finding[] {
  const fault = policySourceFault(kind, policySources)
  return fault === undefined ? [] : [{ pointer: '', message: fault }]
}

function atPermission(name: string, message: string): Finding {
  return { pointer: pointerTo('/permissions', name), message }
}

function ungranted({ permissions }: TrustPolicy, { granted }: PolicyLintContext): readonly Finding[] {
  if (granted === undefined) return []
  return Object.entries<Level>(permissions).flatMap(([name, level]) => {
    const held = granted.get(name)
    if (held !== undefined && isLevel(held) && covers(held, level)) return []
    if (name === 'metadata' && level === 'read') return [] // every installation has it
    const has = held === undefined ? 'does not have that permission' : `has ${quote(held)} only`
    const todo = 'grant it to the App and accept it for the organization, or ask for less'
    return [atPermission(name, `the policy asks for "${name}: ${level}", but the App's installation ${has}: ${todo}`)]
  })
}

function unreachable({ repositories }: TrustPolicy, { reachable }: PolicyLintContext): readonly Finding[] {
  if (repositories === undefined || reachable === undefined || reachable === 'all') return []
  return repositories.flatMap((name, index) => {
    if (reachable.has(nameKey(name))) return []
    const message = `the App's installation does not reach ${quote(name)}: select the repository for it, or remove the name`
    return [{ pointer: pointerTo('/repositories', index), message }]
  })
}

/** Of a pattern that matches more than one issuer it can't be said. */
function untrustedIssuer(issuer: Matcher, section: string, { trusted }: PolicyLintContext): readonly Finding[] {
  const text = issuer.kind === 'exact' ? issuer.source : literalOf(issuer.source)
  if (trusted === undefined || text === undefined || isTrusted(trusted, text)) return []
  const pointer = `${section}/${issuer.kind === 'exact' ? 'issuer' : 'issuer_pattern'}`
  const consequence =
    trusted.mode === 'enforce' ? 'its tokens are refused' : 'its tokens would be refused in mode enforce'
  return [
    { pointer, message: `issuer ${quote(text)} is not on the organization's list of trusted issuers: ${consequence}` },
  ]
}

function selfWriteWarnings(policy: TrustPolicy, { guardrails }: PolicyLintContext): readonly Finding[] {
  if (guardrails.selfWrite === 'deny') return []
  return policy.selfWrite.map((name) =>
    atPermission(
      name,
      `${name} with write lets whoever gets this token rewrite this very policy: ` +
        'consider to move it to the policy repository of the organization',
    ),
  )
}

function momentWarnings({ notBefore, expires }: TrustPolicy, { nowMs }: PolicyLintContext): readonly Finding[] {
  if (nowMs === undefined) return []
  const warnings: Finding[] = []
  if (notBefore !== undefined && nowMs < notBefore.ms)
    warnings.push({ pointer: '/not_before', message: `the policy grants nothing before ${notBefore.source}` })
  if (expires !== undefined && nowMs >= expires.ms)
    warnings.push({ pointer: '/expires', message: `the policy expired at ${expires.source} and grants nothing` })
  return warnings
}

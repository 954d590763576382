import type { OrganizationPolicyDocument } from '../gen/documents.ts'
import type { Steps } from '../terms/steps.ts'
import { claimRules } from './compile-claims.ts'
import { pointerTo } from './document.ts'
import { exactly } from './pattern.ts'
import type { Alternative, Matcher } from './trust-policy.ts'
import { patternMatcher, refuse, type Work } from './work.ts'

/** The words that one alternative has, at the top of the policy or as an entry of `rules`. */
export type RuleFields = Pick<Partial<OrganizationPolicyDocument>, RuleWord>
export type RuleWord = keyof NonNullable<OrganizationPolicyDocument['rules']>[number]

/** Where an alternative stands. */
export interface Section<Fields = RuleFields> {
  readonly fields: Fields
  readonly pointer: string
  /** Put before what is said of it: nothing at the top, `rules[2] ` inside. */
  readonly label: string
}

/** The alternatives of a policy: those of `rules`, or the one at its top; undefined when one of them was refused. */
export function* alternativesOf(work: Work): Steps<readonly [Alternative, ...Alternative[]] | undefined> {
  const { rules } = work.fields
  if (rules === undefined) {
    const alternative = yield* alternativeOf(work, { fields: work.fields, pointer: '', label: '' })
    return alternative === undefined ? undefined : [alternative]
  }
  refuseAtTop(work)
  const compiled: Alternative[] = []
  for (const [index, fields] of rules.entries()) {
    const section = { fields, pointer: pointerTo('/rules', index), label: `rules[${index}] ` }
    const alternative = yield* alternativeOf(work, section)
    if (alternative !== undefined) compiled.push(alternative)
  }
  const [first, ...others] = compiled
  return first === undefined || compiled.length < rules.length ? undefined : [first, ...others]
}

/** Two readings would be possible: one more alternative, or a condition of all of them. */
function refuseAtTop(work: Work): void {
  for (const word of RULE_WORDS) {
    if (work.fields[word] === undefined) continue
    refuse(work, `/${word}`, `${word} and rules exclude each other: move ${word} into each of the rules that it is for`)
  }
}

function* alternativeOf(work: Work, section: Section): Steps<Alternative | undefined> {
  const issuer = yield* exactlyOne(work, section, 'issuer')
  const subject = yield* subjectOf(work, section)
  const audience = yield* atMostOne(work, section, 'audience')
  const claims = yield* claimRules(work, section)
  return issuer === undefined ? undefined : { issuer, subject, audience, claims }
}

function* subjectOf(work: Work, section: Section): Steps<Matcher | undefined> {
  const { fields, pointer, label } = section
  if (fields.github_actions === undefined) return yield* exactlyOne(work, section, 'subject')
  const subject = yield* atMostOne(work, section, 'subject')
  const named = Object.keys(fields.github_actions).some((name) => NAMES_WHO.has(name))
  if (fields.subject === undefined && fields.subject_pattern === undefined && !named) {
    const message = `${label}github_actions without a subject names no repository, owner or workflow: any repository of GitHub may satisfy it`
    work.warnings.push({ pointer: `${pointer}/github_actions`, message })
  }
  return subject
}

function* exactlyOne(work: Work, section: Section, field: 'issuer' | 'subject'): Steps<Matcher | undefined> {
  const { fields, pointer, label } = section
  if (fields[field] === undefined && fields[`${field}_pattern`] === undefined) {
    refuse(work, pointer, `${label}${field} or ${field}_pattern is missing: exactly one of them must be given`)
  }
  return yield* atMostOne(work, section, field)
}

/** The exact value or the pattern of a field that may have either. */
export function* atMostOne<Field extends MatcherField>(
  work: Work,
  { fields, pointer, label }: Section<{ readonly [Name in Field | `${Field}_pattern`]?: string }>,
  field: Field,
): Steps<Matcher | undefined> {
  const exact = fields[field]
  const pattern = fields[`${field}_pattern`]
  const place = { pointer: `${pointer}/${field}_pattern`, field: `${label}${field}_pattern` }
  if (exact !== undefined && pattern !== undefined) {
    refuse(work, place.pointer, `${label}${field} and ${field}_pattern exclude each other: give only one of them`)
  }
  if (pattern !== undefined) return yield* patternMatcher(work, pattern, place)
  return exact === undefined ? undefined : exactly(exact)
}

type MatcherField = 'issuer' | 'subject' | 'audience' | 'app'

export const RULE_WORDS = Object.keys({
  issuer: true,
  issuer_pattern: true,
  subject: true,
  subject_pattern: true,
  audience: true,
  audience_pattern: true,
  claim_pattern: true,
  claims: true,
  forbidden_claims: true,
  github_actions: true,
} satisfies Record<RuleWord, true>) as readonly RuleWord[]

/** Claims of GitHub's that say whose workflow it is. */
const NAMES_WHO: ReadonlySet<string> = new Set([
  'repository',
  'repository_id',
  'repository_owner',
  'repository_owner_id',
  'enterprise',
  'enterprise_id',
  'environment_node_id',
  'workflow_ref',
  'job_workflow_ref',
  'actor_id',
])

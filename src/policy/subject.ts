import { type Claims, claimOf } from '../terms/claims.ts'
import { isMatched } from './effort.ts'
import type { Evaluated } from './evaluate.ts'
import type { EvaluationContext, RuleVerdict } from './evaluation.ts'
import { literalOf } from './pattern.ts'
import type { Alternative, ListMatcher, Matcher } from './trust-policy.ts'

/**
 * The subject rule, which knows GitHub's immutable subjects (`repo:org@OWNER_ID/repo@REPOSITORY_ID:…`): a policy that
 * names organization and repository only is also tried on the subject without the ids. That is allowed only where the name
 * cannot have been taken over by somebody else: the token's owner is the very account that is asked for, or the policy
 * pins the owner's or the repository's id. A subject that would match but for that is refused with `SUBJECT_HAS_IDS` and
 * the line that names it for good.
 */
export function subjectFailure(
  { subject, claims: rules }: SubjectRule,
  { claims, context, effort }: Evaluated,
): 'SUBJECT_MISMATCH' | 'SUBJECT_HAS_IDS' | undefined {
  if (isMatched(subject, claims.sub, effort)) return undefined
  const named = context.isGitHubIssuer(claims.iss) ? formsOf(claims)?.withoutIds : undefined
  if (named === undefined || !isMatched(subject, named, effort)) return 'SUBJECT_MISMATCH'
  return isOwnAccount(claims, context) || pinsAnId({ claims: rules }) ? undefined : 'SUBJECT_HAS_IDS'
}

export function subjectVerdict(rule: SubjectRule, pass: Evaluated): RuleVerdict {
  const { sub } = pass.claims
  const failure = subjectFailure(rule, pass)
  const verdict = { rule: 'subject', claim: 'sub', failure, expected: rule.subject.source, actual: sub } as const
  return failure === 'SUBJECT_HAS_IDS' ? { ...verdict, remedy: `subject: ${yamlText(sub)}` } : verdict
}

type SubjectRule = Pick<Alternative, 'claims'> & { readonly subject: Matcher }

/** The subject, and its other form where GitHub has two for it: for rules that forbid, which must not be evaded by either. */
export function subjectForms(claims: Claims, context: EvaluationContext): readonly string[] {
  const forms = context.isGitHubIssuer(claims.iss) ? formsOf(claims) : undefined
  return forms === undefined ? [claims.sub] : [claims.sub, forms.withIds, forms.withoutIds]
}

/**
 * The subject with the prefix `repo:owner@id/name@id:` and with `repo:owner/name:`, undefined when it has neither. Both are
 * built from signed claims and compared: `sub` is never split, because what it holds after the repository (an
 * environment's name, say) is chosen by whoever can write there.
 */
function formsOf(claims: Claims): { readonly withIds: string; readonly withoutIds: string } | undefined {
  const ownerId = claimOf(claims, 'repository_owner_id')
  const repositoryId = claimOf(claims, 'repository_id')
  const repository = claimOf(claims, 'repository')
  if (typeof repository !== 'string' || typeof ownerId !== 'string' || typeof repositoryId !== 'string')
    return undefined
  const [, owner, name] = OWNER_AND_NAME.exec(repository) ?? []
  if (owner === undefined || name === undefined || !ID.test(ownerId) || !ID.test(repositoryId)) return undefined

  const prefixes = [`repo:${owner}@${ownerId}/${name}@${repositoryId}:`, `repo:${owner}/${name}:`] as const
  const prefix = prefixes.find((start) => claims.sub.startsWith(start))
  if (prefix === undefined) return undefined
  const rest = claims.sub.slice(prefix.length)
  return { withIds: `${prefixes[0]}${rest}`, withoutIds: `${prefixes[1]}${rest}` }
}

function isOwnAccount(claims: Claims, { accountId }: EvaluationContext): boolean {
  return claimOf(claims, 'repository_owner_id') === String(accountId)
}

/**
 * A pin is a rule that ids alone satisfy: a value, a list of values, or a pattern that one id alone matches; `.*` or `1|2` is
 * none. Whether it holds is the claim rule's own verdict: both must, for the token to be allowed.
 */
export function pinsAnId({ claims }: Pick<Alternative, 'claims'>): boolean {
  return claims.some(
    ({ word, path: [name, ...deeper], value }) =>
      word !== 'forbidden_claims' && ID_CLAIMS.has(name) && deeper.length === 0 && textsOf(value).every(isId),
  )
}

function textsOf(value: Matcher | ListMatcher): readonly string[] {
  if (value.kind === 'list') return value.values
  return [value.kind === 'exact' ? value.source : (literalOf(value.source) ?? '')]
}

function isId(text: string): boolean {
  return ID.test(text)
}

/** The subject as a YAML scalar: plain where nothing in it means anything to YAML, else in JSON's quotes, which YAML shares. */
function yamlText(text: string): string {
  return PLAIN_SCALAR.test(text) ? text : JSON.stringify(text)
}

const OWNER_AND_NAME = /^([A-Za-z0-9_-]+)\/([A-Za-z0-9._-]+)$/
const ID = /^[0-9]+$/
const ID_CLAIMS: ReadonlySet<string> = new Set(['repository_owner_id', 'repository_id'])
const PLAIN_SCALAR = /^[A-Za-z][A-Za-z0-9@:/._-]*[A-Za-z0-9/_-]$/

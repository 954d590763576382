import type { Claims } from '../terms/claims.ts'
import type { Reason } from '../terms/denial.ts'
import { type ComparableValue, claimAt, comparable } from './claim-value.ts'
import { isMatched, isSpent } from './effort.ts'
import type { Evaluated } from './evaluate.ts'
import type { RuleKind, RuleVerdict } from './evaluation.ts'
import { LONGEST_MATCHED } from './pattern.ts'
import { subjectForms } from './subject.ts'
import type { ClaimRule, ClaimWord } from './trust-policy.ts'

/** Why a rule for one claim does not hold, under the meaning of its word (contract §4); undefined: it holds. */
export function claimFailure(rule: ClaimRule, pass: Evaluated): Reason | undefined {
  const found = claimOfRule(rule, pass.claims)
  return found === undefined ? ABSENT[rule.word] : JUDGES[rule.word](rule, found, pass)
}

export function claimVerdict(rule: ClaimRule, pass: Evaluated): RuleVerdict {
  return {
    rule: KINDS[rule.word],
    claim: rule.name,
    failure: claimFailure(rule, pass),
    expected: rule.value.source,
    actual: textOfClaim(rule, pass.claims),
  }
}

/** What the token has where the rule looks, as text or JSON; undefined when it has nothing there. */
export function textOfClaim(rule: ClaimRule, claims: Claims): string | undefined {
  const found = claimOfRule(rule, claims)
  return typeof found === 'string' ? found : JSON.stringify(found)
}

function claimOfRule({ word, path }: ClaimRule, { payload, exactPayload }: Claims): unknown {
  const isOfTheReference = word === 'claim_pattern' // to which a number is a number, however large
  return claimAt(isOfTheReference ? payload : (exactPayload ?? payload), path)
}

type Judge = (rule: ClaimRule, found: unknown, pass: Evaluated) => Reason | undefined

/** The word of the reference: texts, and booleans as `true` and `false`. */
const judgePattern: Judge = ({ value }, found, { effort }) => {
  if (typeof found !== 'string' && typeof found !== 'boolean') return 'CLAIM_NOT_TEXT'
  return isMatched(value, String(found), effort) ? undefined : 'CLAIM_MISMATCH'
}

const judgeAllowed: Judge = ({ value }, found, { effort }) => {
  if (typeof found === 'string') return isMatched(value, found, effort) ? undefined : 'CLAIM_MISMATCH'
  const { texts } = comparable(found)
  const looked = value.kind === 'pattern' ? texts.slice(0, ELEMENTS_LIMIT) : texts
  return looked.some((text) => isMatched(value, text, effort)) ? undefined : 'CLAIM_MISMATCH'
}

/** What can't be compared is taken for what is forbidden; else a long value or a long list would be the way around a rule. */
const judgeForbidden: Judge = ({ path, value }, found, { claims, context, effort }) => {
  const isSubject = path.length === 1 && path[0] === 'sub'
  const compared = isSubject ? { texts: subjectForms(claims, context), complete: true } : comparable(found)
  const seen = value.kind === 'pattern' ? isWithinLimits(compared) : compared.complete
  const holds = seen && !compared.texts.some((text) => isMatched(value, text, effort)) && !isSpent(effort)
  return holds ? undefined : 'CLAIM_FORBIDDEN'
}

function isWithinLimits({ texts, complete }: ComparableValue): boolean {
  return complete && texts.length <= ELEMENTS_LIMIT && texts.every((text) => text.length <= LONGEST_MATCHED)
}

const JUDGES = {
  claim_pattern: judgePattern,
  claims: judgeAllowed,
  github_actions: judgeAllowed,
  forbidden_claims: judgeForbidden,
} as const satisfies Record<ClaimWord, Judge>

const ABSENT = {
  claim_pattern: 'CLAIM_MISSING',
  claims: 'CLAIM_MISSING',
  github_actions: 'CLAIM_MISSING',
  forbidden_claims: undefined,
} as const satisfies Record<ClaimWord, Reason | undefined>

const KINDS = {
  claim_pattern: 'claim',
  claims: 'claim',
  github_actions: 'github_actions',
  forbidden_claims: 'forbidden_claim',
} as const satisfies Record<ClaimWord, RuleKind>

/** Elements of a list that a pattern is tried on: a token has room for eight thousand, and a policy for 400 patterns. */
const ELEMENTS_LIMIT = 1000

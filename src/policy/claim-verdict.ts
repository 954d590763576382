import type { Claims } from '../terms/claims.ts'
import type { Reason } from '../terms/denial.ts'
import { type ComparableValue, claimAt, comparable } from './claim-value.ts'
import type { EvaluationContext, RuleKind, RuleVerdict } from './evaluation.ts'
import { LONGEST_MATCHED } from './pattern.ts'
import { subjectForms } from './subject.ts'
import type { ClaimRule, ClaimWord } from './trust-policy.ts'

/** The verdict of a rule for one claim, under the meaning of its word (contract §4). */
export function claimVerdict(rule: ClaimRule, claims: Claims, context: EvaluationContext): RuleVerdict {
  const isOfTheReference = rule.word === 'claim_pattern' // to which a number is a number, however large
  const found = claimAt(isOfTheReference ? claims.payload : (claims.exactPayload ?? claims.payload), rule.path)
  return {
    rule: KINDS[rule.word],
    claim: rule.name,
    failure: found === undefined ? ABSENT[rule.word] : JUDGES[rule.word](rule, found, { claims, context }),
    expected: rule.value.source,
    actual: typeof found === 'string' ? found : JSON.stringify(found),
  }
}

type Judge = (
  rule: ClaimRule,
  found: unknown,
  evaluated: { readonly claims: Claims; readonly context: EvaluationContext },
) => Reason | undefined

/** The word of the reference: texts, and booleans as `true` and `false`. */
const judgePattern: Judge = ({ value }, found) => {
  if (typeof found !== 'string' && typeof found !== 'boolean') return 'CLAIM_NOT_TEXT'
  return value.matches(String(found)) ? undefined : 'CLAIM_MISMATCH'
}

const judgeAllowed: Judge = ({ value }, found) => {
  const { texts } = comparable(found)
  const looked = value.kind === 'pattern' ? texts.slice(0, ELEMENTS_LIMIT) : texts
  return looked.some((text) => value.matches(text)) ? undefined : 'CLAIM_MISMATCH'
}

/** What can't be compared is taken for what is forbidden; else a long value or a long list would be the way around a rule. */
const judgeForbidden: Judge = ({ path, value }, found, { claims, context }) => {
  const isSubject = path.length === 1 && path[0] === 'sub'
  const compared = isSubject ? { texts: subjectForms(claims, context), complete: true } : comparable(found)
  const seen = value.kind === 'pattern' ? isWithinLimits(compared) : compared.complete
  return seen && !compared.texts.some((text) => value.matches(text)) ? undefined : 'CLAIM_FORBIDDEN'
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

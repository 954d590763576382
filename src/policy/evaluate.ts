import { type Claims, claimOf } from '../terms/claims.ts'
import type { AlternativeVerdict, Evaluation, EvaluationContext, RuleVerdict } from './evaluation.ts'
import { subjectVerdict } from './subject.ts'
import type { Alternative, ClaimMatcher, Matcher, TrustPolicy } from './trust-policy.ts'

/**
 * Holds verified claims against a policy: all rules of one alternative must hold. Every rule is looked at, whatever the
 * ones before it said, so that the wire, the log and the command line explain from this one result.
 */
export function evaluate(policy: TrustPolicy, claims: Claims, context: EvaluationContext): Evaluation {
  const alternatives = policy.alternatives.map((alternative) => verdictOf(alternative, claims, context))
  return { allowed: alternatives.some(({ allowed }) => allowed), alternatives }
}

function verdictOf(alternative: Alternative, claims: Claims, context: EvaluationContext): AlternativeVerdict {
  const rules = [
    issuerVerdict(alternative.issuer, claims),
    subjectVerdict(alternative, claims, context),
    audienceVerdict(alternative.audience, claims, context),
    ...alternative.claims.map((claim) => claimVerdict(claim, claims)),
  ]
  return { allowed: rules.every(({ failure }) => failure === undefined), rules }
}

function issuerVerdict(issuer: Matcher, { iss }: Claims): RuleVerdict {
  const failure = issuer.matches(iss) ? undefined : 'ISSUER_MISMATCH'
  return { rule: 'issuer', claim: 'iss', failure, expected: issuer.source, actual: iss }
}

/** One audience of several is enough (RFC 7519 §4.1.3). */
function audienceVerdict(audience: Matcher | undefined, { aud }: Claims, { domain }: EvaluationContext): RuleVerdict {
  const holds = audience === undefined ? aud.includes(domain) : aud.some((value) => audience.matches(value))
  return {
    rule: 'audience',
    claim: 'aud',
    failure: holds ? undefined : 'AUDIENCE_MISMATCH',
    expected: audience?.source ?? domain,
    actual: aud.join(', '),
  }
}

function claimVerdict({ name, value: matcher }: ClaimMatcher, claims: Claims): RuleVerdict {
  const value = claimOf(claims, name)
  const verdict = { rule: 'claim', claim: name, expected: matcher.source } as const
  if (value === undefined) return { ...verdict, failure: 'CLAIM_MISSING', actual: undefined }
  if (typeof value !== 'string' && typeof value !== 'boolean') {
    return { ...verdict, failure: 'CLAIM_NOT_TEXT', actual: JSON.stringify(value) }
  }
  const actual = String(value)
  return { ...verdict, failure: matcher.matches(actual) ? undefined : 'CLAIM_MISMATCH', actual }
}

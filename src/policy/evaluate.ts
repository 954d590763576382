import type { Claims } from '../terms/claims.ts'
import { claimVerdict } from './claim-verdict.ts'
import type { AlternativeVerdict, Evaluation, EvaluationContext, RuleVerdict } from './evaluation.ts'
import { subjectVerdict } from './subject.ts'
import type { Alternative, Matcher, TrustPolicy } from './trust-policy.ts'

/**
 * Holds verified claims against a policy: all rules of one alternative must hold. Every rule is looked at, whatever the
 * ones before it said, so that the wire, the log and the command line explain from this one result. When the policy begins
 * and ends stands with each alternative, last: only who satisfies everything else learns of it.
 */
export function evaluate(policy: TrustPolicy, claims: Claims, context: EvaluationContext): Evaluation {
  const moments = momentVerdicts(policy, context)
  const alternatives = policy.alternatives.map((alternative) => verdictOf(alternative, claims, { context, moments }))
  return { allowed: alternatives.some(({ allowed }) => allowed), alternatives }
}

interface Evaluated {
  readonly context: EvaluationContext
  readonly moments: readonly RuleVerdict[]
}

function verdictOf(alternative: Alternative, claims: Claims, { context, moments }: Evaluated): AlternativeVerdict {
  const { issuer, subject, audience } = alternative
  const rules = [
    issuerVerdict(issuer, claims),
    ...(subject === undefined ? [] : [subjectVerdict({ ...alternative, subject }, claims, context)]),
    audienceVerdict(audience, claims, context),
    ...gitHubIssuerVerdict(alternative, claims, context),
    ...alternative.claims.map((claim) => claimVerdict(claim, claims, context)),
    ...moments,
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

/** What `github_actions` names means something in GitHub's own tokens alone: another issuer writes there what it likes. */
function gitHubIssuerVerdict(
  { claims }: Alternative,
  { iss }: Claims,
  { isGitHubIssuer }: EvaluationContext,
): readonly RuleVerdict[] {
  if (!claims.some(({ word }) => word === 'github_actions')) return []
  const failure = isGitHubIssuer(iss) ? undefined : 'GITHUB_ISSUER_REQUIRED'
  return [{ rule: 'github_actions', claim: 'iss', failure, expected: 'an issuer of GitHub Actions', actual: iss }]
}

function momentVerdicts({ notBefore, expires }: TrustPolicy, { nowMs }: EvaluationContext): readonly RuleVerdict[] {
  if (notBefore === undefined && expires === undefined) return []
  const moment = { claim: '', actual: new Date(nowMs).toISOString() } as const
  const verdicts: RuleVerdict[] = []
  if (notBefore !== undefined) {
    const failure = nowMs < notBefore.ms ? 'POLICY_NOT_YET_VALID' : undefined
    verdicts.push({ rule: 'not_before', ...moment, failure, expected: notBefore.source })
  }
  if (expires !== undefined) {
    const failure = nowMs >= expires.ms ? 'POLICY_EXPIRED' : undefined
    verdicts.push({ rule: 'expires', ...moment, failure, expected: expires.source })
  }
  return verdicts
}

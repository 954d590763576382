import type { Claims } from '../terms/claims.ts'
import type { Reason } from '../terms/denial.ts'
import { claimFailure, claimVerdict } from './claim-verdict.ts'
import { beginEffort, type Effort, isMatched } from './effort.ts'
import type { AlternativeVerdict, Evaluation, EvaluationContext, RuleVerdict } from './evaluation.ts'
import { subjectFailure, subjectVerdict } from './subject.ts'
import type { Alternative, Instant, Matcher, TrustPolicy } from './trust-policy.ts'

/** What one pass over a policy goes by. */
export interface Evaluated {
  readonly claims: Claims
  readonly context: EvaluationContext
  readonly effort: Effort
}

/**
 * Holds verified claims against a policy: all rules of one alternative must hold. Verdicts of every rule, whatever the ones
 * before it said, are made only when somebody asks for them, so that the wire, the log and the command line explain from
 * this one result. When the policy begins and ends stands with each alternative, last: only who satisfies everything else
 * learns of it. What a pass costs is bounded: rules that come after that fail.
 */
export function evaluate(policy: TrustPolicy, claims: Claims, context: EvaluationContext): Evaluation {
  const pass = { claims, context, effort: beginEffort() }
  let verdicts: readonly AlternativeVerdict[] | undefined
  return {
    allowed: isTime(policy, context) && policy.alternatives.some((alternative) => holds(alternative, pass)),
    get alternatives() {
      verdicts ??= verdictsOf(policy, { claims, context, effort: beginEffort() })
      return verdicts
    },
  }
}

/** The same rules as in `verdictOf`, up to the first that fails. */
function holds(alternative: Alternative, pass: Evaluated): boolean {
  const { issuer, subject, audience, claims } = alternative
  return (
    issuerFailure(issuer, pass) === undefined &&
    (subject === undefined || subjectFailure({ subject, claims }, pass) === undefined) &&
    audienceFailure(audience, pass) === undefined &&
    gitHubIssuerFailure(alternative, pass) === undefined &&
    claims.every((claim) => claimFailure(claim, pass) === undefined)
  )
}

function isTime({ notBefore, expires }: TrustPolicy, { nowMs }: EvaluationContext): boolean {
  return earlyFailure(notBefore, nowMs) === undefined && lateFailure(expires, nowMs) === undefined
}

function verdictsOf(policy: TrustPolicy, pass: Evaluated): readonly AlternativeVerdict[] {
  const moments = momentVerdicts(policy, pass.context)
  return policy.alternatives.map((alternative) => verdictOf(alternative, moments, pass))
}

function verdictOf(alternative: Alternative, moments: readonly RuleVerdict[], pass: Evaluated): AlternativeVerdict {
  const { issuer, subject, audience } = alternative
  const rules = [
    issuerVerdict(issuer, pass),
    ...(subject === undefined ? [] : [subjectVerdict({ subject, claims: alternative.claims }, pass)]),
    audienceVerdict(audience, pass),
    ...gitHubIssuerVerdict(alternative, pass),
    ...alternative.claims.map((claim) => claimVerdict(claim, pass)),
    ...moments,
  ]
  return { allowed: rules.every(({ failure }) => failure === undefined), rules }
}

function issuerFailure(issuer: Matcher, { claims, effort }: Evaluated): Reason | undefined {
  return isMatched(issuer, claims.iss, effort) ? undefined : 'ISSUER_MISMATCH'
}

function issuerVerdict(issuer: Matcher, pass: Evaluated): RuleVerdict {
  const failure = issuerFailure(issuer, pass)
  return { rule: 'issuer', claim: 'iss', failure, expected: issuer.source, actual: pass.claims.iss }
}

/** One audience of several is enough (RFC 7519 §4.1.3). */
function audienceFailure(audience: Matcher | undefined, { claims, context, effort }: Evaluated): Reason | undefined {
  const { aud } = claims
  const holds =
    audience === undefined ? aud.includes(context.domain) : aud.some((value) => isMatched(audience, value, effort))
  return holds ? undefined : 'AUDIENCE_MISMATCH'
}

function audienceVerdict(audience: Matcher | undefined, pass: Evaluated): RuleVerdict {
  const expected = audience?.source ?? pass.context.domain
  const failure = audienceFailure(audience, pass)
  return { rule: 'audience', claim: 'aud', failure, expected, actual: pass.claims.aud.join(', ') }
}

/** What `github_actions` names means something in GitHub's own tokens alone: another issuer writes there what it likes. */
function gitHubIssuerFailure(alternative: Alternative, { claims, context }: Evaluated): Reason | undefined {
  return !asksForGitHub(alternative) || context.isGitHubIssuer(claims.iss) ? undefined : 'GITHUB_ISSUER_REQUIRED'
}

function gitHubIssuerVerdict(alternative: Alternative, pass: Evaluated): readonly RuleVerdict[] {
  if (!asksForGitHub(alternative)) return []
  const failure = gitHubIssuerFailure(alternative, pass)
  const { iss } = pass.claims
  return [{ rule: 'github_actions', claim: 'iss', failure, expected: 'an issuer of GitHub Actions', actual: iss }]
}

export function asksForGitHub({ claims }: Alternative): boolean {
  return claims.some(({ word }) => word === 'github_actions')
}

function earlyFailure(notBefore: Instant | undefined, nowMs: number): Reason | undefined {
  return notBefore !== undefined && nowMs < notBefore.ms ? 'POLICY_NOT_YET_VALID' : undefined
}

function lateFailure(expires: Instant | undefined, nowMs: number): Reason | undefined {
  return expires !== undefined && nowMs >= expires.ms ? 'POLICY_EXPIRED' : undefined
}

function momentVerdicts({ notBefore, expires }: TrustPolicy, { nowMs }: EvaluationContext): readonly RuleVerdict[] {
  if (notBefore === undefined && expires === undefined) return []
  const moment = { claim: '', actual: new Date(nowMs).toISOString() } as const
  const verdicts: RuleVerdict[] = []
  if (notBefore !== undefined) {
    const failure = earlyFailure(notBefore, nowMs)
    verdicts.push({ rule: 'not_before', ...moment, failure, expected: notBefore.source })
  }
  if (expires !== undefined) {
    const failure = lateFailure(expires, nowMs)
    verdicts.push({ rule: 'expires', ...moment, failure, expected: expires.source })
  }
  return verdicts
}

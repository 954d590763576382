import type { Claims } from '../terms/claims.ts'
import type { Reason } from '../terms/denial.ts'
import { finish, type Steps } from '../terms/steps.ts'
import { claimFailure, claimVerdict } from './claim-verdict.ts'
import { beginEffort, beginRule, type Effort, isMatched } from './effort.ts'
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
 * before it said, are made of a token that is refused, and of another when somebody asks for them, so that the wire, the log
 * and the command line explain from this one result. When the policy begins and ends stands with each alternative, last: only who satisfies everything else
 * learns of it. What a pass costs is bounded: rules that come after that fail. A step is a few rules.
 */
export function* evaluation(policy: TrustPolicy, claims: Claims, context: EvaluationContext): Steps<Evaluation> {
  const effort = beginEffort()
  if (isTime(policy, context) && (yield* anyHolds(policy.alternatives, { claims, context, effort })))
    return new Allowed(policy, claims, context)
  if (beginRule(effort)) yield
  return { allowed: false, alternatives: yield* verdictsOf(policy, { claims, context, effort: beginEffort() }) }
}

/** Nobody may ask why a token is allowed. */
class Allowed implements Evaluation {
  readonly allowed = true
  readonly #policy: TrustPolicy
  readonly #claims: Claims
  readonly #context: EvaluationContext
  #alternatives: Evaluation['alternatives'] | undefined

  constructor(policy: TrustPolicy, claims: Claims, context: EvaluationContext) {
    this.#policy = policy
    this.#claims = claims
    this.#context = context
  }

  get alternatives(): Evaluation['alternatives'] {
    const pass = { claims: this.#claims, context: this.#context, effort: beginEffort() }
    this.#alternatives ??= finish(verdictsOf(this.#policy, pass))
    return this.#alternatives
  }
}

/** The same at once. */
export function evaluate(policy: TrustPolicy, claims: Claims, context: EvaluationContext): Evaluation {
  return finish(evaluation(policy, claims, context))
}

function* anyHolds(alternatives: readonly Alternative[], pass: Evaluated): Steps<boolean> {
  for (const alternative of alternatives) if (yield* holds(alternative, pass)) return true
  return false
}

/** The same rules as in `verdictOf`, up to the first that fails. */
function* holds(alternative: Alternative, pass: Evaluated): Steps<boolean> {
  const { issuer, subject, audience, claims } = alternative
  const { effort } = pass
  if (beginRule(effort)) yield
  if (issuerFailure(issuer, pass) !== undefined) return false
  if (beginRule(effort)) yield
  if (subject !== undefined && subjectFailure({ subject, claims }, pass) !== undefined) return false
  if (beginRule(effort)) yield
  if (audienceFailure(audience, pass) !== undefined) return false
  if (gitHubIssuerFailure(alternative, pass) !== undefined) return false
  for (const claim of claims) {
    if (beginRule(effort)) yield
    if (claimFailure(claim, pass) !== undefined) return false
  }
  return true
}

function isTime({ notBefore, expires }: TrustPolicy, { nowMs }: EvaluationContext): boolean {
  return earlyFailure(notBefore, nowMs) === undefined && lateFailure(expires, nowMs) === undefined
}

function* verdictsOf(policy: TrustPolicy, pass: Evaluated): Steps<readonly AlternativeVerdict[]> {
  const moments = momentVerdicts(policy, pass.context)
  const verdicts: AlternativeVerdict[] = []
  for (const alternative of policy.alternatives) verdicts.push(yield* verdictOf(alternative, moments, pass))
  return verdicts
}

function* verdictOf(
  alternative: Alternative,
  moments: readonly RuleVerdict[],
  pass: Evaluated,
): Steps<AlternativeVerdict> {
  const { issuer, subject, audience, claims } = alternative
  const { effort } = pass
  if (beginRule(effort)) yield
  const rules = [issuerVerdict(issuer, pass)]
  if (beginRule(effort)) yield
  if (subject !== undefined) rules.push(subjectVerdict({ subject, claims }, pass))
  if (beginRule(effort)) yield
  rules.push(audienceVerdict(audience, pass), ...gitHubIssuerVerdict(alternative, pass))
  for (const claim of claims) {
    if (beginRule(effort)) yield
    rules.push(claimVerdict(claim, pass))
  }
  rules.push(...moments)
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

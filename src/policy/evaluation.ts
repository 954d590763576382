import type { Reason } from '../terms/denial.ts'

/** What an evaluation knows beside the policy and the claims. */
export interface EvaluationContext {
  /** The audience of a policy that names none. */
  readonly domain: string
  /** GitHub's numeric id of the account whose installation is asked for. */
  readonly accountId: number
  /** True for the issuers of GitHub Actions: github.com's, an enterprise's, ghe.com's, and those the operator marks. */
  readonly isGitHubIssuer: (issuer: string) => boolean
  /** Milliseconds since 1970, for policies that begin or end. */
  readonly nowMs: number
}

export interface Evaluation {
  readonly allowed: boolean
  /**
   * Every rule of the policy with its verdict, in the order in which they are looked at; none is skipped after a failure.
   * Of a token that is allowed they are put together when they are first asked for: nobody may ask.
   */
  readonly alternatives: readonly AlternativeVerdict[]
}

export interface AlternativeVerdict {
  readonly allowed: boolean
  readonly rules: readonly RuleVerdict[]
}

/** The kinds of rules, in the order in which they are looked at. */
export type RuleKind =
  | 'issuer'
  | 'subject'
  | 'audience'
  | 'claim'
  | 'github_actions'
  | 'forbidden_claim'
  | 'not_before'
  | 'expires'

export interface RuleVerdict {
  readonly rule: RuleKind
  /** The claim the rule looks at: `iss`, `sub`, `aud`, or a name of the policy; empty for `not_before` and `expires`. */
  readonly claim: string
  /** undefined: the rule held. */
  readonly failure: Reason | undefined
  /** What the policy demands, as it is written there. */
  readonly expected: string
  /** What the token has, as text or JSON; undefined when it has no such claim. For a moment: the time of the evaluation. */
  readonly actual: string | undefined
  /** For `SUBJECT_HAS_IDS`: the line that, pasted into the policy, would match this subject for good. */
  readonly remedy?: string
}

import type { Permissions } from '../terms/permissions.ts'

/**
 * Where a policy was read decides what it may say: `organization` for one in the organization's policy repository
 * (it may name `repositories`), `repository` for one in any other.
 */
export type PolicyKind = 'repository' | 'organization'

/** A trust policy, checked and compiled: ready to be evaluated without parsing or I/O. */
export interface TrustPolicy {
  readonly kind: PolicyKind
  /** One alternative is enough. A policy of the reference is one alternative. */
  readonly alternatives: readonly [Alternative, ...Alternative[]]
  readonly permissions: Permissions
  /** Names without their owner, or undefined when the policy names none (never empty). */
  readonly repositories: readonly [string, ...string[]] | undefined
  /** The App that must mint, by slug or id; undefined when any may. */
  readonly app: Matcher | undefined
  /** Faults that do not make the policy invalid: for the log, and later the lint command and the webhook. */
  readonly warnings: readonly Finding[]
}

export interface Alternative {
  readonly issuer: Matcher
  readonly subject: Matcher
  /** undefined: the audience is the STS domain. */
  readonly audience: Matcher | undefined
  /** In the order of the file. */
  readonly claims: readonly ClaimMatcher[]
}

export interface ClaimMatcher {
  readonly name: string
  readonly value: Matcher
}

/** A compiled test of one value: an exact text, or an RE2 pattern that must match the whole of it. */
export interface Matcher {
  readonly kind: 'exact' | 'pattern'
  /** As it is written in the policy. */
  readonly source: string
  matches(value: string): boolean
}

/** One remark on a policy file. `line` and `column` count from 1 and are absent for what has no place. */
export interface Finding {
  readonly message: string
  /** The field, as a JSON Pointer (RFC 6901). */
  readonly pointer: string
  readonly line?: number
  readonly column?: number
}

/** What came of a policy's text. `stage` tells a file that is no YAML of the right shape from one whose rules do not hold. */
export type Compilation =
  | { readonly ok: true; readonly policy: TrustPolicy }
  | { readonly ok: false; readonly stage: 'parse' | 'compile'; readonly findings: readonly [Finding, ...Finding[]] }

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
  /** Match names of repositories that are reached beside `repositories`; undefined when there are none. */
  readonly repositoryPatterns: readonly [Matcher, ...Matcher[]] | undefined
  /** The policy grants nothing before this moment, and nothing from `expires` on; undefined: no such bound. */
  readonly notBefore: Instant | undefined
  readonly expires: Instant | undefined
  /** For how long after its exchange a token may be refreshed; undefined: not at all. */
  readonly refresh: { readonly maxAgeMs: number } | undefined
  /** Each subject token is traded once at most for this policy. */
  readonly singleUse: boolean
  /** The App that must mint, by slug or id; undefined when any may. */
  readonly app: Matcher | undefined
  /** The permissions by which its token can rewrite the policy itself. */
  readonly selfWrite: readonly string[]
  /** Faults that do not make the policy invalid: for the log, and later the lint command and the webhook. */
  readonly warnings: readonly Finding[]
}

/** A moment as it is written in the policy (RFC 3339), and in milliseconds since 1970. */
export interface Instant {
  readonly source: string
  readonly ms: number
}

/** All of it must hold. */
export interface Alternative {
  readonly issuer: Matcher
  /** undefined: `github_actions` says whom the token is about. */
  readonly subject: Matcher | undefined
  /** undefined: the audience is the STS domain. */
  readonly audience: Matcher | undefined
  /** Word by word, each in the order of the file. */
  readonly claims: readonly ClaimRule[]
}

export type ClaimWord = 'claim_pattern' | 'claims' | 'github_actions' | 'forbidden_claims'

/** What one claim must be, or under `forbidden_claims` must not be. */
export interface ClaimRule {
  readonly word: ClaimWord
  /** As it is written in the policy: a claim's name, or a JSON Pointer. */
  readonly name: string
  /** The names of members, and indices of lists, that lead from the claims to the value. */
  readonly path: readonly [string, ...string[]]
  readonly value: Matcher | ListMatcher
}

/** A compiled test of one value: an exact text, or an RE2 pattern that must match the whole of it. */
export interface Matcher {
  readonly kind: 'exact' | 'pattern'
  /** As it is written in the policy. */
  readonly source: string
  /** What a match costs for each character, in instructions; 0 for a comparison. */
  readonly size: number
  matches(value: string): boolean
}

/** A compiled list of allowed values. */
export interface ListMatcher {
  readonly kind: 'list'
  /** The list as JSON. */
  readonly source: string
  readonly size: 0
  readonly values: readonly string[]
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

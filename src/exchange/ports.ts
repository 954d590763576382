import type { Compilation, Matcher, PolicyKind } from '../policy/trust-policy.ts'
import type { TrustedIssuers } from '../policy/trusted-issuers.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import type { Claims } from '../terms/claims.ts'
import type { Permissions } from '../terms/permissions.ts'
import type { Steps } from '../terms/steps.ts'
import type { SubjectToken } from '../terms/subject-token.ts'
import type { Tracer } from '../terms/tracer.ts'
import type { ExchangeRecord } from './record.ts'
import type { RefreshTokenSeal } from './refresh-token.ts'
import type { Affinities, RefreshFamilies, Reservations, RevocationMarks } from './stores.ts'

/**
 * What the exchange needs from the world. Each call refuses with a Denial, and ends with the signal: an edge never
 * waits longer than its own limits, and never fails shared work because one of its callers left.
 */
export interface ExchangePorts {
  readonly verify: Verify
  readonly findInstallation: FindInstallation
  readonly loadTrustedIssuers: LoadTrustedIssuers
  readonly loadPolicy: LoadPolicy
  readonly chooseInstallation: ChooseInstallation
  /** True where several Apps serve the owner. Refuses `APP_NOT_CONFIGURED`. */
  readonly isPooled: (owner: string) => boolean
  readonly listRepositories: ListRepositories
  readonly mint: Mint
  readonly revoke: Revoke
  readonly remember: Remember
  readonly takeTurns: TakeTurns
  readonly clock: Clock
  readonly tracer: Tracer
  readonly families: RefreshFamilies
  readonly marks: RevocationMarks
  /** Undefined where no store sees every exchange. */
  readonly reservations: Reservations | undefined
  readonly affinities: Affinities
  readonly seal: RefreshTokenSeal
  /** 128 random bits, base64url. */
  readonly newFamily: () => string
}

/** Does work of the core in steps, with others' turns between them, while the signal does not end it. */
export type TakeTurns = <Result>(steps: Steps<Result>, signal: Cancellation) => Result | Promise<Result>

/**
 * Proves a subject token: issuer's keys, algorithm, signature, time claims. `oidc` implements it. Like the other ports that
 * an exchange always needs, it answers at once, and refuses by throwing, where it need not wait: most exchanges then wait
 * for nothing but their mint.
 */
export type Verify = (token: SubjectToken, signal: Cancellation) => Claims | Promise<Claims>

/**
 * The App's installation for an owner. Refuses `APP_NOT_CONFIGURED`, `APP_NOT_INSTALLED`, `INSTALLATION_SUSPENDED`, `GITHUB_*`.
 * As with the other look-ups, what is known and fresh is answered at once; a Denial may be thrown at once, too.
 */
export type FindInstallation = (owner: string, signal: Cancellation) => Installation | Promise<Installation>

export interface Installation {
  readonly id: number
  readonly account: { readonly id: number; readonly login: string; readonly type: 'Organization' | 'User' }
  readonly app: { readonly id: number; readonly slug: string }
}

/**
 * The organization's list of trusted issuers, from its policy repository. What is known and fresh is answered at once, so
 * that nothing later is begun for an issuer that it refuses. Refuses `TRUSTED_ISSUERS_INVALID`,
 * `TRUSTED_ISSUERS_FORBIDDEN`, `GITHUB_RATE_LIMITED`, `GITHUB_UNAVAILABLE`.
 */
export type LoadTrustedIssuers = (
  request: TrustedIssuersRequest,
  signal: Cancellation,
) => TrustedIssuersAnswer | Promise<TrustedIssuersAnswer>

export interface TrustedIssuersRequest {
  readonly installation: Installation
  readonly owner: string
  /** The organization's policy repository. */
  readonly repository: string
  /** The repository whose policy is read beside it: one reader token can serve both. */
  readonly beside: string
}

export type TrustedIssuersAnswer =
  /** `unreadable`: no App of the owner's was given the policy repository. */
  | { readonly kind: 'absent'; readonly unreadable: boolean }
  | { readonly kind: 'list'; readonly list: TrustedIssuers; readonly sha: string; readonly stale: boolean }

/** The policy file of an identity, from the default branch. Refuses `POLICY_NOT_FOUND`, `REPOSITORY_*`, `GITHUB_*`, … */
export type LoadPolicy = (request: PolicyRequest, signal: Cancellation) => PolicyFile | Promise<PolicyFile>

export interface PolicyRequest {
  readonly installation: Installation
  readonly owner: string
  /** The repository that holds the policy. */
  readonly repository: string
  readonly identity: string
  readonly kind: PolicyKind
}

export interface PolicyFile {
  /** The installation it was read with: a newer one than was asked for when that was gone. */
  readonly installation: Installation
  readonly path: string
  /** The Git blob's SHA-1. */
  readonly sha: string
  /** True when GitHub could not be asked and the last good answer was used. */
  readonly stale: boolean
  readonly compilation: Compilation
}

/**
 * The installation that is to mint, of those Apps of the owner that a policy's pin allows: `preferred` when it is one of
 * them, else the one with the most quota left. Refuses `POLICY_APP_UNAVAILABLE`, `APP_NOT_INSTALLED`, `GITHUB_*`, …
 */
export type ChooseInstallation = (
  choice: InstallationChoice,
  signal: Cancellation,
) => Installation | Promise<Installation>

export interface InstallationChoice {
  /** The one that the policy was read with: whichever is chosen is of the same account. */
  readonly installation: Installation
  readonly owner: string
  /** By slug or id; undefined: any. */
  readonly app: Matcher | undefined
  /** An App's id: the one that minted for this caller before. */
  readonly preferred: number | undefined
}

/**
 * The names, as GitHub spells them, of all repositories that the installation reaches; up to five minutes old, and asked
 * for anew after a mint was refused with `MINT_REPOSITORY_NOT_SELECTED`. Refuses
 * `REPOSITORIES_TOO_MANY`, `APP_NOT_INSTALLED`, `INSTALLATION_SUSPENDED`, `GITHUB_*`, …
 */
export type ListRepositories = (
  installation: Installation,
  signal: Cancellation,
) => readonly string[] | Promise<readonly string[]>

/** One new installation token for this grant alone: never shared, never cached. Refuses `MINT_*`, `GITHUB_*`, … */
export type Mint = (grant: Grant, signal: Cancellation) => Promise<InstallationToken>

export interface Grant {
  /** The mint moves on to another App's when this one is limited, suspended or gone, and the pin allows it. */
  readonly installation: Installation
  /** The App that must mint, by slug or id; undefined: any. */
  readonly app?: Matcher | undefined
  /** The installation's App made what the token is to change: where another try can help, no other mints instead. */
  readonly isKept?: boolean | undefined
  /** As asked for, in the caller's spelling. */
  readonly owner: string
  /** Names without owner; `all` is everything the installation has. */
  readonly repositories: readonly [string, ...string[]] | 'all'
  readonly permissions: Permissions
}

export interface InstallationToken {
  readonly token: string
  readonly expiresAt: Date
  readonly installationId: number
  readonly appId: number
}

/** Gives up a token that will not reach its caller; returns at once, and never fails. */
export type Revoke = (token: InstallationToken) => void

/** Takes the account of one exchange, success or failure; returns at once, and never fails. */
export type Remember = (record: ExchangeRecord) => void

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds from an arbitrary start, never stepping back. */
  monotonic(): number
}

import type { Evaluation } from '../policy/evaluation.ts'
import type { TrustPolicy } from '../policy/trust-policy.ts'
import type { Claims } from '../terms/claims.ts'
import type { Denial, Reason } from '../terms/denial.ts'
import type { Permissions } from '../terms/permissions.ts'
import type { Tracer } from '../terms/tracer.ts'
import type { Clock, Installation } from './ports.ts'

/** The steps of an exchange, in their order. */
export type Step = 'verify' | 'installation' | 'trusted_issuers' | 'policy' | 'evaluate' | 'repositories' | 'mint'

/**
 * What is remembered of one exchange. It never holds the subject token, the installation token or a key: of the token
 * that was issued it has the SHA-256. Scope and identity are as the caller sent them, so they must be encoded.
 */
export interface ExchangeRecord {
  readonly kind: 'exchange' | 'refresh'
  readonly requestId: string
  readonly protocol: 'grpc' | 'http'
  readonly userAgent: string
  readonly startedAt: Date
  /** Milliseconds. */
  readonly durationMs: number
  /** Milliseconds of each step that was begun. */
  readonly steps: ReadonlyMap<Step, number>
  readonly scope: string
  readonly identity: string
  /** Only of a verified token. */
  readonly claims: Claims | undefined
  readonly installation: Installation | undefined
  readonly policy:
    | { readonly path: string; readonly repository: string; readonly sha: string; readonly stale: boolean }
    | undefined
  /** What that file says, once it was found to be valid. */
  readonly trustPolicy: TrustPolicy | undefined
  readonly evaluation: Evaluation | undefined
  /** What the organization's list of trusted issuers says of the token's issuer; undefined before it was looked at. */
  readonly issuerAllowlist: IssuerAllowlist | undefined
  /** Permissions of a repository's own policy by which its token can rewrite the policy; undefined: none. */
  readonly selfWrite: readonly string[] | undefined
  /** The App that the caller's tokens stay with, where they must stay with one; `lost`: the store could not say. */
  readonly affinity: { readonly appId: number } | { readonly lost: Reason } | undefined
  readonly grant: { readonly repositories: readonly string[] | 'all'; readonly permissions: Permissions } | undefined
  /** Hexadecimal and base64 of the SHA-256 of the installation token, and its end. */
  readonly issued: { readonly sha256Hex: string; readonly sha256Base64: string; readonly expiresAt: Date } | undefined
  /** Of refreshing: the family and generation, or why no refresh token was given. Undefined where the policy wants none. */
  readonly refresh: { readonly family: string; readonly generation: number } | { readonly withheld: string } | undefined
  /** Why it was refused; undefined when a token was issued. */
  readonly denial: Denial | undefined
}

/**
 * `absent`: there is no list, so that every issuer is allowed unless the operator requires one. `unknown`: there may be one,
 * and it is invalid or could not be had; the reason of the refusal says which.
 */
export interface IssuerAllowlist {
  readonly mode: 'enforce' | 'audit' | 'absent' | 'unknown'
  readonly allowed: boolean
  readonly iss: string
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** A record that is being written while its exchange runs. */
export interface OpenRecord
  extends Mutable<Omit<ExchangeRecord, 'durationMs' | 'steps' | 'startedAt' | 'denial' | 'issued'>> {
  issued: ExchangeRecord['issued']
  time<T>(step: Step, work: () => Promise<T> | T): Promise<T>
  close(denial: Denial | undefined): ExchangeRecord
}

export function openRecord(
  about: Pick<ExchangeRecord, 'kind' | 'requestId' | 'protocol' | 'userAgent' | 'scope' | 'identity'>,
  { clock, tracer }: { readonly clock: Clock; readonly tracer: Tracer },
): OpenRecord {
  const startedAt = new Date(clock.now())
  const start = clock.monotonic()
  const steps = new Map<Step, number>()
  return {
    ...about,
    claims: undefined,
    installation: undefined,
    policy: undefined,
    trustPolicy: undefined,
    evaluation: undefined,
    issuerAllowlist: undefined,
    selfWrite: undefined,
    affinity: undefined,
    grant: undefined,
    issued: undefined,
    refresh: undefined,
    async time(step, work) {
      const begin = clock.monotonic()
      try {
        return await tracer.span(step, work)
      } finally {
        steps.set(step, clock.monotonic() - begin)
      }
    },
    close(denial) {
      const { time: _time, close: _close, ...record } = this
      return { ...record, startedAt, durationMs: clock.monotonic() - start, steps, denial }
    },
  }
}

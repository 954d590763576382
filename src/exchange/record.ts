import type { Evaluation } from '../policy/evaluation.ts'
import type { TrustPolicy } from '../policy/trust-policy.ts'
import type { Claims } from '../terms/claims.ts'
import type { Denial, Reason } from '../terms/denial.ts'
import type { Permissions } from '../terms/permissions.ts'
import type { Tracer } from '../terms/tracer.ts'
import type { Clock, Installation } from './ports.ts'
import type { Caller } from './request.ts'

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
  readonly steps: Iterable<readonly [Step, number]>
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

/** Of which exchange a record is. */
export interface About extends Pick<ExchangeRecord, 'kind' | 'scope' | 'identity'> {
  readonly caller: Pick<Caller, 'requestId' | 'protocol' | 'userAgent'>
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** A record that is being written while its exchange runs: one object from the first word to the last, made per exchange. */
export class OpenRecord implements Mutable<ExchangeRecord> {
  kind: ExchangeRecord['kind']
  requestId: string
  protocol: ExchangeRecord['protocol']
  userAgent: string
  startedAt: Date
  durationMs = 0
  readonly steps: (readonly [Step, number])[] = []
  scope: string
  identity: string
  claims: ExchangeRecord['claims'] = undefined
  installation: ExchangeRecord['installation'] = undefined
  policy: ExchangeRecord['policy'] = undefined
  trustPolicy: ExchangeRecord['trustPolicy'] = undefined
  evaluation: ExchangeRecord['evaluation'] = undefined
  issuerAllowlist: ExchangeRecord['issuerAllowlist'] = undefined
  selfWrite: ExchangeRecord['selfWrite'] = undefined
  affinity: ExchangeRecord['affinity'] = undefined
  grant: ExchangeRecord['grant'] = undefined
  issued: ExchangeRecord['issued'] = undefined
  refresh: ExchangeRecord['refresh'] = undefined
  denial: ExchangeRecord['denial'] = undefined
  readonly #clock: Clock
  readonly #tracer: Tracer
  readonly #start: number

  constructor({ kind, scope, identity, caller }: About, { clock, tracer }: RecordNeeds) {
    this.kind = kind
    this.requestId = caller.requestId
    this.protocol = caller.protocol
    this.userAgent = caller.userAgent
    this.scope = scope
    this.identity = identity
    this.startedAt = new Date(clock.now())
    this.#clock = clock
    this.#tracer = tracer
    this.#start = clock.monotonic()
  }

  /** Does a step, and writes down how long it took; a step that waits for nothing is done when this returns. */
  time<T>(step: Step, work: () => T): T {
    const begin = this.#clock.monotonic()
    let result: T
    try {
      result = this.#tracer.span(step, work)
    } catch (error) {
      this.#note(step, begin)
      throw error
    }
    if (result instanceof Promise) {
      const note = () => this.#note(step, begin)
      result.then(note, note)
    } else this.#note(step, begin)
    return result
  }

  #note(step: Step, begin: number): void {
    this.steps.push([step, this.#clock.monotonic() - begin])
  }

  /** The last word: undefined when a token was issued. */
  close(denial: Denial | undefined): ExchangeRecord {
    this.denial = denial
    this.durationMs = this.#clock.monotonic() - this.#start
    return this
  }
}

export interface RecordNeeds {
  readonly clock: Clock
  readonly tracer: Tracer
}

import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import type { Permissions } from '../terms/permissions.ts'
import { TOKEN_LIMIT_BYTES } from '../terms/subject-token.ts'
import type { TraceContext } from '../terms/tracer.ts'

/** One call of Exchange as the wire received it, whatever its protocol: nothing is checked yet. */
export interface ExchangeRequest {
  /** The value of each `authorization` entry, in order; a repeated header is two entries. */
  readonly authorization: readonly string[]
  /** Deprecated by `scopes`, and its fallback; empty when absent. */
  readonly scope: string
  readonly scopes: readonly string[]
  readonly identity: string
  /** `permission:level` narrows the token; entries without a colon are ignored. */
  readonly cap: readonly string[]
}

/** Who calls, and for how long the answer is of use. */
export interface Caller {
  readonly requestId: string
  readonly protocol: 'grpc' | 'http'
  readonly userAgent: string
  /** Aborts, with a Denial as its reason, when the caller has left or the deadline has passed. */
  readonly signal: Cancellation
  /** The trace that the caller is in, where it named one. */
  readonly trace?: TraceContext | undefined
}

/** One call of ExchangeRefreshToken. */
export interface RefreshRequest {
  /** As for an exchange; the token is a refresh token. */
  readonly authorization: readonly string[]
  /** When given, it must be the scope of the refresh token. */
  readonly scope: string
  readonly scopes: readonly string[]
  /** Narrows this token and all that the family will get. */
  readonly cap: readonly string[]
}

/** A token on its way to its caller. */
export interface Issued {
  readonly token: string
  readonly expiresAt: Date
  /** What was granted. */
  readonly permissions: Permissions
  /** Where the trust policy allows refreshing. */
  readonly refreshToken?: IssuedRefreshToken | undefined
  /** To be called when the answer could not be delivered: the token is revoked. */
  abandon(): void
}

export interface IssuedRefreshToken {
  readonly token: string
  /** The end of its family, whatever is refreshed. */
  readonly expiresAt: Date
}

export type Refreshed = Issued & { readonly refreshToken: IssuedRefreshToken }

/** Refuses with a Denial; any other error is a defect. */
export type Refresh = (request: RefreshRequest, caller: Caller) => Promise<Refreshed>

/** Refuses with a Denial; any other error is a defect. */
export type Exchange = (request: ExchangeRequest, caller: Caller) => Promise<Issued>

/** The one scope of a request: `scopes` with one entry wins over `scope`. Refuses more with `SCOPES_MULTIPLE`. */
export function scopeOf({ scope, scopes }: Pick<ExchangeRequest, 'scope' | 'scopes'>): string {
  if (scopes.length > 1) {
    throw new Denial('SCOPES_MULTIPLE', 'multiple scopes not supported: ask for one scope at a time', {
      field: 'scopes',
    })
  }
  return scopes[0] ?? scope
}

/** The token of the one `Authorization: Bearer` entry (RFC 6750 §2.1; the scheme in any case). `kind` is what it should be. */
export function bearerOf(
  authorization: readonly string[],
  kind: 'OIDC token' | 'refresh token' = 'OIDC token',
): string {
  const [value, ...others] = authorization
  if (value === undefined) {
    throw new Denial(
      'AUTHORIZATION_MISSING',
      `expected exactly one authorization header, got none: send "Authorization: Bearer <${kind}>"`,
    )
  }
  if (others.length > 0) {
    throw new Denial('AUTHORIZATION_REPEATED', `expected exactly one authorization header, got ${authorization.length}`)
  }
  if (value.length > TOKEN_LIMIT_BYTES + SCHEME_ROOM) {
    throw new Denial('TOKEN_TOO_LARGE', `invalid bearer token: longer than ${TOKEN_LIMIT_BYTES} bytes`)
  }
  const token = BEARER.exec(value)?.[1]
  if (token === undefined) {
    throw new Denial('AUTHORIZATION_MALFORMED', `the authorization header must be "Bearer <${kind}>"`)
  }
  return token
}

const BEARER = /^bearer +([^\s]+) *$/i
const SCHEME_ROOM = 32

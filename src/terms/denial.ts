/**
 * Why a caller may be refused: a closed list. `wire/status.ts` gives each its gRPC code, its HTTP status and its page in
 * `docs/errors.md`; a reason without a row there does not compile.
 */
export type Reason =
  // The request itself
  | 'SCOPES_MULTIPLE'
  | 'SCOPE_MISSING'
  | 'SCOPE_MALFORMED'
  | 'IDENTITY_MISSING'
  | 'IDENTITY_MALFORMED'
  | 'CAP_MALFORMED'
  | 'CAP_EXCEEDS_POLICY'
  | 'PARAMETER_REPEATED'
  | 'PARAMETER_MISSING'
  | 'PARAMETER_UNSUPPORTED'
  | 'GRANT_TYPE_UNSUPPORTED'
  | 'CLIENT_AUTHENTICATION_UNSUPPORTED'
  | 'REQUEST_MALFORMED'
  | 'REQUEST_TOO_LARGE'
  | 'MEDIA_TYPE_UNSUPPORTED'
  | 'ROUTE_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'REFRESH_SCOPE_MISMATCH'
  // The credential
  | 'AUTHORIZATION_MISSING'
  | 'AUTHORIZATION_REPEATED'
  | 'AUTHORIZATION_MALFORMED'
  | 'TOKEN_TOO_LARGE'
  | 'TOKEN_MALFORMED'
  | 'ISSUER_MALFORMED'
  | 'SUBJECT_MALFORMED'
  | 'AUDIENCE_MALFORMED'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_TOO_OLD'
  | 'TOKEN_NOT_YET_VALID'
  | 'ALGORITHM_NOT_ALLOWED'
  | 'CRITICAL_HEADER_UNSUPPORTED'
  | 'KEY_UNKNOWN'
  | 'SIGNATURE_INVALID'
  // The refresh token
  | 'REFRESH_TOKEN_INVALID'
  | 'REFRESH_TOKEN_EXPIRED'
  | 'REFRESH_TOKEN_UNKNOWN'
  | 'REFRESH_TOKEN_REUSED'
  | 'REFRESH_TOKEN_REVOKED'
  | 'REFRESH_TOKEN_EXHAUSTED'
  | 'REFRESH_NOT_ALLOWED'
  | 'SINGLE_USE_REPEATED'
  | 'SINGLE_USE_UNAVAILABLE'
  // The issuer
  | 'ISSUER_NOT_ALLOWED'
  | 'ISSUER_NOT_TRUSTED'
  | 'TRUSTED_ISSUERS_REQUIRED'
  | 'TRUSTED_ISSUERS_INVALID'
  | 'TRUSTED_ISSUERS_FORBIDDEN'
  | 'ISSUER_INVALID'
  | 'ISSUER_ADDRESS_FORBIDDEN'
  | 'ISSUER_UNAVAILABLE'
  | 'ISSUER_BUSY'
  // The target
  | 'OWNER_NOT_ALLOWED'
  | 'APP_NOT_CONFIGURED'
  | 'APP_NOT_INSTALLED'
  | 'INSTALLATION_SUSPENDED'
  | 'REPOSITORY_NOT_SELECTED'
  | 'REPOSITORY_RENAMED'
  | 'CONTENTS_NOT_GRANTED'
  // The policy
  | 'POLICY_NOT_FOUND'
  | 'POLICY_UNPARSABLE'
  | 'POLICY_INVALID'
  | 'POLICY_READ_FORBIDDEN'
  | 'POLICY_APP_UNAVAILABLE'
  | 'POLICY_ORG_PERMISSIONS'
  | 'POLICY_MAX_PERMISSIONS'
  | 'POLICY_SELF_WRITE'
  | 'POLICY_SOURCE_NOT_ALLOWED'
  | 'ISSUER_MISMATCH'
  | 'SUBJECT_MISMATCH'
  | 'SUBJECT_HAS_IDS'
  | 'AUDIENCE_MISMATCH'
  | 'CLAIM_MISSING'
  | 'CLAIM_NOT_TEXT'
  | 'CLAIM_MISMATCH'
  | 'CLAIM_FORBIDDEN'
  | 'GITHUB_ISSUER_REQUIRED'
  | 'POLICY_NOT_YET_VALID'
  | 'POLICY_EXPIRED'
  | 'REPOSITORY_PATTERNS_UNMATCHED'
  | 'REPOSITORIES_TOO_MANY'
  // What GitHub says
  | 'MINT_REPOSITORY_NOT_SELECTED'
  | 'MINT_PERMISSION_NOT_GRANTED'
  | 'MINT_PERMISSION_MALFORMED'
  | 'MINT_UNPROCESSABLE'
  | 'MINT_REFUSED'
  | 'MINT_WIDER_THAN_ASKED'
  | 'APP_CREDENTIALS_REFUSED'
  | 'SIGNER_UNAVAILABLE'
  | 'SIGNER_REFUSED'
  | 'GITHUB_RATE_LIMITED'
  | 'GITHUB_UNAVAILABLE'
  | 'GITHUB_TIMEOUT'
  | 'LOOKUP_BUDGET_EXHAUSTED'
  // The store
  | 'STORE_UNAVAILABLE'
  | 'STORE_FULL'
  | 'REVOCATION_BUSY'
  // The service
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'SHUTTING_DOWN'
  | 'INTERNAL'

export interface DenialDetail {
  /** What really happened, for the log only: never sent to a caller. */
  readonly cause?: unknown
  /** How long to wait before another try, in milliseconds, where one can help. */
  readonly retryAfterMs?: number
  /** The request's parameter that was at fault, by its name on the wire. */
  readonly field?: string
  /** Facts for `google.rpc.ErrorInfo.metadata`: safe for anybody. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * What a caller may be told. `message` is safe for anybody, it names what was looked at, what was wrong and what to do;
 * `cause` is for the log.
 */
export class Denial extends Error {
  readonly reason: Reason
  readonly retryAfterMs: number | undefined
  readonly field: string | undefined
  readonly metadata: Readonly<Record<string, string>>

  constructor(reason: Reason, message: string, detail: DenialDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'Denial'
    this.reason = reason
    this.retryAfterMs = detail.retryAfterMs
    this.field = detail.field
    this.metadata = detail.metadata ?? {}
  }
}

/** Any error as a Denial: what is none already is a defect, of which a caller learns nothing but the request id. */
export function asDenial(error: unknown): Denial {
  return error instanceof Denial ? error : new Denial('INTERNAL', 'internal error', { cause: error })
}

import { status } from '@grpc/grpc-js'
import type { Reason } from '../terms/denial.ts'

/** How a reason leaves the service: the one place that knows codes. */
export interface Answer {
  /** The gRPC status code, which is also `code` in the body over HTTP. */
  readonly code: ErrorCode
  /** Where HTTP has a better word than the code's own (contract §2): 404 for a path, 405, 413, 415, 431. */
  readonly http?: number
  /** The error at `/token` and `/revoke`; `credential`: what was presented is not acceptable (`oauthErrorOf`). */
  readonly oauth: OAuthError | 'credential'
  /**
   * Milliseconds after which another try can help, where the refusal names no time of its own; undefined: the same
   * request gets the same answer until somebody changes something.
   */
  readonly retryAfterMs?: number
  /** What happened, for docs/errors.md. */
  readonly means: string
  /** What the caller, or the owner of the policy, can do. */
  readonly todo: string
}

/** The HTTP status of an answer. */
export function httpStatusOf({ code, http }: Pick<Answer, 'code' | 'http'>): number {
  return http ?? HTTP_STATUS[code]
}

/** Errors of RFC 6749 §5.2 and §4.1.2.1, RFC 8693 §2.2.2 and RFC 7009 §2.2.1. */
export type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unsupported_grant_type'
  | 'temporarily_unavailable'
  | 'server_error'

/** What was presented at `/token`. */
export type OAuthCredential = 'subject_token' | 'refresh_token'

/**
 * The OAuth error of an answer. A subject token that is invalid "for any reason", or "unacceptable based on policy", MUST be
 * `invalid_request` (RFC 8693 §2.2.2), so that is also what a trust policy's no becomes; when it is the policy's no to a
 * refresh token, that one is of no use any more: `invalid_grant` (RFC 6749 §5.2), on which clients forget it.
 */
export function oauthErrorOf({ oauth }: Pick<Answer, 'oauth'>, credential: OAuthCredential): OAuthError {
  if (oauth !== 'credential') return oauth
  return credential === 'subject_token' ? 'invalid_request' : 'invalid_grant'
}

/**
 * The HTTP status of an answer at `/token` and `/revoke`: 400 (RFC 6749 §5.2), or as elsewhere where it is not the request's
 * content that is at fault.
 */
export function oauthStatusOf(answer: Pick<Answer, 'code' | 'http'>): number {
  const http = httpStatusOf(answer)
  return http >= 500 || NOT_OF_OAUTH.has(http) ? http : 400
}

/** A body too large to be read, too many requests, a caller who left. */
const NOT_OF_OAUTH: ReadonlySet<number> = new Set([413, 429, 499])

export type ErrorCode = Exclude<status, status.OK>

/** The status of a code over HTTP (contract §2, google.rpc.Code). */
const HTTP_STATUS = {
  [status.CANCELLED]: 499,
  [status.UNKNOWN]: 500,
  [status.INVALID_ARGUMENT]: 400,
  [status.DEADLINE_EXCEEDED]: 504,
  [status.NOT_FOUND]: 404,
  [status.ALREADY_EXISTS]: 409,
  [status.PERMISSION_DENIED]: 403,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.FAILED_PRECONDITION]: 400,
  [status.ABORTED]: 409,
  [status.OUT_OF_RANGE]: 400,
  [status.UNIMPLEMENTED]: 501,
  [status.INTERNAL]: 500,
  [status.UNAVAILABLE]: 503,
  [status.DATA_LOSS]: 500,
  [status.UNAUTHENTICATED]: 401,
} as const satisfies Record<ErrorCode, number>

const SOON_MS = 1_000
const LATER_MS = 30_000

/**
 * THE table: every reason, its code (contract §3), and what docs/errors.md says of it. Clients retry on Unavailable, some
 * on Internal and DeadlineExceeded too, so only what another try can mend has one of those codes, and Internal is kept
 * for faults of this service and of its App.
 */
const ANSWERS = {
  // The request itself
  SCOPES_MULTIPLE: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_target',
    means: '`scopes` has more than one entry. One token is for one scope.',
    todo: 'Make one exchange per scope.',
  },
  SCOPE_MISSING: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_request',
    means: 'The request names neither `scope` nor `scopes`.',
    todo: 'Send `scope=owner/repository`, or `scope=owner` for an organization policy.',
  },
  SCOPE_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_target',
    means: 'The scope is neither `owner/repository` nor `owner`.',
    todo: 'Send the names as GitHub spells them: no URL, no `.git`, no further slashes.',
  },
  IDENTITY_MISSING: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_request',
    means: 'The request names no `identity`.',
    todo: 'Send the name of the trust policy: for `.github/chainguard/deploy.sts.yaml` that is `identity=deploy`.',
  },
  IDENTITY_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_target',
    means: 'The identity is not the name of a policy file.',
    todo: 'Use 1 to 128 of `A-Z a-z 0-9 . _ @ + ~ -`, not starting with a dot. In a query or a form, write `+` as `%2B`.',
  },
  CAP_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_scope',
    means: 'A `cap` of the form `permission:level` names a permission or a level that GitHub does not have.',
    todo: 'Correct its spelling: `cap=contents:read`.',
  },
  CAP_EXCEEDS_POLICY: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_scope',
    means: 'A `cap` asks for more than the trust policy gives; a cap narrows a token and never widens it.',
    todo: 'Ask for less, or have the policy give more.',
  },
  PARAMETER_REPEATED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_request',
    means: 'A parameter that has one value was sent more than once, perhaps in the query and in the body.',
    todo: 'Send it once.',
  },
  PARAMETER_MISSING: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_request',
    means: 'A parameter that `/token` or `/revoke` needs is absent, or empty, which is the same (RFC 6749 §3.2).',
    todo: 'Send what the message names, in the body: docs/api.md has the parameters of each grant.',
  },
  PARAMETER_UNSUPPORTED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_request',
    means:
      'A parameter of `/token` or `/revoke` has a value that is not supported here, or stands where it must not: in the query.',
    todo: 'Correct what the message names: docs/api.md has the values of each parameter.',
  },
  GRANT_TYPE_UNSUPPORTED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'unsupported_grant_type',
    means: '`grant_type` is neither `urn:ietf:params:oauth:grant-type:token-exchange` nor `refresh_token`.',
    todo: 'Use one of the two; `/.well-known/oauth-authorization-server` lists them.',
  },
  CLIENT_AUTHENTICATION_UNSUPPORTED: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_client',
    means:
      'The request to `/token` or `/revoke` has an `Authorization` header, a `client_secret` or a `client_assertion`. Clients are not authenticated here: the token in the body is the only credential.',
    todo: 'Set the client’s authentication method to `none`. A `client_id` may stay, without effect.',
  },
  REQUEST_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_request',
    means:
      'The request cannot be read: broken percent-encoding, broken JSON, a member of the wrong type, a broken message or header.',
    todo: 'Correct what the message names.',
  },
  REQUEST_TOO_LARGE: {
    code: status.RESOURCE_EXHAUSTED,
    oauth: 'invalid_request',
    http: 413,
    means: 'The body of the HTTP request is over 64 KiB, or the gRPC message over 4 MiB or over 10,000 fields.',
    todo: 'Send only the parameters of docs/api.md.',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_request',
    http: 415,
    means: 'The body is of a type, or in a content encoding, that is not understood here.',
    todo: 'Send `application/x-www-form-urlencoded` or `application/json`, not compressed.',
  },
  ROUTE_NOT_FOUND: {
    code: status.NOT_FOUND,
    oauth: 'invalid_request',
    means: 'There is nothing at this path.',
    todo: 'See docs/api.md for the paths; there is no trailing slash.',
  },
  METHOD_NOT_ALLOWED: {
    code: status.UNIMPLEMENTED,
    oauth: 'invalid_request',
    http: 405,
    means: 'The path is known, but not with this method.',
    todo: 'Use a method of the `Allow` header.',
  },
  REFRESH_SCOPE_MISMATCH: {
    code: status.INVALID_ARGUMENT,
    oauth: 'invalid_target',
    means: 'The request names another scope than its refresh token is for.',
    todo: 'Leave the scope out, or exchange an OIDC token for the other scope.',
  },
  // The credential
  AUTHORIZATION_MISSING: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_request',
    means: 'The request has no `authorization` header (over gRPC: metadata).',
    todo: 'Send `Authorization: Bearer <OIDC token>`. In a GitHub workflow the job needs `permissions: id-token: write`.',
  },
  AUTHORIZATION_REPEATED: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_request',
    means: 'The request has more than one `authorization` value.',
    todo: 'Send exactly one; look for a proxy or a client that adds its own.',
  },
  AUTHORIZATION_MALFORMED: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_request',
    means: 'The `authorization` header is not the word Bearer and a token.',
    todo: 'Send `Authorization: Bearer <OIDC token>`; an empty variable where the token should be is the usual cause.',
  },
  TOKEN_TOO_LARGE: {
    code: status.INVALID_ARGUMENT,
    oauth: 'credential',
    http: 431,
    means: 'The token is over 16 KiB, or the headers as a whole over their limit.',
    todo: 'Have the issuer put less into the token.',
  },
  TOKEN_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'credential',
    means: 'The token is not a signed JWT with an issuer.',
    todo: 'Send the OIDC token itself: three parts joined by dots, as the issuer gave it.',
  },
  ISSUER_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'credential',
    means:
      'The token’s `iss` is not an issuer this service accepts: a plain https URL without query, fragment or user info.',
    todo: 'Use a token of an issuer on https; loopback issuers need `ALLOW_LOOPBACK_ISSUERS`, which is for development.',
  },
  SUBJECT_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'credential',
    means: 'The token’s `sub` is missing, longer than 255 characters, or has control characters.',
    todo: 'Have the issuer name the subject in printable characters.',
  },
  AUDIENCE_MALFORMED: {
    code: status.INVALID_ARGUMENT,
    oauth: 'credential',
    means: 'The token’s `aud` is missing, longer than 255 characters, or has control characters.',
    todo: 'Ask the issuer for a token with this service’s domain as its audience.',
  },
  TOKEN_EXPIRED: {
    code: status.UNAUTHENTICATED,
    oauth: 'credential',
    means: 'The token’s `exp` is missing or has passed.',
    todo: 'Ask the issuer for a fresh token right before the exchange; check the clock of the machine.',
  },
  TOKEN_TOO_OLD: {
    code: status.UNAUTHENTICATED,
    oauth: 'credential',
    means:
      'The token was issued longer ago than the operator accepts (`MAX_TOKEN_AGE`), or does not say when it was issued (`iat`).',
    todo: 'Get a fresh token right before the exchange.',
  },
  TOKEN_NOT_YET_VALID: {
    code: status.UNAUTHENTICATED,
    oauth: 'credential',
    means: 'The token’s `nbf` or `iat` is more than 5 minutes ahead.',
    todo: 'Check the clocks of the issuer and of this service.',
  },
  ALGORITHM_NOT_ALLOWED: {
    code: status.UNAUTHENTICATED,
    oauth: 'credential',
    means: 'The token is signed with an algorithm that is not asymmetric, or that its issuer does not list.',
    todo: 'Sign with RS256 or ES256, and list the algorithm in `id_token_signing_alg_values_supported`.',
  },
  CRITICAL_HEADER_UNSUPPORTED: {
    code: status.UNAUTHENTICATED,
    oauth: 'credential',
    means: 'The token’s header has `crit`, and with it extensions that are not understood here (RFC 7515 §4.1.11).',
    todo: 'Have the issuer sign without `crit`.',
  },
  KEY_UNKNOWN: {
    code: status.UNAUTHENTICATED,
    oauth: 'credential',
    means: 'The issuer’s key set has no key that fits the token. A new key is looked for at most once in 30 seconds.',
    todo: 'Check that the token is from the issuer it names; after a rotation try again with a fresh token.',
  },
  SIGNATURE_INVALID: {
    code: status.UNAUTHENTICATED,
    oauth: 'credential',
    means: 'The token’s signature does not verify with the issuer’s keys.',
    todo: 'Send the token exactly as the issuer gave it; check that it is from the issuer it names.',
  },
  // The refresh token
  REFRESH_TOKEN_INVALID: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_grant',
    means:
      'The credential is not a refresh token of this service, or was sealed with a key that is not in use any more.',
    todo: 'Exchange a fresh OIDC token. With several processes, give all of them the same `REFRESH_TOKEN_KEYS`.',
  },
  REFRESH_TOKEN_EXPIRED: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_grant',
    means: 'The time is over for which the trust policy allows refreshing (`refresh.max_age`).',
    todo: 'Exchange a fresh OIDC token.',
  },
  REFRESH_TOKEN_UNKNOWN: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_grant',
    means: 'The store does not know the refresh token: it was lost or rolled back, or is another process’s memory.',
    todo: 'Exchange a fresh OIDC token. With several processes, set `STORE_URL`.',
  },
  REFRESH_TOKEN_REUSED: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_grant',
    means: 'The refresh token was used before. One of two holders may be a thief, so all that came of it is revoked.',
    todo: 'Exchange a fresh OIDC token, keep only the newest refresh token, and find out who else has the old one.',
  },
  REFRESH_TOKEN_REVOKED: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_grant',
    means: 'The refresh token, its identity or its subject was revoked, or a token of its family was used twice.',
    todo: 'Exchange a fresh OIDC token.',
  },
  REFRESH_TOKEN_EXHAUSTED: {
    code: status.UNAUTHENTICATED,
    oauth: 'invalid_grant',
    means: 'The refresh token was repeated more often than lost answers explain.',
    todo: 'Use the refresh token of an answer that arrived, or exchange a fresh OIDC token.',
  },
  REFRESH_NOT_ALLOWED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_grant',
    means:
      'The trust policy as it is now does not allow this refresh: not any more, not so long, or nothing of what it was narrowed to.',
    todo: 'Exchange a fresh OIDC token, or have `refresh` put into the policy.',
  },
  SINGLE_USE_REPEATED: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The trust policy has `single_use: true`, and this token was exchanged before for this scope and identity.',
    todo: 'Get a fresh OIDC token for each exchange.',
  },
  SINGLE_USE_UNAVAILABLE: {
    code: status.FAILED_PRECONDITION,
    oauth: 'invalid_target',
    means: 'The trust policy has `single_use: true`, which this service cannot see to.',
    todo: 'Its operator must set `STORE_URL`, or `SINGLE_PROCESS=true` where there is one process only.',
  },
  // The issuer
  ISSUER_NOT_ALLOWED: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The operator of this service, or the organization, does not permit this issuer.',
    todo: 'Use another issuer, or ask the operator to add this one to `ALLOWED_ISSUERS`.',
  },
  ISSUER_NOT_TRUSTED: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means:
      'The token’s issuer is not on the list of the organization (`.github/chainguard/trusted-token-issuers.yaml` in its policy repository).',
    todo: 'Use an issuer that the organization permits, or ask its administrators to add this one.',
  },
  TRUSTED_ISSUERS_REQUIRED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means:
      'The operator serves only organizations that list the issuers they trust (`REQUIRE_TRUSTED_ISSUERS`), and this one has no list that can be read.',
    todo: 'Put `.github/chainguard/trusted-token-issuers.yaml` into the organization’s policy repository, and let the GitHub App read that repository.',
  },
  TRUSTED_ISSUERS_INVALID: {
    code: status.FAILED_PRECONDITION,
    oauth: 'invalid_target',
    means: 'The organization’s list of trusted issuers is invalid, and there is no good one from the last hour.',
    todo: 'Correct the file; the log of the service has the place of each fault.',
  },
  TRUSTED_ISSUERS_FORBIDDEN: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'GitHub forbids the App to read the organization’s list of trusted issuers, so nobody is let in.',
    todo: 'Look for an IP allow list or another rule of the organization that shuts the App out.',
  },
  ISSUER_INVALID: {
    code: status.INVALID_ARGUMENT,
    oauth: 'credential',
    means:
      'The issuer’s discovery document or key set cannot be used: it is not there, not JSON, too large, redirects, or names another issuer.',
    todo: 'Check `<issuer>/.well-known/openid-configuration` and its `jwks_uri`. A failure is remembered for 30 seconds.',
  },
  ISSUER_ADDRESS_FORBIDDEN: {
    code: status.INVALID_ARGUMENT,
    oauth: 'credential',
    means: 'The issuer, or its `jwks_uri`, is at an address that is not public.',
    todo: 'Serve discovery on a public address, or have the operator list the issuer in `ISSUERS_FILE`.',
  },
  ISSUER_UNAVAILABLE: {
    code: status.UNAVAILABLE,
    oauth: 'temporarily_unavailable',
    retryAfterMs: LATER_MS,
    means: 'The issuer did not answer, or answered with a 5xx.',
    todo: 'Try again; if it lasts, check that the issuer can be reached from the internet.',
  },
  ISSUER_BUSY: {
    code: status.RESOURCE_EXHAUSTED,
    oauth: 'temporarily_unavailable',
    retryAfterMs: LATER_MS,
    means:
      'Too many issuers that are new to this service were named at once; fetching discovery documents is rationed.',
    todo: 'Try again.',
  },
  // The target
  OWNER_NOT_ALLOWED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'The operator of this service does not serve this owner.',
    todo: 'Ask the operator to add the owner to `ALLOWED_OWNERS`.',
  },
  APP_NOT_CONFIGURED: {
    code: status.NOT_FOUND,
    oauth: 'invalid_target',
    means: 'This service has no GitHub App for the owner (`APP_CONFIG_FILE` names neither it nor `*`).',
    todo: 'Check the owner’s name, or ask the operator to configure an App for it.',
  },
  APP_NOT_INSTALLED: {
    code: status.NOT_FOUND,
    oauth: 'invalid_target',
    means: 'The GitHub App is not installed for this owner, or there is no such owner.',
    todo: 'Install the App; check the spelling of the scope. A fresh installation is seen after at most a minute.',
  },
  INSTALLATION_SUSPENDED: {
    code: status.FAILED_PRECONDITION,
    oauth: 'invalid_target',
    means: 'The App’s installation for this owner is suspended.',
    todo: 'An owner of the organization lifts the suspension in its settings, under GitHub Apps.',
  },
  REPOSITORY_NOT_SELECTED: {
    code: status.NOT_FOUND,
    oauth: 'invalid_target',
    means: 'The App is installed for the owner, but the repository is not among those it was given, or does not exist.',
    todo: 'Add the repository to the App’s installation; check the spelling of the scope.',
  },
  REPOSITORY_RENAMED: {
    code: status.NOT_FOUND,
    oauth: 'invalid_target',
    means: 'The repository has another name now. Old names are not followed: tomorrow they may be somebody else’s.',
    todo: 'Use the repository’s present name.',
  },
  CONTENTS_NOT_GRANTED: {
    code: status.FAILED_PRECONDITION,
    oauth: 'invalid_target',
    means: 'The App’s installation has no `contents: read`, so trust policies cannot be read.',
    todo: 'Grant the App read access to contents, and accept the change in the organization’s settings.',
  },
  // The policy
  POLICY_NOT_FOUND: {
    code: status.NOT_FOUND,
    oauth: 'invalid_target',
    means: 'There is no trust policy of this name on the default branch of the repository.',
    todo: 'Add `.github/chainguard/{identity}.sts.yaml` to the default branch. A new file is seen after at most a minute.',
  },
  POLICY_UNPARSABLE: {
    code: status.NOT_FOUND,
    oauth: 'invalid_target',
    means: 'The policy file is not YAML of the right shape.',
    todo: 'Correct the file; the service’s `/schemas/trust-policy.json` describes it.',
  },
  POLICY_INVALID: {
    code: status.NOT_FOUND,
    oauth: 'invalid_target',
    means:
      'The policy file has the right shape, but its rules do not hold: a bad pattern, an unknown permission, two issuers.',
    todo: 'Correct what the message, or the log of the service, names.',
  },
  POLICY_READ_FORBIDDEN: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'GitHub forbids the App to read the policy file.',
    todo: 'Look for an IP allow list or another rule of the organization that shuts the App out.',
  },
  POLICY_APP_UNAVAILABLE: {
    code: status.FAILED_PRECONDITION,
    oauth: 'invalid_target',
    means: 'The policy pins an App (`app`, `app_pattern`) that this service does not have.',
    todo: 'Correct the pin, or remove it.',
  },
  POLICY_MAX_PERMISSIONS: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'The policy asks for a permission beyond the operator’s ceiling (`MAX_PERMISSIONS`); the answer names it.',
    todo: 'Ask for less in the policy, or have the operator raise the ceiling.',
  },
  POLICY_SELF_WRITE: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means:
      'A repository’s own policy grants `contents`, `workflows` or `administration: write` on the very repository that holds it, so that whoever gets its token can rewrite the policy; the operator does not allow that (`SELF_WRITE=deny`).',
    todo: 'Move the policy to the organization’s policy repository, or grant less.',
  },
  POLICY_SOURCE_NOT_ALLOWED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means:
      'The operator takes policies from elsewhere only (`POLICY_SOURCES`): from repositories, or from the organization’s policy repository.',
    todo: 'Move the policy to where the operator takes policies from, and ask with that scope.',
  },
  POLICY_ORG_PERMISSIONS: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'A repository’s own policy asks for permissions over the organization, which the operator does not allow.',
    todo: 'Put the policy into the organization’s policy repository, or ask for less.',
  },
  ISSUER_MISMATCH: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The policy trusts another issuer than the token’s.',
    todo: 'Compare the token’s `iss` with the policy’s `issuer` or `issuer_pattern`.',
  },
  SUBJECT_MISMATCH: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The policy trusts another subject than the token’s.',
    todo: 'Compare the token’s `sub` with the policy’s `subject` or `subject_pattern`; patterns match the whole value.',
  },
  SUBJECT_HAS_IDS: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means:
      'GitHub’s subject has the ids of owner and repository in it, the policy has names only, and the ids could not be vouched for.',
    todo: 'Put the line of the message into the policy.',
  },
  AUDIENCE_MISMATCH: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'None of the token’s audiences is the one the policy asks for (by default the domain of this service).',
    todo: 'Ask the issuer for a token with that audience, or set `audience` in the policy.',
  },
  CLAIM_MISSING: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The policy has a rule for a claim that the token does not have.',
    todo: 'Have the issuer add the claim, or remove the rule.',
  },
  CLAIM_NOT_TEXT: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means:
      'The policy has a rule for a claim that is a number, a list or an object in the token; `claim_pattern` matches text and booleans.',
    todo: 'Use `claims` for the rule, which also knows numbers and lists, or another claim.',
  },
  CLAIM_MISMATCH: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'A claim of the token is not what the policy asks for.',
    todo: 'Compare the token’s claim with the policy’s rule; patterns match the whole value.',
  },
  CLAIM_FORBIDDEN: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'A claim of the token is one that the policy forbids (`forbidden_claims`).',
    todo: 'Ask from where the claim is another one, or correct the rule.',
  },
  GITHUB_ISSUER_REQUIRED: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The policy has `github_actions`, and the token is not from an issuer of GitHub Actions.',
    todo: 'Use `claims` for other issuers. For a GitHub Enterprise Server the operator marks its issuer with `github: true` in `ISSUERS_FILE`.',
  },
  POLICY_NOT_YET_VALID: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The policy grants nothing yet: its `not_before` is to come.',
    todo: 'Wait, or correct `not_before`.',
  },
  POLICY_EXPIRED: {
    code: status.PERMISSION_DENIED,
    oauth: 'credential',
    means: 'The policy grants nothing any more: its `expires` has passed.',
    todo: 'Renew the policy: correct `expires`, or remove the file.',
  },
  REPOSITORY_PATTERNS_UNMATCHED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'No repository that the App’s installation reaches matches the policy’s `repository_patterns`.',
    todo: 'Correct the patterns, or add the repositories to the installation. A new repository is seen after at most 5 minutes.',
  },
  REPOSITORIES_TOO_MANY: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means:
      'The policy’s `repositories` and `repository_patterns` together reach more than 500 repositories, which is the most that GitHub puts into one token; or the installation reaches too many to be looked through.',
    todo: 'Make the patterns narrower, or split the policy.',
  },
  // What GitHub says
  MINT_REPOSITORY_NOT_SELECTED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'The policy names a repository that is not among those the App was given.',
    todo: 'Add the repository to the App’s installation, or remove it from the policy.',
  },
  MINT_PERMISSION_NOT_GRANTED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'The policy gives a permission that the App’s installation does not have.',
    todo: 'Grant the App the permission and accept the change in the organization’s settings, or remove it from the policy.',
  },
  MINT_PERMISSION_MALFORMED: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'GitHub does not know a permission, or a level of it, that the policy gives.',
    todo: 'Correct the permission’s spelling in the policy.',
  },
  MINT_UNPROCESSABLE: {
    code: status.PERMISSION_DENIED,
    oauth: 'invalid_target',
    means: 'GitHub refuses to issue the token as the policy describes it (422), without saying which part is wrong.',
    todo: 'Check the policy’s permissions and repositories against the App’s installation.',
  },
  MINT_REFUSED: {
    code: status.INTERNAL,
    oauth: 'server_error',
    means: 'GitHub refuses to issue the token.',
    todo: 'Tell the operator the request id: the log has GitHub’s answer.',
  },
  MINT_WIDER_THAN_ASKED: {
    code: status.INTERNAL,
    oauth: 'server_error',
    means: 'GitHub issued a token that can do more than was asked for. It was revoked.',
    todo: 'Tell the operator the request id.',
  },
  SIGNER_UNAVAILABLE: {
    code: status.UNAVAILABLE,
    oauth: 'temporarily_unavailable',
    retryAfterMs: SOON_MS,
    means: 'The key management service that holds the App’s key did not answer.',
    todo: 'Try again. If it lasts, the operator must look at the key management service and the way to it.',
  },
  SIGNER_REFUSED: {
    code: status.INTERNAL,
    oauth: 'server_error',
    means: 'The key management service refused to sign with the App’s key.',
    todo: 'The operator must check the key’s name, and that the service may sign with it. The log has what was answered.',
  },
  APP_CREDENTIALS_REFUSED: {
    code: status.INTERNAL,
    oauth: 'server_error',
    means: 'GitHub does not accept this service’s own credentials.',
    todo: 'The operator checks the App’s id, its private key and the machine’s clock.',
  },
  GITHUB_RATE_LIMITED: {
    code: status.RESOURCE_EXHAUSTED,
    oauth: 'temporarily_unavailable',
    retryAfterMs: LATER_MS,
    means: 'GitHub’s rate limit for this installation is used up.',
    todo: 'Try again after the time that is named (`Retry-After`, `RetryInfo`).',
  },
  GITHUB_UNAVAILABLE: {
    code: status.UNAVAILABLE,
    oauth: 'temporarily_unavailable',
    retryAfterMs: SOON_MS,
    means: 'GitHub answered with a 5xx, or broke the connection.',
    todo: 'Try again; see githubstatus.com.',
  },
  GITHUB_TIMEOUT: {
    code: status.DEADLINE_EXCEEDED,
    oauth: 'temporarily_unavailable',
    retryAfterMs: SOON_MS,
    means: 'GitHub did not answer in time.',
    todo: 'Try again; see githubstatus.com.',
  },
  LOOKUP_BUDGET_EXHAUSTED: {
    code: status.RESOURCE_EXHAUSTED,
    oauth: 'temporarily_unavailable',
    retryAfterMs: LATER_MS,
    means:
      'Too many policies that do not exist were asked for; such look-ups are rationed to protect the quota of the organization.',
    todo: 'Try again; check the spelling of scope and identity.',
  },
  // The store
  STORE_UNAVAILABLE: {
    code: status.UNAVAILABLE,
    oauth: 'temporarily_unavailable',
    retryAfterMs: SOON_MS,
    means: 'What the service must remember or look up could not be: the store that its processes share did not answer.',
    todo: 'Try again; the operator looks at the store.',
  },
  STORE_FULL: {
    code: status.RESOURCE_EXHAUSTED,
    oauth: 'temporarily_unavailable',
    retryAfterMs: LATER_MS,
    means: 'The service has no room to remember what it must not forget, such as a refresh token that was used.',
    todo: 'Try again later; the operator gives the store more memory.',
  },
  REVOCATION_BUSY: {
    code: status.UNAVAILABLE,
    oauth: 'temporarily_unavailable',
    retryAfterMs: LATER_MS,
    means:
      'Too many tokens that GitHub does not know were sent to `/revoke`, or too many at once; asking GitHub about them is rationed. The token may still be alive.',
    todo: 'Try again, or revoke it at GitHub itself: `DELETE /installation/token` with the token as its credential.',
  },
  // The service
  DEADLINE_EXCEEDED: {
    code: status.DEADLINE_EXCEEDED,
    oauth: 'temporarily_unavailable',
    retryAfterMs: SOON_MS,
    means: 'The exchange was not done before the caller’s deadline, or in 10 seconds.',
    todo: 'Try again, with a deadline of some seconds.',
  },
  CANCELLED: {
    code: status.CANCELLED,
    oauth: 'invalid_request',
    means: 'The caller left before the answer. A token that was issued meanwhile is revoked.',
    todo: 'Nothing.',
  },
  SHUTTING_DOWN: {
    code: status.UNAVAILABLE,
    oauth: 'temporarily_unavailable',
    retryAfterMs: SOON_MS,
    means: 'This process is ending.',
    todo: 'Try again: another one answers.',
  },
  INTERNAL: {
    code: status.INTERNAL,
    oauth: 'server_error',
    means: 'A fault of this service.',
    todo: 'Tell the operator the request id: the log has the rest.',
  },
} as const satisfies Record<Reason, Answer>

/** The row of a reason. */
export function answerOf(reason: Reason): Answer {
  return ANSWERS[reason]
}

/** Every reason, in the order of the table. */
export const REASONS = Object.keys(ANSWERS) as readonly Reason[]

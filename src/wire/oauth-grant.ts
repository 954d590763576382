import type { ExchangeRequest, RefreshRequest } from '../exchange/request.ts'
import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import { REFRESH_TOKEN, TOKEN_EXCHANGE } from './oauth-metadata.ts'
import { type OAuthParameters, refuseUnless, requiredParameter } from './oauth-parameters.ts'
import { targetOf } from './oauth-target.ts'

/** What a request to `/token` asks for, in the words of the exchange. */
export type OAuthGrant =
  | { readonly kind: 'exchange'; readonly request: ExchangeRequest }
  | { readonly kind: 'refresh'; readonly request: RefreshRequest }

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
export const SUBJECT_TOKEN_TYPES = [
  'urn:ietf:params:oauth:token-type:jwt',
  'urn:ietf:params:oauth:token-type:id_token',
] as const

/** Reads a grant: token exchange (RFC 8693 §2.1) or refresh token (RFC 6749 §6). Refuses with a Denial. */
export function oauthGrantOf(parameters: OAuthParameters, gitHubWebUrl: string): OAuthGrant {
  const grantType = requiredParameter(parameters, 'grant_type')
  if (grantType === TOKEN_EXCHANGE) return { kind: 'exchange', request: exchangeRequest(parameters, gitHubWebUrl) }
  if (grantType === REFRESH_TOKEN) return { kind: 'refresh', request: refreshRequest(parameters, gitHubWebUrl) }
  throw new Denial(
    'GRANT_TYPE_UNSUPPORTED',
    `grant_type ${quote(grantType, QUOTED)} is not supported: use ${TOKEN_EXCHANGE} or ${REFRESH_TOKEN}`,
    { field: 'grant_type' },
  )
}

function exchangeRequest(parameters: OAuthParameters, gitHubWebUrl: string): ExchangeRequest {
  const subjectToken = requiredParameter(parameters, 'subject_token')
  requiredParameter(parameters, 'subject_token_type')
  refuseUnless(parameters, 'subject_token_type', SUBJECT_TOKEN_TYPES)
  refuseUnless(parameters, 'requested_token_type', [ACCESS_TOKEN_TYPE])
  refuseActor(parameters)
  const scope = targetOf(parameters, gitHubWebUrl)
  if (scope === undefined) {
    throw new Denial(
      'SCOPE_MISSING',
      `resource or audience must be provided: resource=${gitHubWebUrl}/OWNER/REPOSITORY, or audience=OWNER/REPOSITORY`,
      { field: 'resource' },
    )
  }
  const identity = requiredIdentity(parameters)
  return { authorization: [bearer(subjectToken)], scope, scopes: [], identity, cap: capOf(parameters) }
}

function refreshRequest(parameters: OAuthParameters, gitHubWebUrl: string): RefreshRequest {
  const refreshToken = requiredParameter(parameters, 'refresh_token')
  const scope = targetOf(parameters, gitHubWebUrl) ?? ''
  return { authorization: [bearer(refreshToken)], scope, scopes: [], cap: capOf(parameters) }
}

/** Delegation is not offered, and to ignore who acts would grant more than was asked for. */
function refuseActor(parameters: OAuthParameters): void {
  const field = (['actor_token', 'actor_token_type'] as const).find((name) => parameters.has(name))
  if (field === undefined) return
  throw new Denial('PARAMETER_UNSUPPORTED', `${field} is not supported: there is no delegation here`, { field })
}

function requiredIdentity(parameters: OAuthParameters): string {
  const identity = parameters.get('identity')
  if (identity !== undefined) return identity
  throw new Denial('IDENTITY_MISSING', 'identity must be provided: the name of the trust policy without .sts.yaml', {
    field: 'identity',
  })
}

/** A token in a form has no scheme; in a header it could have no blanks either. */
function bearer(token: string): string {
  if (/\s/.test(token)) throw new Denial('TOKEN_MALFORMED', 'invalid token: it has white space in it')
  return `Bearer ${token}`
}

/**
 * `scope` (RFC 6749 §3.3) is the permissions to narrow to. An entry without a colon would narrow nothing, and its caller
 * believe that it did.
 */
function capOf(parameters: OAuthParameters): readonly string[] {
  const scope = parameters.get('scope')
  if (scope === undefined) return []
  const entries = scope.split(' ')
  const odd = entries.find((entry) => !PERMISSION.test(entry))
  if (odd === undefined) return entries
  throw new Denial(
    'CAP_MALFORMED',
    `scope must be permissions with one space between them, such as contents:read issues:write; ${quote(odd, QUOTED)} is none`,
    { field: 'scope' },
  )
}

const PERMISSION = /^[^\s:]+:[^\s:]+$/
/** Code points of a stranger's text that an error shows again. */
const QUOTED = 80

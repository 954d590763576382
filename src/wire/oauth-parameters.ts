import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import type { Pairs } from './parameters.ts'

/** The parameters of an OAuth request that mean something here, each with a value; what is empty counts as absent. */
export type OAuthParameters = ReadonlyMap<OAuthParameter, string>

export type OAuthParameter = (typeof PARAMETERS)[number]

/**
 * Reads a form as RFC 6749 §3.2 has it: unknown parameters are ignored, known ones come once, and one without a value
 * counts as omitted. Refuses `PARAMETER_REPEATED`; `SCOPES_MULTIPLE` for a target that comes twice, which RFC 8693 §2.1
 * allows to ask and us to refuse; and `PARAMETER_UNSUPPORTED` for what stands in the query: addresses end up in logs.
 */
export function oauthParametersOf(form: Pairs, query: Pairs): OAuthParameters {
  const misplaced = query.find(([name]) => isKnown(name))
  if (misplaced !== undefined) {
    throw new Denial('PARAMETER_UNSUPPORTED', `${misplaced[0]} must be sent in the body, not in the query`, {
      field: misplaced[0],
    })
  }
  const parameters = new Map<OAuthParameter, string>()
  for (const [name, value] of form) {
    if (!isKnown(name)) continue
    if (parameters.has(name)) throw repeated(name)
    parameters.set(name, value)
  }
  return new Map([...parameters].filter(([, value]) => value !== ''))
}

/** Refuses `PARAMETER_MISSING`. */
export function requiredParameter(parameters: OAuthParameters, name: OAuthParameter): string {
  const value = parameters.get(name)
  if (value !== undefined) return value
  throw new Denial('PARAMETER_MISSING', `${name} is missing: send it in the body of the request`, { field: name })
}

/** Refuses `PARAMETER_UNSUPPORTED` for a value that is not of the list. */
export function refuseUnless(parameters: OAuthParameters, name: OAuthParameter, values: readonly string[]): void {
  const value = parameters.get(name)
  if (value === undefined || values.includes(value)) return
  throw new Denial('PARAMETER_UNSUPPORTED', `${name} ${quote(value, QUOTED)} is not supported: use ${orList(values)}`, {
    field: name,
  })
}

/**
 * Clients are public here. One that tries to authenticate is told so, because it believes in a protection that is not
 * there (RFC 6749 §5.2, `invalid_client`: "unsupported authentication method").
 */
export function refuseClientAuthentication(parameters: OAuthParameters, authorization: readonly string[]): void {
  const means =
    authorization.length > 0 ? 'an Authorization header' : CLIENT_SECRETS.find((name) => parameters.has(name))
  if (means === undefined) return
  throw new Denial(
    'CLIENT_AUTHENTICATION_UNSUPPORTED',
    `clients are not authenticated here, so ${means} must not be sent: set the authentication method of the client to none`,
  )
}

function repeated(name: OAuthParameter): Denial {
  const message = `${name} was sent more than once: send it once`
  const target = name === 'resource' || name === 'audience'
  return new Denial(target ? 'SCOPES_MULTIPLE' : 'PARAMETER_REPEATED', message, { field: name })
}

function isKnown(name: string): name is OAuthParameter {
  return (PARAMETERS as readonly string[]).includes(name)
}

function orList(values: readonly string[]): string {
  return values.join(' or ')
}

const CLIENT_SECRETS = ['client_secret', 'client_assertion', 'client_assertion_type'] as const

/** RFC 6749, 7009, 7521 and 8693, and `identity`, which is our own. */
const PARAMETERS = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'resource',
  'audience',
  'scope',
  'identity',
  'refresh_token',
  'client_id',
  ...CLIENT_SECRETS,
  'token',
  'token_type_hint',
] as const

/** Code points of a stranger's text that an error shows again. */
const QUOTED = 80

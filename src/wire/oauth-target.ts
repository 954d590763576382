import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import type { OAuthParameter, OAuthParameters } from './oauth-parameters.ts'

/**
 * The scope that `resource` (RFC 8707 §2: an absolute URI) or `audience` (a bare scope, or the same URI) names, as text
 * that is not checked further; both may be sent when they agree. undefined when neither is.
 * Refuses `SCOPE_MALFORMED`, and `SCOPES_MULTIPLE` when they differ.
 */
export function targetOf(parameters: OAuthParameters, gitHubWebUrl: string): string | undefined {
  const resource = parameters.get('resource')
  const audience = parameters.get('audience')
  const named = resource === undefined ? undefined : scopeOfUri(resource, 'resource', gitHubWebUrl)
  if (audience === undefined) return named
  const also = audience.includes('://') ? scopeOfUri(audience, 'audience', gitHubWebUrl) : audience
  if (named === undefined || nameKey(named) === nameKey(also)) return named ?? also
  throw new Denial('SCOPES_MULTIPLE', 'resource and audience name two targets: ask for one at a time', {
    field: 'audience',
  })
}

/** The raw text is compared: what WHATWG's URL parser would mend (`..`, tabs, hosts) is refused with the rest. */
function scopeOfUri(uri: string, field: OAuthParameter, gitHubWebUrl: string): string {
  const base = `${gitHubWebUrl.replace(/\/+$/, '')}/`
  const rest = uri.slice(base.length)
  if (nameKey(uri.slice(0, base.length)) === nameKey(base) && NAMES.test(rest)) return rest
  throw new Denial('SCOPE_MALFORMED', `${field} ${quote(uri)} is neither ${base}OWNER/REPOSITORY nor ${base}OWNER`, {
    field,
  })
}

/** What the exchange takes apart and checks. */
const NAMES = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9._-]+)?$/

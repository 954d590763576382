import type { Exchange, Issued, Refresh } from '../exchange/request.ts'
import type { Logger } from '../runtime/log.ts'
import { untilAborted } from '../runtime/single-flight.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { TOKEN_LIMIT_BYTES } from '../terms/subject-token.ts'
import { authorizationsOf } from './authorization.ts'
import { readForm } from './body.ts'
import { deliverable } from './deliver.ts'
import type { HttpAnswer } from './http-answer.ts'
import type { WireLimits } from './limits.ts'
import { oauthRefusal, oauthRevokedAnswer, oauthTokenAnswer } from './oauth-answer.ts'
import { type OAuthGrant, oauthGrantOf } from './oauth-grant.ts'
import { REFRESH_TOKEN } from './oauth-metadata.ts'
import {
  type OAuthParameters,
  oauthParametersOf,
  refuseClientAuthentication,
  requiredParameter,
} from './oauth-parameters.ts'
import { parsePairs } from './parameters.ts'
import { logRefusal } from './refusal-log.ts'
import type { OAuthCredential } from './status.ts'
import { callerOf, type Visit, withToken } from './visit.ts'

export interface OAuthContext {
  readonly exchange: Exchange
  readonly refresh: Refresh
  /** True when it was a refresh token of this service: its family has ended. Refuses with a Denial. */
  readonly revokeRefreshToken: (token: string) => Promise<boolean>
  /** Asks GitHub to end an installation token; `busy` when that is rationed just now. Refuses with a Denial. */
  readonly revokeInstallationToken: (token: string, signal: Cancellation) => Promise<'revoked' | 'unknown' | 'busy'>
  /** Where people see GitHub, `https://github.com` or an Enterprise Server: what `resource` begins with. */
  readonly gitHubWebUrl: string
  readonly now: () => number
  readonly domain: string
  readonly log: Logger
  readonly limits: WireLimits
}

/** OAuth's own way in: the token endpoint (RFC 8693, RFC 6749 §6) and the revocation endpoint (RFC 7009). None rejects. */
export interface OAuthEndpoints {
  token(visit: Visit): Promise<HttpAnswer>
  revoke(visit: Visit): Promise<HttpAnswer>
}

export function createOAuthEndpoints(context: OAuthContext): OAuthEndpoints {
  return {
    async token(visit) {
      let credential: OAuthCredential = 'subject_token'
      try {
        const parameters = await parametersOf(visit, context)
        if (parameters.get('grant_type') === REFRESH_TOKEN) credential = 'refresh_token'
        const issued = await issue(oauthGrantOf(parameters, context.gitHubWebUrl), visit, context)
        return withToken(visit, issued, oauthTokenAnswer(issued, context.now()))
      } catch (error) {
        return refuse(error, visit, { ...context, credential })
      }
    },
    async revoke(visit) {
      try {
        const parameters = await parametersOf(visit, context)
        await revoke(requiredParameter(parameters, 'token'), visit, context)
        return oauthRevokedAnswer()
      } catch (error) {
        return refuse(error, visit, { ...context, credential: 'refresh_token' })
      }
    },
  }
}

async function parametersOf({ request, query, lifetime }: Visit, { limits }: OAuthContext): Promise<OAuthParameters> {
  const form = await readForm(request, { limitBytes: limits.bodyBytes, signal: lifetime.signal })
  const parameters = oauthParametersOf(form, parsePairs(query, 'query'))
  refuseClientAuthentication(parameters, authorizationsOf(request.rawHeaders))
  return parameters
}

function issue(grant: OAuthGrant, visit: Visit, { exchange, refresh }: OAuthContext): Promise<Issued> {
  const caller = callerOf(visit)
  const running: Promise<Issued> =
    grant.kind === 'exchange' ? exchange(grant.request, caller) : refresh(grant.request, caller)
  return deliverable(running, caller)
}

/** `token_type_hint` is of no use: the two kinds tell themselves apart. What can be neither costs nothing. */
async function revoke(token: string, { lifetime }: Visit, context: OAuthContext): Promise<void> {
  const { signal } = lifetime
  if (!INSTALLATION_TOKEN.test(token)) {
    if (token.length <= TOKEN_LIMIT_BYTES) await untilAborted(context.revokeRefreshToken(token), signal)
    return
  }
  if ((await context.revokeInstallationToken(token, signal)) !== 'busy') return
  throw new Denial('REVOCATION_BUSY', 'too many unknown tokens were sent to be revoked: try again later')
}

function refuse(
  error: unknown,
  { request, requestId, path }: Visit,
  { domain, log, credential }: OAuthContext & { readonly credential: OAuthCredential },
): HttpAnswer {
  const denial = asDenial(error)
  logRefusal(log, denial, { requestId, protocol: 'http', path })
  return oauthRefusal(denial, { domain, requestId, credential, scheme: schemeOf(request.headers.authorization) })
}

function schemeOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : (SCHEME.exec(authorization)?.[0] ?? 'Bearer')
}

/**
 * Both forms of today begin so (contract §9); the rest has whatever length and alphabet a header can carry, up to eight
 * times what the longer one has.
 */
const INSTALLATION_TOKEN = /^ghs_[\x21-\x7e]{16,4096}$/
/** RFC 9110 §11.1, as much of it as schemes are made of. */
const SCHEME = /^[A-Za-z][A-Za-z0-9-]{0,31}(?= |$)/

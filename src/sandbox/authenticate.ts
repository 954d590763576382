import { checkAppJwt, undecodable } from './app-jwt.ts'
import type { RegisteredApp } from './apps.ts'
import { GitHubError } from './github-answer.ts'
import type { GitHubCaller, Route, RouteContext } from './route.ts'

export interface AuthenticationContext extends Pick<RouteContext, 'office' | 'state'> {
  readonly apps: readonly RegisteredApp[]
  readonly now: () => number
}

/** The kind of credential a request has, valid or not. */
export function credentialKind(authorization: string | undefined): GitHubCaller['kind'] {
  if (authorization === undefined) return 'none'
  return APP_JWT.test(authorization) ? 'app' : 'installation'
}

/** GitHub refuses a credential that is no good on every route, public ones too. */
export function authenticate(authorization: string | undefined, context: AuthenticationContext): GitHubCaller {
  if (authorization === undefined) return { kind: 'none' }
  const credential = CREDENTIAL.exec(authorization)?.[1] ?? ''
  if (credentialKind(authorization) === 'app') {
    return { kind: 'app', app: checkAppJwt(credential, context.apps, context.now()) }
  }
  const token = context.office.find(credential)
  const installation = token === undefined ? undefined : context.state.installations.get(token.installationId)
  if (token === undefined || installation === undefined) throw new GitHubError(401, 'Bad credentials')
  if (installation.suspendedAt !== undefined) throw new GitHubError(403, 'This installation has been suspended')
  return { kind: 'installation', token, installation }
}

/** Refuses a credential of the wrong kind for the route. */
export function requireCaller({ by }: Route, { kind }: GitHubCaller): void {
  if (by === 'app' && kind !== 'app') throw undecodable()
  if (by === 'installation' && kind === 'none') throw new GitHubError(401, 'Requires authentication')
  if (kind === 'app' && (by === 'installation' || by === 'anybody but the app')) {
    throw new GitHubError(403, 'Resource not accessible by integration')
  }
}

const APP_JWT = /^bearer +eyJ/i
const CREDENTIAL = /^(?:bearer|token) +(\S+)$/i

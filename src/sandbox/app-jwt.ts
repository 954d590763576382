import { verify } from 'node:crypto'
import type { RegisteredApp } from './apps.ts'
import { GitHubError } from './github-answer.ts'

/**
 * The App that signed an App JWT, checked as GitHub does: RS256 by that App's key, `iss` its id (number or text) or
 * client id, `iat` not in the future, `exp` in the future and at most 10 minutes ahead. Throws GitHub's own answers.
 */
export function checkAppJwt(jwt: string, apps: readonly RegisteredApp[], nowMs: number): RegisteredApp {
  const [header = '', payload = '', signature = '', ...rest] = jwt.split('.')
  if (rest.length > 0 || objectOf(header)?.['alg'] !== 'RS256') throw undecodable()
  const claims = objectOf(payload)
  if (claims === undefined) throw undecodable()
  const { iss, iat, exp } = claims
  const app = apps.find(({ id, clientId }) => iss === id || iss === String(id) || iss === clientId)
  if (app === undefined) throw new GitHubError(404, 'Integration not found')
  const signed = Buffer.from(`${header}.${payload}`)
  if (!verify('sha256', signed, app.publicKey, Buffer.from(signature, 'base64url'))) throw undecodable()
  const now = nowMs / MS_PER_SECOND
  if (typeof exp !== 'number' || exp <= now) {
    throw new GitHubError(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    )
  }
  if (exp > now + LONGEST_S) throw new GitHubError(401, "'Expiration time' claim ('exp') is too far in the future")
  if (typeof iat !== 'number' || iat > now) {
    throw new GitHubError(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    )
  }
  return app
}

/** GitHub's answer to a bearer that is no App JWT, or one whose signature does not match. */
export function undecodable(): GitHubError {
  return new GitHubError(401, 'A JSON web token could not be decoded')
}

const MS_PER_SECOND = 1000
/** "No more than 10 minutes into the future": docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App". */
const LONGEST_S = 600

function objectOf(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

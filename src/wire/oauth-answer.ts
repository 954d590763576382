import type { Issued } from '../exchange/request.ts'
import type { Denial } from '../terms/denial.ts'
import { type DetailContext, messageOf, retryAfterMs } from './details.ts'
import { type HttpAnswer, jsonAnswer } from './http-answer.ts'
import { ACCESS_TOKEN_TYPE } from './oauth-grant.ts'
import { answerOf, type OAuthCredential, oauthErrorOf, oauthStatusOf } from './status.ts'

/** A token, as RFC 6749 §5.1 and RFC 8693 §2.2.1 have it; `expires_in` is rounded down, so that no client believes too long. */
export function oauthTokenAnswer({ token, expiresAt, permissions, refreshToken }: Issued, now: number): HttpAnswer {
  const granted = Object.entries(permissions).map(([name, level]) => `${name}:${level}`)
  return notStored(
    jsonAnswer(200, {
      access_token: token,
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: 'Bearer',
      expires_in: Math.max(0, Math.floor((expiresAt.getTime() - now) / 1_000)),
      scope: granted.sort().join(' '),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken.token }),
    }),
  )
}

/** A revocation, of a token that was there or of one that was not: nobody learns which (RFC 7009 §2.2). */
export function oauthRevokedAnswer(): HttpAnswer {
  return notStored({ status: 200, headers: {}, body: '' })
}

export interface OAuthRefusalContext extends DetailContext {
  readonly credential: OAuthCredential
  /** The scheme of the request's `Authorization` header, where there is one: it is what a challenge must name. */
  readonly scheme: string | undefined
}

/** A denial as RFC 6749 §5.2 has it: `error`, a description in its alphabet, and the page of the reason. */
export function oauthRefusal(denial: Denial, context: OAuthRefusalContext): HttpAnswer {
  const answer = answerOf(denial.reason)
  const error = oauthErrorOf(answer, context.credential)
  const { scheme } = context
  // "If the client attempted to authenticate via the Authorization request header field": then 401, and otherwise 400,
  // because 401 would say that there is a scheme to authenticate by.
  const challenged = error === 'invalid_client' && scheme !== undefined
  const status = challenged ? 401 : oauthStatusOf(answer)
  const waitMs = retryAfterMs(denial)
  // What the exchange calls cap is `scope` here.
  const place = denial.field === 'cap' ? 'scope: ' : ''
  const { headers, ...rest } = jsonAnswer(status, {
    error,
    error_description: place + descriptionOf(messageOf(denial, context)),
    error_uri: `https://${context.domain}/errors#${denial.reason}`,
  })
  return notStored({
    ...rest,
    headers: {
      ...headers,
      ...(waitMs === undefined ? {} : { 'retry-after': String(Math.ceil(waitMs / 1_000)) }),
      ...(challenged ? { 'www-authenticate': `${scheme} realm="${context.domain}"` } : {}),
    },
  })
}

/**
 * Text in the alphabet of `error_description`, which is printable ASCII without `"` and `\`: quotation marks become
 * apostrophes, all else is percent-encoded.
 */
function descriptionOf(message: string): string {
  return message
    .replaceAll('"', "'")
    .replace(OUTSIDE, (character) =>
      [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    )
}

function notStored({ headers, ...answer }: HttpAnswer): HttpAnswer {
  return { ...answer, headers: { ...headers, 'cache-control': 'no-store', pragma: 'no-cache' } }
}

const OUTSIDE = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/gu

import type { Claims } from '../terms/claims.ts'
import { Denial } from '../terms/denial.ts'
import { isLongerThan, isPrintable, quote } from '../terms/text.ts'
import { type AgeRule, checkAge, checkExpiry, checkNotAhead } from '../terms/time-claims.ts'

/**
 * The claims of a payload whose signature holds. Refuses with `TOKEN_EXPIRED`, `TOKEN_NOT_YET_VALID`, `TOKEN_TOO_OLD`,
 * `SUBJECT_MALFORMED` and `AUDIENCE_MALFORMED` (contract §5). White space and brackets in a subject are welcome.
 */
export function checkClaims(payload: Claims['payload'] & { readonly iss: string }, age: AgeRule): Claims {
  const { nowMs } = age
  const exp = checkExpiry(payload, nowMs)
  const nbf = checkNotAhead(payload, 'nbf', nowMs)
  const iat = checkNotAhead(payload, 'iat', nowMs)
  checkAge(payload, age)
  const sub = subjectOf(payload)
  const aud = audienceOf(payload)
  const jti = own(payload, 'jti')
  return { iss: payload.iss, sub, aud, exp, iat, nbf, jti: typeof jti === 'string' ? jti : undefined, payload }
}

function subjectOf(payload: Claims['payload']): string {
  const sub = own(payload, 'sub')
  const fault = textFault(sub)
  if (typeof sub === 'string' && fault === undefined) return sub
  throw new Denial('SUBJECT_MALFORMED', `invalid subject in token: ${shown('sub', sub)} ${fault}`)
}

function audienceOf(payload: Claims['payload']): readonly string[] {
  const aud = own(payload, 'aud')
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (list.length === 0) throw new Denial('AUDIENCE_MALFORMED', 'invalid audience in token: aud is an empty list')
  if (list.length > AUDIENCES) {
    throw new Denial('AUDIENCE_MALFORMED', `invalid audience in token: aud has more than ${AUDIENCES} entries`)
  }
  return list.map((each) => {
    const fault = textFault(each)
    if (typeof each === 'string' && fault === undefined) return each
    throw new Denial('AUDIENCE_MALFORMED', `invalid audience in token: ${shown('aud', each)} ${fault}`)
  })
}

function textFault(value: unknown): string | undefined {
  if (value === undefined) return 'is missing'
  if (typeof value !== 'string') return 'is not a text'
  if (value === '') return 'is empty'
  if (isLongerThan(value, TEXT_LIMIT)) return `is longer than ${TEXT_LIMIT} characters`
  return isPrintable(value) ? undefined : 'has characters that can not be printed'
}

function shown(name: string, value: unknown): string {
  return typeof value === 'string' && value !== '' ? `${name} ${quote(value)}` : name
}

function own(payload: Claims['payload'], name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : undefined
}

/** Code points (contract §5). */
const TEXT_LIMIT = 255

/** Each costs every policy a match: real tokens have one, or a handful. */
const AUDIENCES = 100

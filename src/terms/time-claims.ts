import { Denial } from './denial.ts'

/**
 * Checks `exp` (RFC 7519 §4.1.4) without any leeway: a token is dead at the millisecond it names. Refuses with
 * `TOKEN_EXPIRED` what has expired, and what has no `exp` that is a finite JSON number, because it would never expire.
 * Needs no signature, so it can be asked before anything is fetched. Returns `exp` in seconds since 1970.
 */
export function checkExpiry(payload: Readonly<Record<string, unknown>>, nowMs: number): number {
  const exp = numericDate(payload, 'exp')
  if (exp === undefined) throw new Denial('TOKEN_EXPIRED', `${UNVERIFIED}: it has no expiry (exp)`)
  if (exp === 'malformed') {
    throw new Denial('TOKEN_EXPIRED', `${UNVERIFIED}: its expiry (exp) is not a number of seconds since 1970`)
  }
  if (exp * 1000 > nowMs) return exp
  throw new Denial('TOKEN_EXPIRED', `${UNVERIFIED}: it expired at ${instant(exp)}; get a fresh token`)
}

/**
 * Checks `nbf` or `iat` (RFC 7519 §4.1.5, §4.1.6), which may be 5 minutes ahead of this machine's clock. Refuses with
 * `TOKEN_NOT_YET_VALID` what is further ahead, and what is no finite JSON number. Returns its seconds, if it has any.
 */
export function checkNotAhead(
  payload: Readonly<Record<string, unknown>>,
  name: 'nbf' | 'iat',
  nowMs: number,
): number | undefined {
  const date = numericDate(payload, name)
  if (date === undefined) return undefined
  if (date === 'malformed') {
    throw new Denial('TOKEN_NOT_YET_VALID', `${UNVERIFIED}: its ${name} is not a number of seconds since 1970`)
  }
  if (date * 1000 <= nowMs + LEEWAY_MS) return date
  throw new Denial('TOKEN_NOT_YET_VALID', `${UNVERIFIED}: ${AHEAD[name]} ${instant(date)}; compare the clocks`)
}

/** How old a token may be. */
export interface AgeRule {
  /** Milliseconds; undefined: as old as its `exp` allows. */
  readonly maxAgeMs: number | undefined
  readonly nowMs: number
}

/**
 * Checks how long ago a token was issued, by its `iat` (`MAX_TOKEN_AGE`). A token that is exactly `maxAgeMs` old is
 * accepted, and there is no leeway. Refuses with `TOKEN_TOO_OLD` what is older, and what does not say when it was issued by
 * a finite JSON number. Needs no signature, so it can be asked before anything is fetched.
 */
export function checkAge(payload: Readonly<Record<string, unknown>>, { maxAgeMs, nowMs }: AgeRule): void {
  if (maxAgeMs === undefined) return
  const accepted = `tokens are accepted for ${maxAgeMs / 1000} s after that`
  const iat = numericDate(payload, 'iat')
  if (iat === undefined) {
    throw new Denial('TOKEN_TOO_OLD', `${UNVERIFIED}: it does not say when it was issued (iat), and ${accepted} only`)
  }
  if (iat === 'malformed') {
    throw new Denial(
      'TOKEN_TOO_OLD',
      `${UNVERIFIED}: its iat is not a number of seconds since 1970, and ${accepted} only`,
    )
  }
  if (nowMs - iat * 1000 <= maxAgeMs) return
  throw new Denial(
    'TOKEN_TOO_OLD',
    `${UNVERIFIED}: it was issued at ${instant(iat)}, and ${accepted} only; get a fresh token`,
  )
}

/** JSON.parse makes Infinity of `1e999`: that is no date. */
function numericDate(payload: Readonly<Record<string, unknown>>, name: string): number | 'malformed' | undefined {
  const value = Object.hasOwn(payload, name) ? payload[name] : undefined
  if (value === undefined) return undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : 'malformed'
}

/** RFC 3339 in UTC; the bare number for what lies outside of the years that it can write. */
function instant(seconds: number): string {
  const date = new Date(seconds * 1000)
  const year = date.getUTCFullYear()
  if (Number.isNaN(year) || year < 0 || year > 9999) return `${seconds} seconds since 1970`
  return date.toISOString().replace('.000Z', 'Z')
}

const UNVERIFIED = 'unable to verify bearer token'
const AHEAD = { nbf: 'it is not valid before', iat: 'it was issued in the future, at' } as const

/** The reference's leeway for clocks that differ (contract §5). */
const LEEWAY_MS = 5 * 60_000

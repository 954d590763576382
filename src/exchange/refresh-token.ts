import type { Claims } from '../terms/claims.ts'
import { isJsonObject } from '../terms/json.ts'
import { isLevel, type Level } from '../terms/permissions.ts'

/**
 * What a refresh token carries, sealed. The claims of the original subject token are in it, all of them, because the policy
 * of a later day may look at others than today's. The store has only the family's generation, end and revocation.
 */
export interface RefreshTokenContents {
  /** 128 random bits, base64url: the chain of refresh tokens that began with one exchange. */
  readonly family: string
  /** 0 for the first refresh token, and one more for each that follows. */
  readonly generation: number
  /** When the family began and when it ends, in milliseconds since 1970 by the store's clock. */
  readonly startedAtMs: number
  readonly endsAtMs: number
  readonly scope: string
  readonly identity: string
  /** `permission:level`: what earlier requests of the family narrowed its tokens to; undefined when none did. */
  readonly cap: readonly (readonly [string, Level])[] | undefined
  readonly claims: Claims
}

/** Seals and opens refresh tokens. */
export interface RefreshTokenSeal {
  /** Undefined when the sealed token would be longer than a header can carry (12 KiB). */
  seal(contents: RefreshTokenContents): Promise<string | undefined>
  /** Undefined for whatever was not sealed with a key that is known here. */
  open(token: string): Promise<RefreshTokenContents | undefined>
}

/** Contents as JSON: short member names, because the sealed token travels in a header. */
export function encodeContents(contents: RefreshTokenContents): string {
  const { family, generation, startedAtMs, endsAtMs, scope, identity, cap, claims } = contents
  const members = { v: VERSION, f: family, g: generation, s: startedAtMs, e: endsAtMs, o: scope, i: identity, c: cap }
  return JSON.stringify({ ...members, p: claims.payload, x: claims.exactPayload, a: claims.aud })
}

/** Reads what `encodeContents` wrote; undefined for anything else, such as the contents of a later version. */
export function decodeContents(text: string): RefreshTokenContents | undefined {
  const value: unknown = JSON.parse(text)
  if (!isJsonObject(value) || value['v'] !== VERSION) return undefined
  const {
    f: family,
    g: generation,
    s: startedAtMs,
    e: endsAtMs,
    o: scope,
    i: identity,
    c,
    p: payload,
    x: exactPayload,
    a: aud,
  } = value
  const cap = capOf(c)
  if (typeof family !== 'string' || !isCount(generation) || !isCount(startedAtMs) || !isCount(endsAtMs))
    return undefined
  if (typeof scope !== 'string' || typeof identity !== 'string' || cap === null) return undefined
  const claims = claimsOf({ payload, exactPayload, aud })
  if (claims === undefined) return undefined
  return { family, generation, startedAtMs, endsAtMs, scope, identity, cap, claims }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function capOf(value: unknown): RefreshTokenContents['cap'] | null {
  if (value === undefined) return undefined
  if (!Array.isArray(value)) return null
  const entries = value.flatMap((entry: unknown) => {
    const [name, level] = Array.isArray(entry) ? entry : []
    return typeof name === 'string' && typeof level === 'string' && isLevel(level) ? [[name, level] as const] : []
  })
  return entries.length === value.length ? entries : null
}

function claimsOf({ payload, exactPayload, aud }: Record<string, unknown>): Claims | undefined {
  if (!isJsonObject(payload) || !Array.isArray(aud)) return undefined
  const { iss, sub, exp, iat, nbf, jti } = payload
  if (typeof iss !== 'string' || typeof sub !== 'string' || typeof exp !== 'number') return undefined
  return {
    iss,
    sub,
    aud: aud.filter((each) => typeof each === 'string'),
    exp,
    ...(typeof iat === 'number' ? { iat } : {}),
    ...(typeof nbf === 'number' ? { nbf } : {}),
    ...(typeof jti === 'string' ? { jti } : {}),
    payload,
    ...(isJsonObject(exactPayload) ? { exactPayload } : {}),
  }
}

const VERSION = 1

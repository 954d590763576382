/**
 * The claims of a token whose signature was verified (RFC 7519 §4). Registered claims have their types; every other is
 * reached by `claimOf`, so that `__proto__`, `constructor` and their like are ordinary names.
 */
export interface Claims {
  readonly iss: string
  readonly sub: string
  /** One or more; the JSON form with a single text is a list of one here. */
  readonly aud: readonly string[]
  /** Seconds since 1970, fractions allowed (RFC 7519 NumericDate). */
  readonly exp: number
  readonly iat?: number | undefined
  readonly nbf?: number | undefined
  readonly jti?: string | undefined
  /** The whole payload as it was signed. */
  readonly payload: Readonly<Record<string, unknown>>
  /** The payload with whole numbers beyond 2^53 as the texts they were written as; absent when it has none. */
  readonly exactPayload?: Readonly<Record<string, unknown>>
}

/** The claim of that exact name, or undefined when the token has none. */
export function claimOf(claims: Pick<Claims, 'payload'>, name: string): unknown {
  return Object.hasOwn(claims.payload, name) ? claims.payload[name] : undefined
}

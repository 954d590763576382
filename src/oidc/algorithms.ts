/** The key that an algorithm needs: `kty` (RFC 7518 §6.1, RFC 8037 §2) and, where it has one, `crv`. */
export interface KeyShape {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv?: string
}

/** The shape of key for a signing algorithm that this service knows, or undefined: `none` and HS* are not among them. */
export function keyShapeFor(alg: string): KeyShape | undefined {
  return SHAPES.get(alg)
}

/** All that this service knows, as a phrase for a person. */
export const KNOWN_ALGORITHMS = 'RS256/384/512, PS256/384/512, ES256/384/512 and EdDSA'

/** What an issuer signs with that lists nothing (contract §5; OpenID Connect Core §3.1.3.7). */
export const DEFAULT_ALGORITHM = 'RS256'

const SHAPES: ReadonlyMap<string, KeyShape> = new Map<string, KeyShape>([
  ['RS256', { kty: 'RSA' }],
  ['RS384', { kty: 'RSA' }],
  ['RS512', { kty: 'RSA' }],
  ['PS256', { kty: 'RSA' }],
  ['PS384', { kty: 'RSA' }],
  ['PS512', { kty: 'RSA' }],
  ['ES256', { kty: 'EC', crv: 'P-256' }],
  ['ES384', { kty: 'EC', crv: 'P-384' }],
  ['ES512', { kty: 'EC', crv: 'P-521' }],
  ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
])

import { createPublicKey, type KeyObject } from 'node:crypto'
import { isWeakRsaKey } from './weak-rsa-key.ts'

/**
 * The public key of a JWK (RFC 7518 §6, RFC 8037 §2), or undefined when it is none, incomplete or weak. Node checks that a
 * point lies on its curve. Only the members that make the key are looked at.
 */
export function readPublicKey({ kty, crv, n, e, x, y }: Readonly<Record<string, unknown>>): KeyObject | undefined {
  const names = MEMBERS.get(kty)
  if (names === undefined) return undefined
  const all = { crv, n, e, x, y }
  const members = names.map((name) => [name, all[name]] as const)
  if (!members.every(([, value]) => typeof value === 'string')) return undefined
  const key = publicKey({ kty, ...Object.fromEntries(members) })
  return key?.asymmetricKeyType === 'rsa' && isWeakRsaKey(key) ? undefined : key
}

function publicKey(jwk: Record<string, unknown>): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' })
  } catch {
    return undefined
  }
}

type Member = 'crv' | 'n' | 'e' | 'x' | 'y'

const MEMBERS: ReadonlyMap<unknown, readonly Member[]> = new Map<unknown, readonly Member[]>([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
  ['OKP', ['crv', 'x']],
])

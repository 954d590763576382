import { createPublicKey, type KeyObject } from 'node:crypto'
import { isJsonObject } from '../terms/json.ts'
import { keyShapeFor } from './algorithms.ts'
import { isWeakRsaKey } from './weak-rsa-key.ts'

/** The keys of an issuer that this service understands. */
export interface KeySet {
  /** Those that may have signed a token with that header: of that `kid`, or all that suit when it has none. */
  candidates(header: { readonly alg: string; readonly kid: string | undefined }): readonly KeyObject[]
}

/**
 * Reads a JWK Set (RFC 7517 §5): undefined when it is none. Members that are no keys, or keys that are not understood,
 * incomplete, weak or meant for something else are ignored, as the RFC asks; the others work on.
 */
export function readKeySet(document: unknown, limit: number): KeySet | undefined {
  if (!isJsonObject(document) || !Array.isArray(document['keys'])) return undefined
  const keys = document['keys'].slice(0, limit).flatMap((member: unknown) => readKey(member) ?? [])
  return {
    candidates({ alg, kid }) {
      const shape = keyShapeFor(alg)
      if (shape === undefined) return []
      return keys
        .filter((key) => key.kty === shape.kty && key.crv === shape.crv)
        .filter((key) => key.alg === undefined || key.alg === alg)
        .filter((key) => kid === undefined || key.kid === kid)
        .map((key) => key.publicKey)
    },
  }
}

interface VerificationKey {
  readonly kty: unknown
  readonly crv: unknown
  readonly kid: unknown
  readonly alg: unknown
  readonly publicKey: KeyObject
}

function readKey(member: unknown): VerificationKey | undefined {
  if (!isJsonObject(member) || !isForVerification(member)) return undefined
  const publicKey = publicKeyOf(member)
  if (publicKey === undefined || isWeak(publicKey)) return undefined
  const { kty, crv, kid, alg } = member
  return { kty, crv: kty === 'RSA' ? undefined : crv, kid, alg, publicKey }
}

/** RFC 7517 §4.2 and §4.3. A key whose private part is published signs for everybody. */
function isForVerification({ use, key_ops: operations, d }: Record<string, unknown>): boolean {
  if (use !== undefined && use !== 'sig') return false
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false
  return d === undefined
}

/** Node checks that a point lies on its curve. Only the members that make the key reach it. */
function publicKeyOf({ kty, crv, n, e, x, y }: Record<string, unknown>): KeyObject | undefined {
  const members = MEMBERS.get(kty)
  if (members === undefined) return undefined
  const all = { crv, n, e, x, y }
  const key = Object.fromEntries(members.map((name) => [name, all[name]]))
  if (!Object.values(key).every((value) => typeof value === 'string')) return undefined
  try {
    return createPublicKey({ key: { kty, ...key } as Record<string, string>, format: 'jwk' })
  } catch {
    return undefined
  }
}

function isWeak(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'rsa' && isWeakRsaKey(key)
}

const MEMBERS: ReadonlyMap<unknown, readonly ('crv' | 'n' | 'e' | 'x' | 'y')[]> = new Map<
  unknown,
  readonly ('crv' | 'n' | 'e' | 'x' | 'y')[]
>([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
  ['OKP', ['crv', 'x']],
])

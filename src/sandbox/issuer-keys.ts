import { generateKeyPair, type KeyObject, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { exportJWK, type JWK } from 'jose'

/** A key pair of the sandbox issuer, with the JWK it is published as (RFC 7517). */
export interface SandboxKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: JWK
}

/** One key for each family of algorithms; RSA, being published without `alg`, serves RS* and PS* alike. */
export type SandboxKeys = Readonly<Record<Family, SandboxKey>>

export type Family = 'RSA' | 'P-256' | 'P-384' | 'P-521' | 'Ed25519'

/** The key family that signs with `alg` (RFC 7518 §3.1, RFC 8037 §3.1), or undefined for none of ours. */
export function familyOf(alg: string): Family | undefined {
  return FAMILY_OF.get(alg)
}

/** Every algorithm that the sandbox can sign with: what its discovery lists. */
export function signingAlgorithms(): readonly string[] {
  return [...FAMILY_OF.keys()]
}

/** A fresh key of each family, each with a `kid` that was never used before. */
export async function generateSandboxKeys(): Promise<SandboxKeys> {
  const [rsa, p256, p384, p521, ed25519] = await Promise.all([
    generateSandboxKey('RSA'),
    generateSandboxKey('P-256'),
    generateSandboxKey('P-384'),
    generateSandboxKey('P-521'),
    generateSandboxKey('Ed25519'),
  ])
  return { RSA: rsa, 'P-256': p256, 'P-384': p384, 'P-521': p521, Ed25519: ed25519 }
}

/** `modulusBits` is for RSA alone: a test may want a key that is too small. */
export async function generateSandboxKey(family: Family, modulusBits = 2048): Promise<SandboxKey> {
  const { privateKey, publicKey } = await keyPair(family, modulusBits)
  const kid = `${family.toLowerCase()}-${randomUUID().slice(0, 8)}`
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' } }
}

function keyPair(family: Family, modulusBits: number): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  const generate = promisify(generateKeyPair)
  if (family === 'RSA') return generate('rsa', { modulusLength: modulusBits })
  if (family === 'Ed25519') return generate('ed25519', {})
  return generate('ec', { namedCurve: family })
}

const FAMILY_OF: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['RS256', 'RSA'],
  ['RS384', 'RSA'],
  ['RS512', 'RSA'],
  ['PS256', 'RSA'],
  ['PS384', 'RSA'],
  ['PS512', 'RSA'],
  ['ES256', 'P-256'],
  ['ES384', 'P-384'],
  ['ES512', 'P-521'],
  ['EdDSA', 'Ed25519'],
])

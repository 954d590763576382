import type { KeyObject } from 'node:crypto'

/**
 * True for a public RSA key that proves nothing, or that costs too much: under 2048 bits (RFC 7518 §3.3, contract §5) or
 * over 8192, an exponent of 1 (every message is its own signature), even, or over 64 bits, or made by the chips of
 * CVE-2017-15361 (ROCA), whose keys can be factored.
 */
export function isWeakRsaKey(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < MODULUS_BITS.least || modulusLength > MODULUS_BITS.most) return true
  if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent > EXPONENT_MOST) return true
  return hasRocaFingerprint(modulusOf(key))
}

function modulusOf(key: KeyObject): bigint {
  const { n = '' } = key.export({ format: 'jwk' })
  return BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`)
}

/**
 * Those chips made primes of the form k·M + 65537^a mod M, so that modulo each small prime the key lies among the powers
 * of 65537 (Nemec et al., "The Return of Coppersmith's Attack", §2.3). By chance one key in 2^27 does.
 */
function hasRocaFingerprint(modulus: bigint): boolean {
  return ROCA_RESIDUES.every(([prime, powers]) => powers.has(Number(modulus % BigInt(prime))))
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}

const MODULUS_BITS = { least: 2_048, most: 8_192 } as const
const EXPONENT_MOST = 2n ** 64n

const ROCA_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
] as const
const ROCA_RESIDUES = ROCA_PRIMES.map((prime) => [prime, powersOf65537(prime)] as const)

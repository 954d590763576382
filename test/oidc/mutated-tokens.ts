import { constants, generateKeyPairSync, type KeyObject, type SignKeyObjectInput, sign } from 'node:crypto'

/** A token, and the key that it is held against. */
export interface Trial {
  readonly compact: string
  readonly key: KeyObject
}

/** Numbers from 0 to below `limit`. */
export type Dice = (limit: number) => number

/** The same numbers for the same seed (mulberry32). */
export function seededDice(seed: number): Dice {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

/** Tokens that are right, and those with one flaw or oddity, of a bounded set that is signed once. */
export function mutatedTokens(dice: Dice): () => Trial {
  const pick = <T>(list: readonly T[]): T => list[dice(list.length)] as T
  const keys = generateKeys()
  const signed = signTokens(keys)
  const publicKeys = Object.values(keys)
    .flat()
    .map(({ publicKey }) => publicKey)

  return () => {
    const { compact, key } = pick(signed)
    const [head = '', body = '', signature = ''] = compact.split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const withSignature = (changed: Uint8Array) => ({ key, compact: `${head}.${body}.${base64url(changed)}` })
    const position = dice(Math.max(1, bytes.length))
    switch (dice(16)) {
      case 0:
      case 1:
      case 2:
        return { compact, key }
      case 3:
      case 4:
        return withSignature(bytes.map((byte, index) => (index === position ? byte ^ (1 << dice(8)) : byte)))
      case 5: // r or s, or a whole signature, of an extreme value
        return withSignature(Buffer.from(bytes).fill(pick([0x00, 0xff]), pick([0, 32]), pick([32, bytes.length])))
      case 6: // longer, shorter, moved
        return withSignature(pick([bytes.subarray(1), bytes.subarray(0, -1), joined(bytes, [0]), joined([0], bytes)]))
      case 7: // another signature of the same make
        return { key, compact: `${head}.${body}.${pick(signed).compact.split('.')[2]}` }
      case 8: // (r, n − s) fits as well as (r, s)
        return bytes.length === 64 ? withSignature(mirrored(bytes)) : { compact, key: pick(publicKeys) }
      case 9:
        return { compact, key: pick(publicKeys) }
      case 10:
        return { key, compact: `${base64url(oddHeader(head, pick))}.${body}.${signature}` }
      case 11:
        return { key, compact: `${head}.${pick(signed).compact.split('.')[1]}.${signature}` }
      case 12: {
        const payload = Buffer.from(body, 'base64url')
          .toString()
          .replace('"sub":"', `"sub":"${dice(1000)}`)
        return { key, compact: `${head}.${base64url(payload)}.${signature}` }
      }
      case 13: {
        // another spelling of the same bytes
        const at = dice(3)
        return {
          key,
          compact: [head, body, signature].map((part, index) => (index === at ? respelt(part) : part)).join('.'),
        }
      }
      case 14: {
        const at = dice(compact.length)
        return { key, compact: compact.slice(0, at) + pick([...ALPHABET, '.', '=', '']) + compact.slice(at + dice(2)) }
      }
      default: // with a part as long as none can be
        return { key, compact: pick([`${head}A.${body}.${signature}`, `${head}.${body}A.${signature}`, `${compact}A`]) }
    }
  }
}

interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** Two of each family, so that there is a wrong one that suits. */
function generateKeys() {
  const rsa = (modulusLength: number, publicExponent = 65_537) =>
    generateKeyPairSync('rsa', { modulusLength, publicExponent })
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
  return {
    RS: [rsa(2048), rsa(2048), rsa(2056), rsa(2048, 3)],
    ES256: [ec('P-256'), ec('P-256'), ec('secp256k1')],
    ES384: [ec('P-384')],
    ES512: [ec('P-521')],
    EdDSA: [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')],
  } satisfies Record<string, readonly KeyPair[]>
}

/** Each algorithm with each of its keys, header and payloads of all lengths modulo 3; and signatures of a wrong make. */
function signTokens(keys: ReturnType<typeof generateKeys>): readonly Trial[] {
  const pss = (saltLength: number) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })
  const p1363 = { dsaEncoding: 'ieee-p1363' } as const
  const makes: readonly (readonly [alg: string, digest: string | null, keys: readonly KeyPair[], how: object])[] = [
    ['RS256', 'sha256', keys.RS, {}],
    ['RS384', 'sha384', keys.RS, {}],
    ['RS512', 'sha512', keys.RS, {}],
    ['PS256', 'sha256', keys.RS, pss(32)],
    ['PS384', 'sha384', keys.RS, pss(48)],
    ['PS512', 'sha512', keys.RS, pss(64)],
    ['ES256', 'sha256', keys.ES256, p1363],
    ['EdDSA', null, keys.EdDSA, {}],
    ['ES384', 'sha384', keys.ES384, p1363],
    ['ES512', 'sha512', keys.ES512, p1363],
    // Wrong: the digest, the salt, the padding, the curve, the encoding.
    ['RS256', 'sha512', keys.RS, {}],
    ['PS256', 'sha256', keys.RS, pss(0)],
    ['PS256', 'sha256', keys.RS, pss(33)],
    ['PS512', 'sha512', keys.RS, pss(32)],
    ['PS256', 'sha256', keys.RS, {}],
    ['RS256', 'sha256', keys.RS, pss(32)],
    ['ES256', 'sha256', keys.ES384, p1363],
    ['ES256', 'sha256', keys.ES256, {}],
  ]
  return makes.flatMap(([alg, digest, pairs, how]) =>
    pairs.flatMap(({ publicKey, privateKey }) =>
      PAYLOADS.flatMap((payload, index) => {
        const header = JSON.stringify(HEADERS[index % HEADERS.length]).replace('ALG', alg)
        const input = `${base64url(header)}.${base64url(JSON.stringify(payload))}`
        const options: SignKeyObjectInput = { key: privateKey, ...how }
        return { compact: `${input}.${base64url(sign(digest, Buffer.from(input), options))}`, key: publicKey }
      }),
    ),
  )
}

/** Mutants keep a header that the parser reads: what it refuses never comes to a signature. */
function oddHeader(head: string, pick: <T>(list: readonly T[]) => T): string {
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>
  const change = pick<Record<string, unknown>>([
    ...[...ALGORITHMS, 'none', 'HS256', 'rs256', '', 'Ed25519'].map((alg) => ({ alg })),
    { crit: ['b64'], b64: false },
    { crit: [] },
    { b64: false },
    { jku: 'https://evil.example' },
    { typ: 7 },
    { kid: null },
  ])
  return JSON.stringify({ ...header, ...change }, null, pick([0, 1]))
}

/** (r, n − s) on P-256. */
function mirrored(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
  const other = s === 0n || s > P256_ORDER ? s : P256_ORDER - s
  return joined(signature.subarray(0, 32), Buffer.from(other.toString(16).padStart(64, '0'), 'hex'))
}

/** With the unused bits of the last character set, or with padding. */
function respelt(part: string): string {
  const last = ALPHABET.indexOf(part.at(-1) ?? 'A')
  return part.length % 4 === 0 ? `${part}=` : `${part.slice(0, -1)}${ALPHABET[last ^ 1]}`
}

function joined(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Buffer.concat(parts.map((part) => Uint8Array.from(part)))
}

function base64url(bytes: string | Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const
const HEADERS = [{ alg: 'ALG' }, { alg: 'ALG', kid: 'k', typ: 'JWT' }, { typ: 'JWT', alg: 'ALG', x5t: 'AAA' }] as const
const PAYLOADS = ['x', 'xy', 'xyz', 'übung', 'x'.repeat(1500)].map((sub) => ({ iss: 'https://idp.example', sub }))
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

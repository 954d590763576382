import { constants, generateKeyPairSync, type KeyObject, privateEncrypt, verify } from 'node:crypto'

/** An RSA key of a test, and what a service that holds it does with it. */
export interface RsaKey {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly pem: string
  /** RSASSA-PKCS1-v1_5 of a SHA-256 digest (RFC 8017 §8.2.1). */
  signDigest(digest: Uint8Array): Buffer
  /** Whether `signature` is RS256 of `input`. */
  verifies(input: string, signature: Uint8Array): boolean
}

export function createRsaKey(modulusLength = 2048): RsaKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return {
    privateKey,
    publicKey,
    pem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    signDigest: (digest) =>
      privateEncrypt(
        { key: privateKey, padding: constants.RSA_PKCS1_PADDING },
        Buffer.concat([SHA256_DIGEST_INFO, digest]),
      ),
    verifies: (input, signature) => verify('RSA-SHA256', Buffer.from(input), publicKey, signature),
  }
}

/** DigestInfo of SHA-256 up to the digest (RFC 8017 §9.2, note 1). */
const SHA256_DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex')

import { CompactEncrypt, compactDecrypt, errors } from 'jose'
import { decodeContents, encodeContents, type RefreshTokenSeal } from '../exchange/refresh-token.ts'

/**
 * Seals refresh tokens as JWE (RFC 7516) with A256KW and A256GCM, a fresh content key each, so that no key of ours is used
 * for so many messages that its nonces could meet. The first key seals; all of them open, so that keys can be rotated.
 * Keys are 32 bytes each; at least one.
 */
export function createRefreshTokenSeal(keys: readonly [Uint8Array, ...Uint8Array[]]): RefreshTokenSeal {
  const [sealing] = keys
  return {
    async seal(contents) {
      const plaintext = new TextEncoder().encode(encodeContents(contents))
      if (plaintext.length > SEALED_LIMIT_BYTES) return undefined
      const jwe = await new CompactEncrypt(plaintext).setProtectedHeader({ ...ALGORITHMS, typ: TYPE }).encrypt(sealing)
      return jwe.length > (contents.generation === 0 ? FIRST_LIMIT_BYTES : SEALED_LIMIT_BYTES) ? undefined : jwe
    },
    async open(token) {
      if (token.length > SEALED_LIMIT_BYTES || token.split('.').length !== JWE_PARTS) return undefined
      for (const key of keys) {
        const plaintext = await decrypt(token, key)
        if (plaintext !== undefined) return decodeContents(plaintext)
      }
      return undefined
    },
  }
}

async function decrypt(token: string, key: Uint8Array): Promise<string | undefined> {
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(token, key, {
      keyManagementAlgorithms: [ALGORITHMS.alg],
      contentEncryptionAlgorithms: [ALGORITHMS.enc],
    })
    return protectedHeader.typ === TYPE ? new TextDecoder().decode(plaintext) : undefined
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}

const ALGORITHMS = { alg: 'A256KW', enc: 'A256GCM' } as const
/** Tells these from whatever else an operator seals with the same keys. */
const TYPE = 'octo-sts-refresh+jwe'
const JWE_PARTS = 5
/** 12 KiB: with its scheme it must pass through proxies that take 16 KiB of headers. */
const SEALED_LIMIT_BYTES = 12_288
/** The first of a family leaves room for the digits that its generation will get: it must not end by them. */
const FIRST_LIMIT_BYTES = SEALED_LIMIT_BYTES - 24

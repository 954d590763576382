import { createHmac, timingSafeEqual } from 'node:crypto'
import { Refusal } from './refusal.ts'

export interface SignatureRules {
  /** Each is accepted, so that they can be rotated. */
  readonly secrets: readonly [string, ...string[]]
  readonly allowSha1: boolean
}

/** Takes the body piece by piece, and then says whether it is GitHub's. */
export interface SignatureCheck {
  update(chunk: Uint8Array): void
  /** Once; false when no secret made this signature. */
  holds(): boolean
}

/**
 * Begins to check the signature that the headers claim (`X-Hub-Signature-256: sha256=` and 64 hexadecimal digits; where the
 * operator allows it and there is no other, `X-Hub-Signature: sha1=` and 40). Refuses with 401 when there is none and with
 * 400 when it is malformed: so the body of such a request is never read.
 */
export function beginSignatureCheck(
  headers: { readonly sha256: string | undefined; readonly sha1: string | undefined },
  { secrets, allowSha1 }: SignatureRules,
): SignatureCheck {
  const claim = claimedSignature(headers, allowSha1)
  const macs = secrets.map((secret) => createHmac(claim.algorithm, secret))
  return {
    update(chunk) {
      for (const mac of macs) mac.update(chunk)
    },
    holds() {
      // All are compared, in constant time: neither which secret it was nor how much of it fitted can be measured.
      const verdicts = macs.map((mac) => timingSafeEqual(mac.digest(), claim.bytes))
      return verdicts.includes(true)
    },
  }
}

function claimedSignature(
  { sha256, sha1 }: { readonly sha256: string | undefined; readonly sha1: string | undefined },
  allowSha1: boolean,
): { readonly algorithm: 'sha256' | 'sha1'; readonly bytes: Buffer } {
  if (sha256 !== undefined) return { algorithm: 'sha256', bytes: bytesOf(sha256, SHA256, 'X-Hub-Signature-256') }
  if (allowSha1 && sha1 !== undefined) return { algorithm: 'sha1', bytes: bytesOf(sha1, SHA1, 'X-Hub-Signature') }
  throw new Refusal(
    401,
    sha1 === undefined
      ? 'the delivery is not signed: set a secret for the webhook in the settings of the App'
      : 'the delivery has no X-Hub-Signature-256: signatures with SHA-1 are not accepted here',
  )
}

function bytesOf(text: string, form: RegExp, header: string): Buffer {
  const [, hex] = form.exec(text) ?? []
  if (hex === undefined) throw new Refusal(400, `${header} is malformed`)
  return Buffer.from(hex, 'hex')
}

const SHA256 = /^sha256=([0-9a-f]{64})$/i
const SHA1 = /^sha1=([0-9a-f]{40})$/i

import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import type { Signer } from '../terms/app-key.ts'

/**
 * The private key of a GitHub App: PEM, PKCS#1 or PKCS#8, also on one line with `\n` written out, as environment variables
 * have it. Throws an Error whose message says what is wrong and never quotes the text.
 */
export function parsePrivateKey(pem: string): KeyObject {
  const text = unwrapped(pem)
  if (text === '') throw new Error('the private key is empty')
  const label = /^-----BEGIN ([A-Z0-9 ]+)-----/m.exec(text)?.[1]
  if (label === undefined)
    throw new Error('the private key is no PEM: it must begin with "-----BEGIN RSA PRIVATE KEY-----"')
  if (label === 'ENCRYPTED PRIVATE KEY' || text.includes('Proc-Type: 4,ENCRYPTED')) {
    throw new Error('the private key is protected by a passphrase: store it without one')
  }
  if (!label.endsWith('PRIVATE KEY')) throw new Error(`the PEM holds a ${label.toLowerCase()}, not a private key`)
  if (!text.includes(`-----END ${label}-----`))
    throw new Error(`the private key is cut off: "-----END ${label}-----" is missing`)
  return checked(text)
}

/** A signer with a key that is held in memory; signs on the thread pool, so that no request waits for another's signature. */
export function createKeySigner(key: KeyObject): Signer {
  return (input) =>
    new Promise((resolve, reject) => {
      sign('RSA-SHA256', Buffer.from(input), key, (error, signature) =>
        error === null ? resolve(signature) : reject(error),
      )
    })
}

/** Environment files keep a PEM on one line, often in quotes that nobody takes off. */
function unwrapped(pem: string): string {
  const lines = pem.replaceAll('\\r', '').replaceAll('\\n', '\n').replaceAll('\r\n', '\n').trim()
  return (/^(["'])([^"']*)\1$/.exec(lines)?.[2] ?? lines).trim()
}

function checked(text: string): KeyObject {
  const key = keyOf(text)
  if (key.asymmetricKeyType !== 'rsa') {
    throw new Error(`the private key is of the kind ${key.asymmetricKeyType}; a GitHub App has an RSA key`)
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (bits < RSA_MIN_BITS) throw new Error(`the private key has ${bits} bits; RS256 needs at least ${RSA_MIN_BITS}`)
  return key
}

function keyOf(text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    // OpenSSL's own words ("DECODER routines::unsupported") help nobody.
    throw new Error('the private key cannot be read: it is damaged, or no RSA key in PKCS#1 or PKCS#8')
  }
}

/** RFC 7518 §3.3. */
const RSA_MIN_BITS = 2048

import { createHash } from 'node:crypto'
import type { Signer } from '../terms/app-key.ts'
import { Denial } from '../terms/denial.ts'
import { KeyFault } from './key-fault.ts'
import { type Patience, patiently } from './patience.ts'

/** Signs with one key of a key management service, in one try. Throws a KeyFault. */
export type RemoteSign = (input: SigningInput, signal: AbortSignal) => Promise<Uint8Array>

/** What is to be signed: services take it as it is, or its SHA-256. */
export interface SigningInput {
  readonly bytes: Uint8Array
  readonly digest: Uint8Array
}

/**
 * A Signer on top of one: bounded time, one more try where that can help, a look at the signature's size, and the refusals
 * of the table. It is asked once in minutes, and after a failure once in a second: the App JWT remembers either.
 */
export function createRemoteSigner(sign: RemoteSign, patience = SIGNING_PATIENCE): Signer {
  return async (input) => {
    const bytes = Buffer.from(input)
    const toSign = { bytes, digest: createHash('sha256').update(bytes).digest() }
    try {
      return await patiently(async (signal) => checked(await sign(toSign, signal)), patience)
    } catch (error) {
      throw error instanceof KeyFault ? refusal(error) : error
    }
  }
}

function checked(signature: Uint8Array): Uint8Array {
  if (signature.length >= LEAST_BYTES && signature.length <= MOST_BYTES) return signature
  throw new KeyFault(
    'refused',
    `the signature has ${signature.length} bytes: the key must be an RSA key of 2048 to 8192 bits`,
  )
}

function refusal(fault: KeyFault): Denial {
  if (fault.kind === 'unavailable') {
    return new Denial(
      'SIGNER_UNAVAILABLE',
      'the key management service that holds the key of the GitHub App did not answer; try again',
      { cause: fault },
    )
  }
  return new Denial(
    'SIGNER_REFUSED',
    'the key management service refused to sign with the key of the GitHub App; the operator of this service must check its name and the right to use it',
    { cause: fault },
  )
}

/** Half of what an exchange may take. */
const SIGNING_PATIENCE: Patience = { totalMs: 5_000, firstTryMs: 3_000 }
/** An RSA signature is as long as the modulus (RFC 8017 §8.2.1): 2048 bits at least (RFC 7518 §3.3), and a bound above. */
const LEAST_BYTES = 256
const MOST_BYTES = 1_024

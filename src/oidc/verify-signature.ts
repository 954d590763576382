import type { KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { compactVerify, errors } from 'jose'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import type { SubjectToken } from '../terms/subject-token.ts'
import { type Candidate, KEYS_A_TURN } from './key-set.ts'
import { verifyQuickly } from './quick-verify.ts'

/**
 * Holds the signature (RFC 7515 §5.2) against each key in turn, until one fits. Refuses with `SIGNATURE_INVALID` when none
 * does. Keys that the token itself carries or points to (`jwk`, `jku`, `x5c`, `x5u`) are never looked at.
 */
export async function verifySignature(
  token: SubjectToken,
  candidates: readonly Candidate[],
  signal: Cancellation,
): Promise<void> {
  for (const [index, candidate] of candidates.entries()) {
    if (index % KEYS_A_TURN === KEYS_A_TURN - 1) await setImmediate() // others have their turn
    signal.throwIfAborted()
    const key = candidate()
    if (key !== undefined && (verifyQuickly(token, key) ?? (await fits(token, key)))) return
  }
  throw signatureInvalid()
}

export function signatureInvalid(): Denial {
  return new Denial(
    'SIGNATURE_INVALID',
    'unable to verify bearer token: its signature does not match the key of its issuer',
  )
}

async function fits({ compact, header }: SubjectToken, key: KeyObject): Promise<boolean> {
  try {
    await compactVerify(compact, key, { algorithms: [header.alg] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}

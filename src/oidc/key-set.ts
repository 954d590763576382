import type { KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { isJsonObject } from '../terms/json.ts'
import { keyShapeFor } from './algorithms.ts'
import { readPublicKey } from './read-public-key.ts'

/** The keys of an issuer that this service understands. */
export interface KeySet {
  /** Those that may have signed a token with that header: of that `kid`, or all that suit when it has none. */
  candidates(header: { readonly alg: string; readonly kid: string | undefined }): readonly Candidate[]
  /** About what the set takes in memory. */
  readonly memoryBytes: number
}

/** A key that is made when it is asked for; undefined when it turns out to be broken or weak. */
export type Candidate = () => KeyObject | undefined

/**
 * Reads a JWK Set (RFC 7517 §5): undefined when it is none. Members that are no keys, or keys that are not understood,
 * incomplete, weak or meant for something else are ignored, as the RFC asks; the others work on.
 */
export function readKeySet(document: unknown, limit: number): KeySet | undefined {
  if (!isJsonObject(document) || !Array.isArray(document['keys'])) return undefined
  const members: readonly unknown[] = document['keys'].slice(0, limit)
  const keys = members.filter(isJsonObject).map(withoutNulls).filter(isForVerification).map(asEntry)
  const byKid = groupByKid(keys)
  const suiting = (alg: string, kid: string | undefined): readonly Candidate[] => {
    const shape = keyShapeFor(alg)
    if (shape === undefined) return []
    return (kid === undefined ? keys : (byKid.get(kid) ?? []))
      .filter(({ jwk }) => jwk['kty'] === shape.kty && (shape.crv === undefined || jwk['crv'] === shape.crv))
      .filter(({ jwk }) => jwk['alg'] === undefined || jwk['alg'] === alg)
      .map(({ key }) => key)
  }
  let last: { readonly alg: string; readonly kid: string | undefined; readonly found: readonly Candidate[] } | undefined
  return {
    memoryBytes: keys.length * JWK_BYTES + Math.min(keys.length, KEPT_KEYS) * KEY_BYTES,
    candidates({ alg, kid }) {
      // An issuer signs with one key for weeks.
      if (last === undefined || last.alg !== alg || last.kid !== kid) last = { alg, kid, found: suiting(alg, kid) }
      return last.found
    },
  }
}

/** The candidates when one of them is a key indeed, none of them otherwise. */
export async function unlessAllBroken(candidates: readonly Candidate[]): Promise<readonly Candidate[]> {
  for (const [index, candidate] of candidates.entries()) {
    if (candidate() !== undefined) return candidates
    if (index % KEYS_A_TURN === KEYS_A_TURN - 1) await setImmediate() // others have their turn
  }
  return []
}

/**
 * Keys that one request makes or tries before the event loop turns: to make the dearest (P-521) takes 1.2 ms, and to try
 * one without leaving the loop 0.2 ms, so that a set of 500 holds up nobody for more than some 6 ms.
 */
export const KEYS_A_TURN = 4

/**
 * Making a key takes 10 µs to 1.2 ms, and 10 KB: a stranger's set of 500, made at once, would hold everybody up and fill the
 * memory. So each is made when it is needed, and only the first few of a set are kept.
 */
function asEntry(jwk: Record<string, unknown>, index: number): Entry {
  let kept: KeyObject | undefined
  let broken = false
  const key = () => {
    if (kept !== undefined || broken) return kept
    const made = readPublicKey(jwk)
    broken = made === undefined
    if (index < KEPT_KEYS) kept = made
    return made
  }
  return { jwk, key }
}

interface Entry {
  readonly jwk: Readonly<Record<string, unknown>>
  readonly key: Candidate
}

/** So that a set of 500 costs a token that names its key no more than one of two. */
function groupByKid(keys: readonly Entry[]): ReadonlyMap<unknown, readonly Entry[]> {
  const groups = new Map<unknown, Entry[]>()
  for (const entry of keys) {
    const group = groups.get(entry.jwk['kid'])
    if (group === undefined) groups.set(entry.jwk['kid'], [entry])
    else group.push(entry)
  }
  return groups
}

/** Some issuers write null for what they leave out; the reference reads it so. */
function withoutNulls(jwk: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== null))
}

/** RFC 7517 §4.2 and §4.3. A key whose private part is published signs for everybody. */
function isForVerification({ use, key_ops: operations, d }: Record<string, unknown>): boolean {
  if (use !== undefined && use !== 'sig') return false
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false
  return d === undefined
}

/** Real sets have 1 to 10 keys. */
const KEPT_KEYS = 32

/** Measured: a JWK as an object, and a key with what jose keeps beside it. */
const JWK_BYTES = 1_024
const KEY_BYTES = 12_288

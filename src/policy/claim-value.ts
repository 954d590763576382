import type { Claims } from '../terms/claims.ts'
import { isExactNumber, isJsonObject } from '../terms/json.ts'
import type { ClaimRule } from './trust-policy.ts'

/** A claim's value as a rule compares it. */
export interface ComparableValue {
  /** The texts of which one must match: of a list those of its elements; of an object none. */
  readonly texts: readonly string[]
  /** False when something of the value can't be compared, so that no match does not mean that it is another value. */
  readonly complete: boolean
}

/** What a path leads to in the claims (RFC 6901 §4); undefined where it leads nowhere. Members are own ones, by their exact names. */
export function claimAt(payload: Claims['payload'], path: ClaimRule['path']): unknown {
  let at: unknown = payload
  for (const name of path) {
    if (Array.isArray(at)) at = INDEX.test(name) ? (at as readonly unknown[])[Number(name)] : undefined
    else if (isJsonObject(at) && Object.hasOwn(at, name)) at = at[name]
    else return undefined
  }
  return at
}

/**
 * Texts are themselves, numbers and booleans their JSON text. A whole number beyond 2^53 that is not known as it was written
 * can't be compared: its neighbours were parsed into the same number. Objects, null and lists inside lists never match.
 */
export function comparable(value: unknown): ComparableValue {
  if (!Array.isArray(value)) return { texts: textsOf(value), complete: isExact(value) }
  const elements: readonly unknown[] = value
  return { texts: elements.flatMap(textsOf), complete: elements.every(isExact) }
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value === 'boolean') return [String(value)]
  return typeof value === 'number' && isExact(value) ? [JSON.stringify(value)] : []
}

function isExact(value: unknown): boolean {
  return typeof value !== 'number' || isExactNumber(value)
}

const INDEX = /^(?:0|[1-9][0-9]*)$/

import { createHash } from 'node:crypto'

/** A life as whole milliseconds, at least one and at most a hundred years. Anything that is no finite number is a defect of the caller. */
export function wholeLife(lifeMs: number): number {
  if (!Number.isFinite(lifeMs)) throw new RangeError(`a life of ${lifeMs} ms`)
  return Math.min(LONGEST_LIFE_MS, Math.max(1, Math.ceil(lifeMs)))
}

/** Generations count from 0. Anything else is a defect of the caller. */
export function wholeGeneration(generation: number): number {
  if (!Number.isSafeInteger(generation) || generation < 0) throw new RangeError(`a generation ${generation}`)
  return generation
}

/** A name that strangers have chosen, such as a subject, as a key: of bounded length, and nothing to read in a dump. */
export function digest(name: string): string {
  return createHash('sha256').update(name).digest('base64url')
}

/** A token that never expires has a life that the store's integers cannot tell: it would refuse it as no number. */
const LONGEST_LIFE_MS = 100 * 365 * 86_400_000

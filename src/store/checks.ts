import { createHash } from 'node:crypto'

/** A life as whole milliseconds, at least one. Anything that is no finite number is a defect of the caller. */
export function wholeLife(lifeMs: number): number {
  if (!Number.isFinite(lifeMs)) throw new RangeError(`a life of ${lifeMs} ms`)
  return Math.max(1, Math.ceil(lifeMs))
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

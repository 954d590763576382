/**
 * Work in steps of a few milliseconds: between two of them whoever drives it may let others have their turn. How long a step
 * is, is decided by the work done, never by a clock.
 */
export type Steps<Result> = Generator<undefined, Result, undefined>

/** Does all of it at once: for who holds up nobody. */
export function finish<Result>(steps: Steps<Result>): Result {
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return step.value
}

import { setImmediate } from 'node:timers/promises'
import type { Cancellation } from '../terms/cancellation.ts'
import type { Steps } from '../terms/steps.ts'

/**
 * Does work step by step, with a turn of the event loop between: no stranger's file or claims hold up everybody else. Work of
 * one step, which nearly all is, is done when this returns. It is given up when the signal says so.
 */
export function inTurns<Result>(steps: Steps<Result>, signal?: Cancellation): Result | Promise<Result> {
  const first = steps.next()
  return first.done === true ? first.value : goOn(steps, signal)
}

async function goOn<Result>(steps: Steps<Result>, signal: Cancellation | undefined): Promise<Result> {
  for (;;) {
    await setImmediate()
    signal?.throwIfAborted()
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

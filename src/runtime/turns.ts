import { setImmediate } from 'node:timers/promises'
import type { Steps } from '../terms/steps.ts'

/** Does work step by step, with a turn of the event loop between: no stranger's file or claims hold up everybody else. */
export async function inTurns<Result>(steps: Steps<Result>): Promise<Result> {
  let step = steps.next()
  while (step.done !== true) {
    await setImmediate()
    step = steps.next()
  }
  return step.value
}

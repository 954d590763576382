import { setTimeout as pause } from 'node:timers/promises'
import { untilAborted } from '../runtime/single-flight.ts'
import { KeyFault } from './key-fault.ts'

export interface Patience {
  /** Milliseconds for all of it. */
  readonly totalMs: number
  /** Milliseconds for the first try, so that a connection that died leaves time for a second. */
  readonly firstTryMs: number
}

/**
 * Does `work`, and once more after trouble that passes (`unavailable`), all within `totalMs`. `work` gets the signal that
 * ends it, and whether it heeds that or not, this ends. Throws what `work` threw, or a KeyFault when the time is over.
 */
export async function patiently<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { totalMs, firstTryMs }: Patience,
): Promise<T> {
  const total = timer(totalMs)
  const first = timer(firstTryMs)
  try {
    try {
      return await bounded(work, AbortSignal.any([total.signal, first.signal]))
    } catch (error) {
      if (!(error instanceof KeyFault) || error.kind === 'refused') throw error
      await pause(PAUSE_MS)
      if (total.signal.aborted) throw error
    }
    return await bounded(work, total.signal)
  } finally {
    total.stop()
    first.stop()
  }
}

function bounded<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const working = work(signal)
  working.catch(() => {}) // what comes of it after the time nobody waits for
  return untilAborted(working, signal)
}

function timer(ms: number): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  const abort = () => controller.abort(new KeyFault('unavailable', `there was no answer within ${ms / 1000} s`))
  const handle = setTimeout(abort, ms)
  return { signal: controller.signal, stop: () => clearTimeout(handle) }
}

/** Long enough for a load balancer to choose another machine. */
const PAUSE_MS = 100

import type { Cancellation } from '../terms/cancellation.ts'
/**
 * Work that concurrent callers share: the first starts it, the others wait for the same promise. A caller that leaves
 * (its signal aborts) stops waiting; the work goes on for the rest, so it must have limits of its own.
 */
export interface SingleFlight<T> {
  /** `signal` undefined: the caller stays to the end. */
  run(key: string, signal: Cancellation | undefined, work: () => Promise<T>): Promise<T>
}

export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>()
  return {
    run(key, signal, work) {
      let flight = flights.get(key)
      if (flight === undefined) {
        flight = work().finally(() => flights.delete(key))
        flights.set(key, flight)
        flight.catch(() => {}) // every caller may have left; a failure is reported to those who wait
      }
      return signal === undefined ? flight : untilAborted(flight, signal)
    },
  }
}

/** The promise, or the signal's reason when that comes first. */
export function untilAborted<T>(promise: Promise<T>, signal: Cancellation): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    const stay = () => signal.removeEventListener('abort', leave)
    signal.addEventListener('abort', leave, { once: true })
    promise.then(
      (value) => {
        stay()
        resolve(value)
      },
      (error: unknown) => {
        stay()
        reject(error)
      },
    )
  })
}

import type { Caller, Issued } from '../exchange/request.ts'
import { untilAborted } from '../runtime/single-flight.ts'

/**
 * What is being issued, for a caller who waits no longer than the signal. A token that comes after the signal is abandoned:
 * nobody is there to take it. Throws what the issuing throws, or the signal's reason.
 */
export async function deliverable<T extends Issued>(
  running: Promise<T>,
  { signal }: Pick<Caller, 'signal'>,
): Promise<T> {
  try {
    return await untilAborted(running, signal)
  } catch (error) {
    running.then(
      (late) => late.abandon(),
      () => {}, // it is the error that is thrown below, or came after the caller had gone
    )
    throw error
  }
}

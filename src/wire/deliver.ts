import type { Caller, Issued } from '../exchange/request.ts'

/**
 * What is being issued, for a caller who waits no longer than the signal. A token that comes after the signal is abandoned:
 * nobody is there to take it. Rejects with what the issuing rejects with, or with the signal's reason.
 */
export function deliverable<T extends Issued>(running: Promise<T>, { signal }: Pick<Caller, 'signal'>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true }) // for good: the signal is this request's own
    running.then((issued) => {
      if (signal.aborted) issued.abandon()
      else resolve(issued)
    }, reject)
  })
}

import type { Denial } from '../terms/denial.ts'
import type { Lifetime } from './deadline.ts'

type Abortable = Pick<Lifetime, 'abort'>

/** The requests in flight, so that shutting down can wait for them and, in the end, call them off. */
export interface Requests {
  readonly closing: boolean
  add(request: Abortable): void
  delete(request: Abortable): void
  /** From now on answers ask HTTP/1 clients to close. */
  close(): void
  abortAll(denial: Denial): void
}

export function createRequests(): Requests {
  const inFlight = new Set<Abortable>()
  let closing = false
  return {
    get closing() {
      return closing
    },
    add: (request) => {
      inFlight.add(request)
    },
    delete: (request) => {
      inFlight.delete(request)
    },
    close: () => {
      closing = true
    },
    abortAll: (denial) => {
      for (const request of inFlight) request.abort(() => denial)
    },
  }
}

import { Roster } from '../runtime/roster.ts'
import type { Denial } from '../terms/denial.ts'
import type { Lifetime } from './deadline.ts'

type Abortable = Pick<Lifetime, 'abort'>

/** The requests in flight, so that shutting down can wait for them and, in the end, call them off. */
export interface Requests {
  readonly closing: boolean
  /** Answers the place that `leave` wants to know. */
  enter(request: Abortable): number
  leave(request: Abortable, place: number): boolean
  /** From now on answers ask HTTP/1 clients to close. */
  close(): void
  abortAll(denial: Denial): void
}

export function createRequests(): Requests {
  const inFlight = new Roster<Abortable>()
  let closing = false
  return {
    get closing() {
      return closing
    },
    enter: (request) => inFlight.enter(request),
    leave: (request, place) => inFlight.leave(request, place),
    close: () => {
      closing = true
    },
    abortAll: (denial) => {
      for (const [, request] of inFlight.entries()) request.abort(() => denial)
    },
  }
}

import type { Denial } from '../terms/denial.ts'
import type { Lifetime } from './deadline.ts'

/** The requests in flight, so that shutting down can wait for them and, in the end, call them off. */
export interface Requests {
  readonly closing: boolean
  add(lifetime: Lifetime): void
  delete(lifetime: Lifetime): void
  /** From now on answers ask HTTP/1 clients to close. */
  close(): void
  abortAll(denial: Denial): void
}

export function createRequests(): Requests {
  const lifetimes = new Set<Lifetime>()
  let closing = false
  return {
    get closing() {
      return closing
    },
    add: (lifetime) => {
      lifetimes.add(lifetime)
    },
    delete: (lifetime) => {
      lifetimes.delete(lifetime)
    },
    close: () => {
      closing = true
    },
    abortAll: (denial) => {
      for (const lifetime of lifetimes) lifetime.abort(() => denial)
    },
  }
}

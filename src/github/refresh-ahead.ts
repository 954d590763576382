import type { Clock } from '../exchange/ports.ts'
import type { Logger } from '../runtime/log.ts'
import { Denial } from '../terms/denial.ts'
import { createExpiring } from './expiring.ts'

/**
 * Looks again at what is in use, in the background and shortly before it must be looked at, so that nobody who comes often
 * enough ever waits for that. What nobody uses is not looked at.
 */
export interface RefreshAhead {
  /** Begins the work, unless it was begun a moment ago, too much is going on, or all is being closed. Never throws. */
  begin(key: string, work: () => Promise<unknown>): void
  /** Begins nothing more; what goes on ends by its own limits. */
  close(): void
}

export interface RefreshAheadOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Logger
}

export function createRefreshAhead({ clock, log }: RefreshAheadOptions): RefreshAhead {
  const begun = createExpiring<true>(BEGUN_KEPT, clock)
  let running = 0
  let closed = false
  return {
    begin(key, work) {
      if (closed || running >= AT_ONCE || begun.get(key) === true) return
      begun.set(key, true, AGAIN_MS)
      running += 1
      work()
        .catch((error: unknown) => {
          // A refusal is for whoever asks when the time has come; what is no refusal is a defect, and nobody else will see it.
          if (!(error instanceof Denial))
            log.error({ err: error }, 'what is remembered of GitHub could not be looked at again')
        })
        .finally(() => {
          running -= 1
        })
    },
    close() {
      closed = true
    },
  }
}

/** True in the last fifth of what is fresh for so long: then a refresh takes it into its next life. */
export function isDueAhead(ageMs: number, freshMs: number): boolean {
  return ageMs >= freshMs * DUE_PART
}

const DUE_PART = 0.8
/** Few beside the connections of an App: those are for whoever waits. */
const AT_ONCE = 10
/** After a try that failed: four tries for a policy before its end. */
const AGAIN_MS = 15_000
/** Of those begun last, some 100 bytes each; one that is pushed out may be tried again sooner. */
const BEGUN_KEPT = 10_000

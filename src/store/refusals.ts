import type { Logger } from '../runtime/log.ts'
import type { Denial } from '../terms/denial.ts'

/** What the store could not do, for metrics. */
export type StoreRefusal = 'STORE_FULL' | 'STORE_UNAVAILABLE'

export interface RefusalReportNeeds {
  readonly log: Logger
  /** Milliseconds, never stepping back. */
  readonly monotonic: () => number
  /** Called for each refusal. */
  readonly onRefusal?: ((reason: StoreRefusal) => void) | undefined
}

/** Takes each refusal of the store to the metrics, and the first of a minute to the log, with the count of the others. */
export function createRefusalReport({ log, monotonic, onRefusal }: RefusalReportNeeds): (denial: Denial) => void {
  const reports = {
    STORE_FULL: { refused: 0, lastMs: Number.NEGATIVE_INFINITY },
    STORE_UNAVAILABLE: { refused: 0, lastMs: Number.NEGATIVE_INFINITY },
  } satisfies Record<StoreRefusal, { refused: number; lastMs: number }>

  return ({ reason, cause }) => {
    if (reason !== 'STORE_FULL' && reason !== 'STORE_UNAVAILABLE') return
    onRefusal?.(reason)
    const report = reports[reason]
    report.refused += 1
    if (monotonic() - report.lastMs < LOGGED_EVERY_MS) return
    const because = cause instanceof Error ? { cause: cause.message } : {}
    log.error({ reason, refused: report.refused, ...because }, MESSAGES[reason])
    report.lastMs = monotonic()
    report.refused = 0
  }
}

const MESSAGES = {
  STORE_FULL: 'the store is full: what must be remembered is refused',
  STORE_UNAVAILABLE: 'the store did not answer',
} as const satisfies Record<StoreRefusal, string>

const LOGGED_EVERY_MS = 60_000

import type { Clock } from '../../src/exchange/ports.ts'

/** A clock that stands still until it is told to go on; `now` and `monotonic` go on together. */
export interface ManualClock extends Clock {
  advance(ms: number): void
}

export function manualClock(nowMs = 1_800_000_000_000): ManualClock {
  let elapsed = 0
  return {
    now: () => nowMs + elapsed,
    monotonic: () => elapsed,
    advance: (ms) => {
      elapsed += ms
    },
  }
}

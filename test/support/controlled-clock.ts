/** A clock that stands still until it is moved. */
export interface ControlledClock {
  now(): number
  monotonic(): number
  advance(ms: number): void
}

export function createControlledClock(startMs = Date.UTC(2026, 10, 1, 12)): ControlledClock {
  let passed = 0
  return {
    now: () => startMs + passed,
    monotonic: () => passed,
    advance(ms) {
      passed += ms
    },
  }
}

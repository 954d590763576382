/** The machine's clock; the one place that reads it. */
export const systemClock = {
  now: (): number => Date.now(),
  monotonic: (): number => performance.now(),
}

/**
 * Milliseconds of a duration in Go's form (`8h`, `1h30m`, `1.5s`), because deployments and policies have it; undefined for
 * what is none. Without a sign, and with a unit to every number.
 */
export function durationMs(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined
  let milliseconds = 0
  for (const [, amount = '', unit = ''] of text.matchAll(PART)) milliseconds += Number(amount) * (UNITS[unit] ?? 0)
  return milliseconds
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/
const PART = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g
const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
}

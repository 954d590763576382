import { type Answer, messageOf } from './answer.ts'

/**
 * How long GitHub asks to wait, in milliseconds, when the answer is a refusal for its rate: the primary limit (403 or 429
 * with nothing remaining) or a secondary one (403 or 429 with `retry-after`, with quota left). undefined: it is none.
 */
export function rateLimitOf(answer: Answer, nowMs: number): number | undefined {
  if (answer.status !== 403 && answer.status !== 429) return undefined
  const told = retryAfterMs(answer, nowMs)
  if (told !== undefined) return told
  if (answer.headers['x-ratelimit-remaining'] === '0') return untilReset(answer, nowMs)
  // A secondary limit may come without any header; its text is then all there is, and 403 alone means "forbidden".
  if (answer.status === 429 || SECONDARY.test(messageOf(answer.body))) return DEFAULT_WAIT_MS
  return undefined
}

/** `retry-after` (RFC 9110 §10.2.3): seconds or a date; undefined when absent or neither. */
export function retryAfterMs(answer: Answer, nowMs: number): number | undefined {
  const value = answer.headers['retry-after']
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return bounded(Number(value) * 1000)
  const wait = Date.parse(value) - nowMs
  return Number.isNaN(wait) ? undefined : bounded(wait)
}

function untilReset(answer: Answer, nowMs: number): number {
  const reset = answer.headers['x-ratelimit-reset']
  return reset !== undefined && /^\d{1,12}$/.test(reset) ? bounded(Number(reset) * 1000 - nowMs) : DEFAULT_WAIT_MS
}

function bounded(waitMs: number): number {
  return Math.min(Math.max(waitMs, SHORTEST_WAIT_MS), LONGEST_WAIT_MS)
}

const SECONDARY = /rate limit/i
/** What GitHub advises when it says nothing: "wait for at least one minute". */
const DEFAULT_WAIT_MS = 60_000
const SHORTEST_WAIT_MS = 1000
/** Primary limits start anew each hour. */
const LONGEST_WAIT_MS = 3_600_000

import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import { atMost } from '../runtime/at-most.ts'
import type { Answer } from './answer.ts'

/** Whose requests GitHub counts together: an App's own by its JWT, and those of each installation by its tokens. */
export interface QuotaHolder {
  readonly appId: number
  /** undefined: the App itself. */
  readonly installationId: number | undefined
}

/** What `x-ratelimit-*` said. */
export interface QuotaReading {
  readonly limit: number
  readonly remaining: number
  /** Milliseconds since 1970. */
  readonly resetAtMs: number
}

/** What GitHub has said of quotas and limits, from the headers of every answer; Apps and installations apart. */
export interface QuotaBook {
  note(holder: QuotaHolder, reading: QuotaReading): void
  /** GitHub wants to hear nothing of the holder for so long. */
  limited(holder: QuotaHolder, forMs: number): void
  isLimited(holder: QuotaHolder): boolean
  /** Requests that are left; undefined when that is not known, or was read too long ago. */
  remaining(holder: QuotaHolder): number | undefined
}

export function createQuotaBook(clock: Clock, staleMs: number): QuotaBook {
  const readings = new LRUCache<string, { readonly reading: QuotaReading; readonly at: number }>(atMost(HOLDERS_KEPT))
  const limits = new LRUCache<string, number>(atMost(HOLDERS_KEPT))
  return {
    note(holder, reading) {
      readings.set(keyOf(holder), { reading, at: clock.monotonic() })
    },
    limited(holder, forMs) {
      limits.set(keyOf(holder), clock.monotonic() + forMs)
    },
    isLimited(holder) {
      return limits.size > 0 && clock.monotonic() < (limits.get(keyOf(holder)) ?? 0)
    },
    remaining(holder) {
      const entry = readings.get(keyOf(holder))
      if (entry === undefined || clock.monotonic() - entry.at >= staleMs) return undefined
      // A new hour has begun since: the reading is of the last one.
      return entry.reading.resetAtMs <= clock.now() ? undefined : entry.reading.remaining
    },
  }
}

/** The quota that an answer tells of; undefined when it tells of none, or of another resource than the REST API's own. */
export function readingOf({ headers }: Pick<Answer, 'headers'>): QuotaReading | undefined {
  const resource = headers['x-ratelimit-resource']
  if (resource !== undefined && resource !== 'core') return undefined
  const limit = count(headers['x-ratelimit-limit'])
  const remaining = count(headers['x-ratelimit-remaining'])
  const reset = count(headers['x-ratelimit-reset'])
  if (limit === undefined || remaining === undefined || reset === undefined) return undefined
  return { limit, remaining, resetAtMs: reset * 1000 }
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined
}

function keyOf({ appId, installationId }: QuotaHolder): string {
  return `${appId}/${installationId ?? ''}`
}

/** Of those that were talked about last; some 100 bytes each. */
const HOLDERS_KEPT = 20_000

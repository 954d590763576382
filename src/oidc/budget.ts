import { createRequire } from 'node:module'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import { atMost } from '../runtime/at-most.ts'
import type { Rate, Rates } from './limits.ts'

/** What strangers may make this service do: a token bucket for each domain, and one for all of them together. */
export interface Budget {
  /** Takes `amount` for that domain; or nothing, and says how many milliseconds to wait. */
  take(domain: string, amount?: number): number | undefined
}

export function createBudget({ perDomain, inAll }: Rates, clock: Clock): Budget {
  const all = createBucket(inAll, clock)
  const domains = new LRUCache<string, Bucket>(atMost(DOMAINS))
  return {
    take(domain, amount = 1) {
      const bucket = domains.get(domain) ?? createBucket(perDomain, clock)
      domains.set(domain, bucket)
      const waitMs = Math.max(bucket.waitMs(amount), all.waitMs(amount))
      if (waitMs > 0) return waitMs
      bucket.take(amount)
      all.take(amount)
      return undefined
    },
  }
}

/** The registrable domain of a URL; an address, a name without one, and what is no URL count as themselves. */
export function domainOf(url: string): string {
  const { getDomain } = require('tldts') as typeof import('tldts')
  return getDomain(url) ?? (URL.canParse(url) ? new URL(url).hostname : url)
}

/** The list of public suffixes takes 50 ms to load: not at start, where nobody needs it. */
const require = createRequire(import.meta.url)

interface Bucket {
  /** 0 when that much is there. */
  waitMs(amount: number): number
  take(amount: number): void
}

function createBucket({ burst, perSecond }: Rate, clock: Clock): Bucket {
  let level = burst
  let at = clock.monotonic()
  return {
    waitMs(amount) {
      const now = clock.monotonic()
      level = Math.min(burst, level + ((now - at) / 1000) * perSecond)
      at = now
      return level >= amount ? 0 : Math.ceil(((amount - level) / perSecond) * 1000)
    },
    take(amount) {
      level -= amount
    },
  }
}

/** A forgotten bucket starts full again: as many domains as this cost an attacker more than the bucket would. */
const DOMAINS = 10_000

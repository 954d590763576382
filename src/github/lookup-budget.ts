import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'

/**
 * What may be spent at GitHub on looking for things that are not there: anybody with any OIDC token can ask for them.
 * Calls are paid after the fact, since only their answer tells that they found nothing; so a bucket may go below zero, and
 * what found something costs nothing.
 */
export interface LookupBudget {
  /** Refuses with `LOOKUP_BUDGET_EXHAUSTED` while the owner's bucket or the common one is empty. */
  check(owner: string): void
  spend(owner: string, calls: number): void
}

export function createLookupBudget(clock: Pick<Clock, 'monotonic'>): LookupBudget {
  const owners = new LRUCache<string, Bucket>({ max: OWNERS_REMEMBERED })
  const all: Bucket = { level: ALL.burst, at: clock.monotonic() }
  const bucketOf = (owner: string) => {
    const key = nameKey(owner)
    const bucket = owners.get(key) ?? { level: OWNER.burst, at: clock.monotonic() }
    owners.set(key, bucket)
    return bucket
  }
  return {
    check(owner) {
      const now = clock.monotonic()
      const known = owners.get(nameKey(owner))
      const wait = Math.max(waitMs(all, ALL, now), known === undefined ? 0 : waitMs(known, OWNER, now))
      if (wait > 0) throw exhausted(owner, wait)
    },
    spend(owner, calls) {
      const now = clock.monotonic()
      take(all, ALL, { now, calls })
      take(bucketOf(owner), OWNER, { now, calls })
    },
  }
}

interface Bucket {
  level: number
  /** When `level` was true, on the monotonic clock. */
  at: number
}

interface Rate {
  readonly burst: number
  readonly perMinute: number
}

function take(bucket: Bucket, rate: Rate, { now, calls }: { readonly now: number; readonly calls: number }): void {
  bucket.level = levelAt(bucket, rate, now) - calls
  bucket.at = now
}

function levelAt(bucket: Bucket, { burst, perMinute }: Rate, now: number): number {
  return Math.min(burst, bucket.level + ((now - bucket.at) / 60_000) * perMinute)
}

/** Until there is a whole call again. */
function waitMs(bucket: Bucket, rate: Rate, now: number): number {
  const missing = 1 - levelAt(bucket, rate, now)
  return missing <= 0 ? 0 : Math.ceil((missing / rate.perMinute) * 60_000)
}

function exhausted(owner: string, retryAfterMs: number): Denial {
  return new Denial(
    'LOOKUP_BUDGET_EXHAUSTED',
    `too many look-ups that found nothing, for ${quote(owner)} or in all: check scope and identity, and try again in ${Math.ceil(retryAfterMs / 1000)} s`,
    { retryAfterMs },
  )
}

/** 1,200 an hour: a quarter of the smallest quota of an installation (5,000); 60 at once let a wrong workflow matrix pass. */
const OWNER: Rate = { burst: 60, perMinute: 20 }
/** Well below GitHub's secondary limit of 900 points a minute, of which a read costs one and a mint five. */
const ALL: Rate = { burst: 600, perMinute: 300 }
const OWNERS_REMEMBERED = 20_000

import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import { atMost } from '../runtime/at-most.ts'
import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'

/**
 * What may be spent at GitHub on looking for things that are not there: anybody with any OIDC token can ask for them.
 * Calls are paid after the fact, since only their answer tells that they found nothing; so a bucket may go below zero, and
 * what found something costs nothing.
 */
export interface LookupBudget {
  /**
   * Does a look-up that may find nothing. No more of them are under way than calls are left, so that a burst cannot outrun
   * the answers that would end it; further ones wait their turn. Refuses with `LOOKUP_BUDGET_EXHAUSTED` while the owner's
   * bucket or the common one is empty, and who has waited too long.
   */
  admit<T>(owner: string, lookUp: () => Promise<T>): Promise<T>
  spend(owner: string, calls: number): void
}

export function createLookupBudget(clock: Pick<Clock, 'monotonic'>): LookupBudget {
  const owners = new LRUCache<string, Bucket>(atMost(OWNERS_REMEMBERED))
  const all = full(ALL, clock.monotonic())
  const waiting = new Set<Waiting>()

  const bucketOf = (owner: string) => {
    const key = nameKey(owner)
    const bucket = owners.get(key) ?? full(OWNER, clock.monotonic())
    owners.set(key, bucket)
    return bucket
  }

  /** True when it has begun, false when it has to wait; refuses when nothing is left. */
  const begin = (owner: string, bucket: Bucket): boolean => {
    const now = clock.monotonic()
    const wait = Math.max(waitMs(all, ALL, now), waitMs(bucket, OWNER, now))
    if (wait > 0) throw exhausted(owner, wait)
    if (!hasRoom(all, ALL, now) || !hasRoom(bucket, OWNER, now)) return false
    all.underWay += 1
    bucket.underWay += 1
    return true
  }

  const end = (bucket: Bucket): void => {
    all.underWay -= 1
    bucket.underWay -= 1
    for (const { tryAgain } of waiting) tryAgain()
  }

  const turn = (owner: string, bucket: Bucket): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (settle: () => void) => {
        clearTimeout(timer)
        waiting.delete(entry)
        settle()
      }
      const tryAgain = () => {
        try {
          if (begin(owner, bucket)) leave(resolve)
        } catch (error) {
          leave(() => reject(error))
        }
      }
      const entry = { tryAgain }
      const timer = setTimeout(() => leave(() => reject(exhausted(owner, LONGEST_TURN_MS))), LONGEST_TURN_MS)
      waiting.add(entry)
    })

  return {
    async admit(owner, lookUp) {
      const bucket = bucketOf(owner)
      if (!begin(owner, bucket)) await turn(owner, bucket)
      try {
        return await lookUp()
      } finally {
        end(bucket)
      }
    },
    spend(owner, calls) {
      const now = clock.monotonic()
      take(all, ALL, { now, calls })
      take(bucketOf(owner), OWNER, { now, calls })
    },
  }
}

interface Waiting {
  readonly tryAgain: () => void
}

interface Bucket {
  level: number
  /** When `level` was true, on the monotonic clock. */
  at: number
  /** Look-ups that were begun and have not ended. */
  underWay: number
}

function full({ burst }: Rate, now: number): Bucket {
  return { level: burst, at: now, underWay: 0 }
}

function hasRoom(bucket: Bucket, rate: Rate, now: number): boolean {
  return bucket.underWay + 1 <= levelAt(bucket, rate, now)
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
/** As long as one call to GitHub may take: who waits behind calls that hang learns it when they end. */
const LONGEST_TURN_MS = 5000

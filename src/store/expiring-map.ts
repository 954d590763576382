import { Denial } from '../terms/denial.ts'

/** Values that live until a time of their own. What lives is never dropped: a full map refuses what is new. */
export interface ExpiringMap<T> {
  /** The value, while it lives. */
  get(key: string): T | undefined
  /** Replaces a living value, whose end stays as it is. False when there is none. */
  replace(key: string, value: T): boolean
  /** Sets a value and its end. Refuses `STORE_FULL`, for a new key only. */
  set(key: string, value: T, endMs: number): void
  delete(key: string): void
  /** The end of a living value. */
  endOf(key: string): number | undefined
  /** Entries that are held, those included that have ended and were not swept yet. */
  readonly size: number
}

export interface ExpiringMapOptions {
  /** Entries at most. */
  readonly capacity: number
  /** The present, in the unit of the ends; never stepping back. */
  readonly now: () => number
}

interface Entry<T> {
  readonly value: T
  readonly endMs: number
}

/** A bounded map whose cost is bounded too: every new entry pays for a look at a few old ones. */
export function createExpiringMap<T>({ capacity, now }: ExpiringMapOptions): ExpiringMap<T> {
  const entries = new Map<string, Entry<T>>()
  let round = entries.entries()
  let lastFullSweepMs = Number.NEGATIVE_INFINITY

  function living(key: string): Entry<T> | undefined {
    const entry = entries.get(key)
    if (entry === undefined || entry.endMs > now()) return entry
    entries.delete(key)
    return undefined
  }

  function sweepSome(): void {
    for (let count = 0; count < SWEPT_PER_ENTRY; count += 1) {
      const { done, value } = round.next()
      if (done === true) {
        round = entries.entries()
        return
      }
      if (value[1].endMs <= now()) entries.delete(value[0])
    }
  }

  function makeRoom(): void {
    sweepSome()
    if (entries.size < capacity) return
    if (now() - lastFullSweepMs >= FULL_SWEEP_EVERY_MS) {
      lastFullSweepMs = now()
      for (const [key, { endMs }] of entries) if (endMs <= now()) entries.delete(key)
    }
    if (entries.size >= capacity) throw new Denial('STORE_FULL', FULL)
  }

  return {
    get: (key) => living(key)?.value,
    endOf: (key) => living(key)?.endMs,
    replace(key, value) {
      const entry = living(key)
      if (entry !== undefined) entries.set(key, { value, endMs: entry.endMs })
      return entry !== undefined
    },
    set(key, value, endMs) {
      if (living(key) === undefined) makeRoom()
      entries.set(key, { value, endMs })
    },
    delete(key) {
      entries.delete(key)
    },
    get size() {
      return entries.size
    },
  }
}

const FULL = 'this service has no room to remember more of what it must not forget; try again later'

/** More than one, so that ended entries go faster than new ones come. */
const SWEPT_PER_ENTRY = 4

/** A look at 100,000 entries takes some milliseconds: not for every request that finds the map full. */
const FULL_SWEEP_EVERY_MS = 1_000

import type { Clock } from '../exchange/ports.ts'
import type { Affinities, RefreshFamilies, Reservations, RevocationMarks, Stores } from '../exchange/stores.ts'
import type { Logger } from '../runtime/log.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { digest, wholeGeneration, wholeLife } from './checks.ts'
import { createExpiringMap } from './expiring-map.ts'
import { createMemoryTopics } from './memory-topics.ts'
import { createRefusalReport, type StoreRefusal } from './refusals.ts'
import { DEFAULT_GRACE, type Family, type Grace, standingOf } from './standing.ts'

export interface MemoryStoresOptions extends Partial<Grace> {
  readonly clock: Clock
  readonly log: Logger
  /** Entries at most, of each kind by itself: what strangers can fill must not take the room of revocations. */
  readonly capacity?: number
  readonly onRefusal?: ((reason: StoreRefusal) => void) | undefined
}

/**
 * The stores of one process alone: gone with it, and unknown to every other, which therefore refuses. When full it
 * refuses what is new; a living family, revocation or reservation is never dropped.
 */
export function createMemoryStores({ clock, log, onRefusal, ...limits }: MemoryStoresOptions): Stores {
  const { graceMs, handouts } = { ...DEFAULT_GRACE, ...limits }
  // Of the same scale as the clock, but never stepping back: a step must not wake what has ended.
  const origin = clock.now() - clock.monotonic()
  const now = () => Math.floor(origin + clock.monotonic())
  const bounds = { capacity: limits.capacity ?? DEFAULT_CAPACITY, now }
  const report = createRefusalReport({ log, monotonic: clock.monotonic, onRefusal })
  let closed = false

  /** One step, which nothing can come between. */
  async function step<T>(work: () => T): Promise<T> {
    try {
      if (closed) throw new Denial('STORE_UNAVAILABLE', 'this process is ending: try again')
      return work()
    } catch (error) {
      report(asDenial(error))
      throw error
    }
  }

  const families = createExpiringMap<Family>(bounds)
  const judge = (family: string, generation: number) =>
    standingOf(families.get(family), wholeGeneration(generation), { nowMs: now(), graceMs, handouts })
  const refreshFamilies: RefreshFamilies = {
    begin: (family, lifeMs) =>
      step(() => {
        if (families.get(family) !== undefined) throw new Error('a refresh family was begun twice')
        const startedAtMs = now()
        const begun = { generation: 0, advancedAtMs: startedAtMs, handouts: 1, revoked: false }
        families.set(family, begun, startedAtMs + wholeLife(lifeMs))
        return { startedAtMs }
      }),
    standing: (family, generation) => step(() => judge(family, generation)),
    advance: (family, generation) =>
      step(() => {
        const standing = judge(family, generation)
        const known = families.get(family)
        if (known !== undefined) families.replace(family, advanced(known, standing, now()))
        return standing
      }),
    revoke: (family, lifeMs) =>
      step(() => {
        const known = families.get(family)
        if (known !== undefined && known !== TOMBSTONE) families.replace(family, { ...known, revoked: true })
        else families.set(family, TOMBSTONE, Math.max(families.endOf(family) ?? 0, now() + wholeLife(lifeMs)))
      }),
  }

  const marks = createExpiringMap<number>(bounds)
  const revocationMarks: RevocationMarks = {
    mark: (name, lifeMs) =>
      step(() => {
        const key = digest(name)
        marks.set(key, now(), Math.max(marks.endOf(key) ?? 0, now() + wholeLife(lifeMs)))
      }),
    markedSince: (names, startedAtMs) =>
      step(() => names.some((name) => (marks.get(digest(name)) ?? -1) >= startedAtMs)),
  }

  const reserved = createExpiringMap<true>(bounds)
  const reservations: Reservations = {
    reserve: (name, lifeMs) =>
      step(() => {
        const key = digest(name)
        if (reserved.get(key) !== undefined) return false
        reserved.set(key, true, now() + wholeLife(lifeMs))
        return true
      }),
    release: (name) => step(() => reserved.delete(digest(name))),
  }

  const held = createExpiringMap<number>(bounds)
  const affinities: Affinities = {
    claim: (name, appId, lifeMs) =>
      step(() => {
        const key = digest(name)
        const holder = held.get(key) ?? appId
        held.set(key, holder, now() + wholeLife(lifeMs))
        return holder
      }),
    yield: (name, appId) =>
      step(() => {
        const key = digest(name)
        if (held.get(key) === appId) held.delete(key)
      }),
  }

  return {
    kind: 'memory',
    families: refreshFamilies,
    marks: revocationMarks,
    reservations,
    affinities,
    topics: createMemoryTopics({ step, log }),
    isHealthy: () => !closed,
    async close() {
      closed = true
    },
  }
}

/** A revoked family of which nothing else is known. */
const TOMBSTONE: Family = { generation: 0, advancedAtMs: 0, handouts: 0, revoked: true }

/** About 300 bytes each: 30 MB for each kind when full. */
const DEFAULT_CAPACITY = 100_000

function advanced(family: Family, standing: ReturnType<typeof standingOf>, nowMs: number): Family {
  switch (standing) {
    case 'current':
      return { ...family, generation: family.generation + 1, advancedAtMs: nowMs, handouts: 1 }
    case 'repeat':
      return { ...family, handouts: family.handouts + 1 }
    case 'reused':
      return { ...family, revoked: true }
    default:
      return family
  }
}

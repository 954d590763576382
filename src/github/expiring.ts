import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import { atMost } from '../runtime/at-most.ts'

/** Values that end at a time of their own, under keys that strangers may invent: the least used go when it is full. */
export interface Expiring<T> {
  get(key: string): T | undefined
  set(key: string, value: T, lifeMs: number): void
  delete(key: string): void
  deleteStartingWith(prefix: string): void
  clear(): void
}

export function createExpiring<T>(max: number, clock: Pick<Clock, 'monotonic'>): Expiring<T> {
  const entries = new LRUCache<string, { readonly value: T; readonly endsAt: number }>(atMost(max))
  return {
    get(key) {
      const entry = entries.get(key)
      return entry !== undefined && clock.monotonic() < entry.endsAt ? entry.value : undefined
    },
    set(key, value, lifeMs) {
      entries.set(key, { value, endsAt: clock.monotonic() + lifeMs })
    },
    delete(key) {
      entries.delete(key)
    },
    deleteStartingWith(prefix) {
      for (const key of [...entries.keys()]) if (key.startsWith(prefix)) entries.delete(key)
    },
    clear: () => entries.clear(),
  }
}

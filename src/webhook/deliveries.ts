import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import type { WebhookAnswer } from './refusal.ts'

/** One delivery under way. */
export interface Begun {
  readonly answer: Promise<WebhookAnswer>
  /** True: it is processed to its end, and need not be again. Never rejects. */
  readonly succeeded: Promise<boolean>
}

/** Which deliveries were processed, by GitHub's id of them: a redelivery has the id of the first. */
export interface Deliveries {
  /**
   * Begins the delivery unless it was processed with success, or is under way: then that one's answer is this one's too. One
   * that failed is forgotten, so that a redelivery repairs it.
   */
  run(id: string, begin: () => Begun): Promise<WebhookAnswer>
}

export function createDeliveries(clock: Pick<Clock, 'monotonic'>): Deliveries {
  const done = new LRUCache<string, number>({ max: IDS_KEPT })
  const underWay = new Map<string, Promise<WebhookAnswer>>()
  return {
    async run(id, begin) {
      const doneAt = done.get(id)
      if (doneAt !== undefined && clock.monotonic() - doneAt < KEPT_MS)
        return { status: 200, message: 'this delivery was processed before' }
      const running = underWay.get(id)
      if (running !== undefined) return running
      const { answer, succeeded } = begin()
      underWay.set(id, answer)
      void succeeded.then((success) => {
        underWay.delete(id)
        if (success) done.set(id, clock.monotonic())
      })
      return answer
    },
  }
}

/** GitHub redelivers for three days at most. */
const KEPT_MS = 3 * 24 * 3_600_000
/** Signed ones alone get here: some 2 MB. */
const IDS_KEPT = 20_000

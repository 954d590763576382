import type { Topics } from '../exchange/stores.ts'
import type { Logger } from '../runtime/log.ts'
import { createSubscriptions } from './subscriptions.ts'

/** Topics inside one process: no message is lost, so there is never a gap. */
export function createMemoryTopics(needs: {
  /** Does one step, or refuses where the store is closed. */
  readonly step: <T>(work: () => T) => Promise<T>
  readonly log: Logger
}): Topics {
  const subscriptions = createSubscriptions(needs.log)
  return {
    publish: (topic, message) =>
      needs.step(() => {
        // Later, as from a socket: a subscriber never runs inside the publisher.
        setImmediate(() => subscriptions.deliver(topic, message))
      }),
    subscribe: (topic, onMessage, onGap) => {
      const subscription = { onMessage, onGap }
      subscriptions.add(topic, subscription)
      return () => void subscriptions.remove(topic, subscription)
    },
  }
}

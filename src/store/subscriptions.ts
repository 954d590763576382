import type { Logger } from '../runtime/log.ts'

export interface Subscription {
  readonly onMessage: (message: string) => void
  readonly onGap: () => void
}

/** Who listens to which topic in this process. */
export interface Subscriptions {
  /** True when this is the first of its topic. */
  add(topic: string, subscription: Subscription): boolean
  /** True when this was the last of its topic. */
  remove(topic: string, subscription: Subscription): boolean
  topics(): readonly string[]
  deliver(topic: string, message: string): void
  /** Tells all subscribers of a topic that messages may have been missed. */
  gap(topic: string): void
}

/** A subscriber that throws is logged, and disturbs nobody else. */
export function createSubscriptions(log: Logger): Subscriptions {
  const byTopic = new Map<string, Set<Subscription>>()

  function each(topic: string, call: (subscription: Subscription) => void): void {
    for (const subscription of [...(byTopic.get(topic) ?? [])]) {
      try {
        call(subscription)
      } catch (error) {
        log.error({ err: error, topic }, 'a subscriber failed')
      }
    }
  }

  return {
    add(topic, subscription) {
      const subscribed = byTopic.get(topic)
      if (subscribed === undefined) byTopic.set(topic, new Set([subscription]))
      else subscribed.add(subscription)
      return subscribed === undefined
    },
    remove(topic, subscription) {
      const subscribed = byTopic.get(topic)
      if (subscribed?.delete(subscription) !== true || subscribed.size > 0) return false
      return byTopic.delete(topic)
    },
    topics: () => [...byTopic.keys()],
    deliver: (topic, message) => each(topic, ({ onMessage }) => onMessage(message)),
    gap: (topic) => each(topic, ({ onGap }) => onGap()),
  }
}

import type { Redis } from 'ioredis'
import type { Topics } from '../exchange/stores.ts'
import type { Logger } from '../runtime/log.ts'
import { type RedisLimits, retryPause } from './redis-client.ts'
import type { Steps } from './redis-steps.ts'
import { createSubscriptions, type Subscription } from './subscriptions.ts'

export interface RedisTopicsNeeds {
  readonly steps: Steps
  /** A new connection that does not reconnect by itself; `attempt` counts from 0. */
  readonly connect: (attempt: number) => Redis
  readonly limits: RedisLimits
  readonly log: Logger
}

export interface RedisTopics extends Topics {
  close(): void
}

/**
 * Topics over PUBLISH and SUBSCRIBE, with one listening connection while anybody listens. Whatever is said while it is
 * down is lost, so each new one begins with a gap.
 */
export function createRedisTopics({ steps, connect, limits, log }: RedisTopicsNeeds): RedisTopics {
  const subscriptions = createSubscriptions(log)
  let connection: Redis | undefined
  let timer: NodeJS.Timeout | undefined
  let attempt = 0
  let closed = false

  function listen(): void {
    const mine = connect(attempt)
    attempt += 1
    connection = mine
    mine.on('error', (error) => log.debug({ cause: error.message }, 'the connection for topics failed'))
    mine.on('message', (channel: string, message: string) =>
      subscriptions.deliver(channel.slice(PREFIX.length), message),
    )
    mine.once('ready', () => {
      attempt = 1
      void announce(mine, subscriptions.topics())
      // A connection that only listens would never notice that the other end has gone.
      timer = setInterval(() => void mine.ping().catch(() => mine.disconnect()), limits.heartbeatMs)
    })
    mine.once('end', () => {
      clearInterval(timer)
      if (!closed) timer = setTimeout(listen, retryPause(limits, attempt))
    })
  }

  /** Subscribes on a connection; a refusal (no permission, say) is tried again with a new one. */
  async function announce(on: Redis, topics: readonly string[]): Promise<void> {
    if (topics.length === 0) return
    try {
      await on.subscribe(...topics.map((topic) => PREFIX + topic))
      for (const topic of topics) subscriptions.gap(topic)
    } catch (error) {
      log.warn({ cause: error instanceof Error ? error.message : 'unknown' }, 'the store refuses a subscription')
      on.disconnect()
    }
  }

  return {
    async publish(topic, message) {
      await steps.ask((client) => client.publish(PREFIX + topic, message))
    },
    subscribe(topic, onMessage, onGap) {
      const subscription: Subscription = { onMessage, onGap }
      const isFirst = subscriptions.add(topic, subscription)
      if (connection === undefined && !closed) listen()
      else if (connection?.status === 'ready' && isFirst) void announce(connection, [topic])
      return () => {
        const isLast = subscriptions.remove(topic, subscription)
        if (isLast && connection?.status === 'ready') connection.unsubscribe(PREFIX + topic).catch(() => {})
      }
    },
    close() {
      closed = true
      clearTimeout(timer)
      connection?.disconnect()
    },
  }
}

const PREFIX = 'octo-sts:topic:'

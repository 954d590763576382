import type { Clock } from '../exchange/ports.ts'
import type { Stores } from '../exchange/stores.ts'
import type { Logger } from '../runtime/log.ts'
import { createRedisAffinities } from './redis-affinities.ts'
import {
  connectForSteps,
  connectForTopics,
  DEFAULT_REDIS_LIMITS,
  type RedisClient,
  type RedisLimits,
} from './redis-client.ts'
import { createRedisFamilies } from './redis-families.ts'
import { watchHealth } from './redis-health.ts'
import { createRedisMarks, createRedisReservations } from './redis-marks.ts'
import { createSteps } from './redis-steps.ts'
import { createRedisTopics } from './redis-topics.ts'
import { createRefusalReport, type StoreRefusal } from './refusals.ts'
import { DEFAULT_GRACE, type Grace } from './standing.ts'
import type { StoreAddress } from './store-address.ts'

export interface RedisStoresOptions extends Partial<Grace> {
  readonly address: StoreAddress
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Partial<RedisLimits>
  readonly onRefusal?: ((reason: StoreRefusal) => void) | undefined
}

/**
 * The stores of a deployment, in Valkey or Redis (6.2 or later). Resolves when it answers, or after `connectMs` all the
 * same: it connects, and connects again, by itself, and refuses in the meantime.
 */
export async function createRedisStores({
  address,
  clock,
  log,
  onRefusal,
  ...options
}: RedisStoresOptions): Promise<Stores> {
  const limits = { ...DEFAULT_REDIS_LIMITS, ...options.limits }
  const grace = { ...DEFAULT_GRACE, ...options }
  const client = connectForSteps(address, limits)
  const report = createRefusalReport({ log, monotonic: clock.monotonic, onRefusal })
  const steps = createSteps({ client, commandMs: limits.commandMs, onRefusal: report })
  const topics = createRedisTopics({
    steps,
    connect: (attempt) => connectForTopics(address, limits, attempt),
    limits,
    log,
  })
  const health = watchHealth({ client, commandMs: limits.commandMs, heartbeatMs: limits.heartbeatMs, log })
  client.on('ready', () => void warnOfEviction(client, log))
  await noLongerThan(limits.connectMs, health.answered)

  return {
    kind: 'redis',
    families: createRedisFamilies(steps, grace),
    marks: createRedisMarks(steps),
    reservations: createRedisReservations(steps),
    affinities: createRedisAffinities(steps),
    topics,
    isHealthy: health.isHealthy,
    async close() {
      health.close()
      topics.close()
      client.disconnect()
    },
  }
}

async function noLongerThan(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, limit])
  clearTimeout(timer)
}

/** A server that evicts under pressure forgets revocations, and then what was revoked is accepted again. */
async function warnOfEviction(client: RedisClient, log: Logger): Promise<void> {
  const memory = await client.info('memory').catch(() => '') // not everybody may ask
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1]
  if (policy === undefined || policy === 'noeviction' || /^maxmemory:0\s*$/m.test(memory)) return
  log.error({ policy }, 'the store may evict what must not be forgotten: set its maxmemory-policy to noeviction')
}

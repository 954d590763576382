import type { Clock } from '../exchange/ports.ts'
import type { Stores } from '../exchange/stores.ts'
import type { Logger } from '../runtime/log.ts'
import type { Denial } from '../terms/denial.ts'
import {
  connectForSteps,
  connectForTopics,
  DEFAULT_REDIS_LIMITS,
  type RedisClient,
  type RedisLimits,
} from './redis-client.ts'
import { createRedisFamilies } from './redis-families.ts'
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
  const report = createRefusalReport({ log, monotonic: clock.monotonic, onRefusal })
  const client = connectForSteps(address, limits)
  const place = address.hosts.map(({ host, port }) => `${host}:${port}`).join(',')
  let healthy: boolean | undefined
  let closed = false

  function notice(answers: boolean, why?: string): void {
    if (closed || healthy === answers) return
    healthy = answers
    if (answers) log.info({ store: place }, 'the store answers')
    else
      log.error(
        { store: place, ...(why === undefined ? {} : { cause: why }) },
        'the store cannot be reached: trying on',
      )
  }
  function onOutcome(denial: Denial | undefined): void {
    if (closed) return
    notice(denial?.reason !== 'STORE_UNAVAILABLE', denial?.cause instanceof Error ? denial.cause.message : undefined)
    if (denial !== undefined) report(denial)
  }
  client.on('error', (error: Error) => notice(false, error.message))
  client.on('close', () => notice(false))

  const steps = createSteps({ client, commandMs: limits.commandMs, onOutcome })
  const topics = createRedisTopics({
    steps,
    connect: (attempt) => connectForTopics(address, limits, attempt),
    limits,
    log,
  })
  const beat = () => steps.ask((asked) => asked.ping()).catch(() => {})
  client.on('ready', () => void beat().then(() => warnOfEviction(client, log)))
  const heartbeat = setInterval(beat, limits.heartbeatMs).unref()
  await untilReady(client, limits.connectMs)

  return {
    kind: 'redis',
    families: createRedisFamilies(steps, grace),
    marks: createRedisMarks(steps),
    reservations: createRedisReservations(steps),
    topics,
    isHealthy: () => !closed && healthy === true,
    async close() {
      closed = true
      clearInterval(heartbeat)
      topics.close()
      client.disconnect()
    },
  }
}

function untilReady(client: RedisClient, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs)
    client.once('ready', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** A server that evicts under pressure forgets revocations, and then what was revoked is accepted again. */
async function warnOfEviction(client: RedisClient, log: Logger): Promise<void> {
  const memory = await client.info('memory').catch(() => '') // not everybody may ask
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1]
  if (policy === undefined || policy === 'noeviction' || /^maxmemory:0\s*$/m.test(memory)) return
  log.error({ policy }, 'the store may evict what must not be forgotten: set its maxmemory-policy to noeviction')
}

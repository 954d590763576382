import { randomBytes } from 'node:crypto'
import { test } from '@jest/globals'
import { pino } from 'pino'
import type { Stores } from '../../src/exchange/stores.ts'
import { createMemoryStores } from '../../src/store/memory.ts'
import { createRedisStores, type RedisStoresOptions } from '../../src/store/redis.ts'
import type { Grace } from '../../src/store/standing.ts'
import { parseStoreUrl } from '../../src/store/store-address.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { eventually } from '../support/eventually.ts'
import { HAS_REDIS, type RedisServer, startRedis } from '../support/redis.ts'

/** Where stores of one kind come from. */
export interface Source extends AsyncDisposable {
  /** Two views of one store: of two processes where it is shared, the same twice where it is not. */
  open(grace?: Partial<Grace>): Promise<readonly [Stores, Stores]>
}

export interface Kind {
  readonly name: string
  readonly available: boolean
  start(): Promise<Source>
}

/** Every implementation, all of which must behave alike. */
export const KINDS: readonly Kind[] = [
  { name: 'memory', available: true, start: memory },
  { name: 'redis', available: HAS_REDIS, start: async () => redis(await startRedis()) },
  { name: 'a cluster', available: HAS_REDIS, start: cluster },
]

/** A test that needs a redis-server. */
export const redisTest = HAS_REDIS ? test : test.skip

/** A log whose lines can be read. */
export function withLog() {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { messageKey: 'message', level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  return { log, lines }
}

export const SILENT = pino({ level: 'silent' })
/** No time to come back in: what would be a repeat is reuse. */
export const NO_GRACE = { graceMs: -1 }
export const HOUR_MS = 3_600_000

export function newFamily(): string {
  return randomBytes(16).toString('base64url')
}

export function openRedis(url: string, options: Partial<RedisStoresOptions> = {}): Promise<Stores> {
  const { limits, ...rest } = options
  return createRedisStores({
    address: parseStoreUrl(url),
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    log: SILENT,
    limits: { longestRetryMs: 50, firstRetryMs: 10, heartbeatMs: 100, ...limits },
    ...rest,
  })
}

async function memory(): Promise<Source> {
  return {
    async open(grace) {
      const stores = createMemoryStores({ clock: createControlledClock(), log: SILENT, ...grace })
      return [stores, stores]
    },
    async [Symbol.asyncDispose]() {},
  }
}

function redis(server: RedisServer, url = server.url): Source {
  const opened: Stores[] = []
  return {
    async open(grace) {
      const stores = await Promise.all([openRedis(url, grace), openRedis(url, grace)])
      opened.push(...stores)
      // A cluster that has just come about may still turn connections away: each of its nodes, so several families are asked for.
      for (const { families } of stores) {
        await eventually(() => Promise.all(Array.from({ length: 32 }, () => families.standing(newFamily(), 0))))
      }
      return stores
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((stores) => stores.close()))
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Two masters with half of the slots each; clients are told of the first alone. */
async function cluster(): Promise<Source> {
  const settings = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
  const [first, second] = await Promise.all([startRedis(settings), startRedis(settings)])
  try {
    await join(first, second)
  } catch (error) {
    await Promise.all([first, second].map((server) => server[Symbol.asyncDispose]()))
    throw error
  }
  const source = redis(first, `${first.url}?cluster=true`)
  return {
    ...source,
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]()
      await second[Symbol.asyncDispose]()
    },
  }
}

async function join(first: RedisServer, second: RedisServer): Promise<void> {
  first.cli('cluster', 'addslotsrange', '0', '8191')
  second.cli('cluster', 'addslotsrange', '8192', '16383')
  first.cli('cluster', 'meet', '127.0.0.1', `${second.port}`)
  await eventually(() => {
    for (const { cli } of [first, second]) {
      if (!cli('cluster', 'info').includes('cluster_state:ok')) throw new Error('the cluster is not complete')
    }
  })
}

/** Stores that a test closes at its end. */
export function closing(stores: Stores): Stores & AsyncDisposable {
  return { ...stores, [Symbol.asyncDispose]: () => stores.close() }
}

import type { ConnectionOptions } from 'node:tls'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { StoreAddress } from './store-address.ts'

/** What this service uses of a connection, or of the connections to a cluster. */
export type RedisClient = Redis | Cluster

export interface RedisLimits {
  /** Milliseconds that one step of the store may take; a connection that is silent for so long is given up. */
  readonly commandMs: number
  /** Milliseconds in which a connection must stand, TLS included. */
  readonly connectMs: number
  /** Milliseconds before the first try to connect again; doubled for each further one. */
  readonly firstRetryMs: number
  /** The longest pause between two tries, which is also how soon a store that is back is noticed. */
  readonly longestRetryMs: number
  /** Milliseconds between the looks at an idle connection. */
  readonly heartbeatMs: number
}

export const DEFAULT_REDIS_LIMITS: RedisLimits = {
  commandMs: 1_000,
  connectMs: 2_000,
  firstRetryMs: 50,
  longestRetryMs: 2_000,
  heartbeatMs: 5_000,
}

/** The pause before a try, with some randomness: the replicas of a deployment must not come back all at once. */
export function retryPause(limits: RedisLimits, attempt: number): number {
  const pause = Math.min(limits.longestRetryMs, limits.firstRetryMs * 2 ** Math.min(attempt - 1, 30))
  return Math.round(pause * (0.5 + Math.random() / 2))
}

/**
 * The client for steps. It queues nothing while there is no connection, and sends nothing twice: a step that was sent may
 * have been taken, and a script that ran twice would count a retry that no client made.
 */
export function connectForSteps(address: StoreAddress, limits: RedisLimits): RedisClient {
  const pause = (attempt: number) => retryPause(limits, attempt)
  if (address.mode !== 'cluster') {
    return new Redis({ ...serverOptions(address, limits), ...placeOf(address, limits), retryStrategy: pause })
  }
  return new Cluster([...address.hosts], {
    redisOptions: clusterNodeOptions(address, limits),
    enableOfflineQueue: false,
    clusterRetryStrategy: pause,
    slotsRefreshTimeout: limits.commandMs,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // The client would look names up and dial the addresses, which no certificate has: names stay names.
    ...(address.tls ? { dnsLookup: (name, done) => done(null, name) } : {}),
  })
}

/**
 * One connection that only listens, to the server or to one node of the cluster, which passes every message on. It does
 * not reconnect by itself: whoever listens must know of it.
 */
export function connectForTopics(address: StoreAddress, limits: RedisLimits, attempt: number): Redis {
  const [first] = address.hosts
  const place =
    address.mode === 'cluster' ? (address.hosts[attempt % address.hosts.length] ?? first) : placeOf(address, limits)
  return new Redis({ ...serverOptions(address, limits), ...place, autoResubscribe: false, retryStrategy: null })
}

function placeOf({ mode, hosts, sentinel, tls, ca }: StoreAddress, limits: RedisLimits) {
  if (mode !== 'sentinel' || sentinel === undefined) return hosts[0]
  return {
    sentinels: [...hosts],
    name: sentinel.master,
    sentinelCommandTimeout: limits.commandMs,
    sentinelRetryStrategy: (attempt: number) => retryPause(limits, attempt),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(ca) } : {}),
    ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
  }
}

function serverOptions(address: StoreAddress, limits: RedisLimits) {
  return { ...clusterNodeOptions(address, limits), db: address.database, enableOfflineQueue: false } as const
}

function clusterNodeOptions({ tls, ca, username, password }: StoreAddress, limits: RedisLimits) {
  return {
    protocol: 2, // all that is needed here, and every server speaks it
    connectionName: 'octo-sts',
    disableClientInfo: true,
    connectTimeout: limits.connectMs,
    socketTimeout: limits.commandMs,
    disconnectTimeout: limits.commandMs,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A master that was demoted refuses writes and keeps its connections: a new one finds the new master.
    reconnectOnError: (error: Error) => /(?:^|-)READONLY /.test(error.message),
    ...(tls ? { tls: tlsOptions(ca) } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  } as const satisfies RedisOptions
}

function tlsOptions(ca: string | undefined): ConnectionOptions {
  return ca === undefined ? {} : { ca }
}

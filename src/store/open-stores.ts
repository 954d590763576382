import type { Clock } from '../exchange/ports.ts'
import type { Stores } from '../exchange/stores.ts'
import type { Logger } from '../runtime/log.ts'
import type { Tracer } from '../terms/tracer.ts'
import { createMemoryStores } from './memory.ts'
import type { StoreRefusal } from './refusals.ts'
import type { StoreAddress } from './store-address.ts'

export interface OpenStoresOptions {
  /** Where the shared store is; undefined: in this process's memory. */
  readonly address: StoreAddress | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Called for each refusal of the store: a counter. */
  readonly onRefusal?: (reason: StoreRefusal) => void
  readonly tracer?: Tracer
}

/** The stores that the operator chose. The client library is loaded only where there is a server to talk with. */
export async function openStores({ address, ...needs }: OpenStoresOptions): Promise<Stores> {
  if (address === undefined) return createMemoryStores(needs)
  const { createRedisStores } = await import('./redis.ts')
  return createRedisStores({ address, ...needs })
}

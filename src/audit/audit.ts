import type { Remember } from '../exchange/ports.ts'
import type { Logger } from '../runtime/log.ts'
import type { ExchangeEvents } from './cloud-events.ts'
import { logExchange } from './exchange-log.ts'
import type { Metrics } from './metrics.ts'

export interface RememberNeeds {
  readonly log: Logger
  /** Undefined: none are wanted. */
  readonly events?: ExchangeEvents | undefined
  readonly metrics?: Pick<Metrics, 'observeExchange'> | undefined
}

/** Remembers each exchange in the metrics, as a log line and as a CloudEvent. None of them can fail the exchange. */
export function createRemember({ log, events, metrics }: RememberNeeds): Remember {
  return (record) => {
    try {
      metrics?.observeExchange(record)
      logExchange(log, record)
      events?.send(record)
    } catch (error) {
      log.error({ err: error, request_id: record.requestId }, 'an exchange could not be recorded')
    }
  }
}

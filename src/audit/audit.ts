import type { Remember } from '../exchange/ports.ts'
import type { Logger } from '../runtime/log.ts'
import type { ExchangeEvents } from './cloud-events.ts'
import { logExchange } from './exchange-log.ts'

/** Remembers each exchange as a log line and, where events are wanted, a CloudEvent. Neither can fail the exchange. */
export function createRemember(log: Logger, events: ExchangeEvents | undefined): Remember {
  return (record) => {
    try {
      logExchange(log, record)
      events?.send(record)
    } catch (error) {
      log.error({ err: error, request_id: record.requestId }, 'an exchange could not be recorded')
    }
  }
}

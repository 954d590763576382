import type { Caller, Exchange, ExchangeRequest, Issued } from '../exchange/request.ts'
import { untilAborted } from '../runtime/single-flight.ts'

/**
 * Runs an exchange for a caller who waits no longer than the signal. A token that comes after the signal is abandoned:
 * nobody is there to take it. Throws the exchange's error, or the signal's reason.
 */
export async function runExchange(exchange: Exchange, request: ExchangeRequest, caller: Caller): Promise<Issued> {
  const running = exchange(request, caller)
  try {
    return await untilAborted(running, caller.signal)
  } catch (error) {
    running.then(
      (late) => late.abandon(),
      () => {}, // it is the error that is thrown below, or came after the caller had gone
    )
    throw error
  }
}

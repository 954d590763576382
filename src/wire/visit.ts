import type { Caller, Issued } from '../exchange/request.ts'
import { traceContextOf, userAgentOf } from './caller-headers.ts'
import { callerLeft, type Lifetime } from './deadline.ts'
import type { HttpAnswer, HttpRequest, HttpResponse } from './http-answer.ts'

/** One request on its way through the HTTP handler. */
export interface Visit {
  readonly request: HttpRequest
  readonly response: HttpResponse
  readonly requestId: string
  readonly lifetime: Lifetime
  readonly path: string
  readonly query: string
  /** The token in its answer. */
  issued: Issued | undefined
}

export function callerOf({ request, requestId, lifetime }: Visit): Caller {
  const { headers } = request
  return {
    requestId,
    protocol: 'http',
    userAgent: userAgentOf(headers),
    signal: lifetime.signal,
    trace: traceContextOf(headers),
  }
}

/** The answer with a token in it; the token is abandoned when the answer cannot be delivered. */
export function withToken(visit: Visit, issued: Issued, answer: HttpAnswer): HttpAnswer {
  const { signal } = visit.lifetime
  if (signal.aborted) {
    issued.abandon()
    throw signal.reason
  }
  visit.issued = issued
  return answer
}

/** Its answer has been handed to the network, or its caller has gone before that. */
export function endVisit(visit: Visit, delivered: boolean): void {
  if (!delivered) {
    visit.lifetime.abort(callerLeft)
    visit.issued?.abandon()
  }
  visit.lifetime.end()
}

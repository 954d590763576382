import type { Caller, Issued } from '../exchange/request.ts'
import { traceContextOf, userAgentOf } from './caller-headers.ts'
import type { Lifetime } from './deadline.ts'
import { type HttpAnswer, type HttpRequest, type HttpResponse, onClosed } from './http-answer.ts'

/** One request on its way through the HTTP handler. */
export interface Visit {
  readonly request: HttpRequest
  readonly response: HttpResponse
  readonly requestId: string
  readonly lifetime: Lifetime
  readonly path: string
  readonly query: string
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

/** The answer with a token in it, never to be stored; the token is abandoned when the answer cannot be delivered. */
export function withToken({ request, response, lifetime }: Visit, issued: Issued, answer: HttpAnswer): HttpAnswer {
  if (lifetime.signal.aborted) {
    issued.abandon()
    throw lifetime.signal.reason
  }
  onClosed(request, response, (delivered) => delivered || issued.abandon())
  return { ...answer, headers: { ...answer.headers, 'cache-control': 'no-store' } }
}

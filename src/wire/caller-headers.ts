import type { IncomingHttpHeaders } from 'node:http'
import type { TraceContext } from '../terms/tracer.ts'

/**
 * The id by which caller, log and event name one request: the caller's own (`cgrequestid`, `x-request-id`) where it is
 * short and plain enough to stand in a log, else a new one.
 */
export function requestIdOf(headers: IncomingHttpHeaders, newRequestId: () => string): string {
  for (const name of ['cgrequestid', 'x-request-id']) {
    const value = headers[name]
    if (typeof value === 'string' && REQUEST_ID.test(value)) return value
  }
  return newRequestId()
}

/** What a log and an event keep of a user agent. */
export function userAgentOf(headers: IncomingHttpHeaders): string {
  return (headers['user-agent'] ?? '').slice(0, USER_AGENT_LIMIT)
}

/** W3C Trace Context §3: nothing where there is none, or two, or what is none. */
export function traceContextOf(headers: IncomingHttpHeaders): TraceContext | undefined {
  const { traceparent, tracestate } = headers
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) return undefined
  const isUsable = typeof tracestate === 'string' && tracestate.length <= TRACESTATE_LIMIT
  return { traceparent, tracestate: isUsable ? tracestate : undefined }
}

const USER_AGENT_LIMIT = 256
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/
/** §3.2; versions after 00 may have more behind it. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.{0,128})?$/
/** §3.3.1.5: what everybody must be able to pass on. */
const TRACESTATE_LIMIT = 512

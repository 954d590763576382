import type { IncomingHttpHeaders } from 'node:http'

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

const USER_AGENT_LIMIT = 256
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

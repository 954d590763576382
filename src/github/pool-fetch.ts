import type { IncomingHttpHeaders } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { createLine, type Line } from './line.ts'
import { NoAnswer } from './no-answer.ts'

/** What Octokit hands to its `fetch` (a part of the Fetch standard's RequestInit). */
export interface FetchInit {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string
}

/** What Octokit reads of an answer. The body is read already, and is always text: `rest` alone parses it. */
export interface FetchedAnswer {
  readonly url: string
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  text(): Promise<string>
}

export interface PoolFetch {
  /** One request on a kept-alive connection. Follows no redirect, knows no proxy. Throws NoAnswer. */
  fetch(url: string, init: FetchInit, limit: FetchLimit): Promise<FetchedAnswer>
  /** The same without Octokit's part: `path` stands behind the base URL's own. */
  send(path: string, init: FetchInit, limit: FetchLimit): Promise<Received>
  close(): Promise<void>
}

export interface Received {
  readonly status: number
  /** Those of use. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer
}

interface FetchLimit {
  /** From the request on to the last byte of the answer. */
  readonly ms: number
  readonly maxBytes: number
}

/**
 * A `fetch` for Octokit over one undici pool: a sixth of the processor time of the global one (which costs more than all
 * else in an exchange), and with an end to the size and the time of what GitHub sends.
 */
export function createPoolFetch(baseUrl: string, connectTimeoutMs: number, connections = CONNECTIONS): PoolFetch {
  const { origin, pathname } = new URL(baseUrl)
  const basePath = pathname.replace(/\/+$/, '')
  const pool = new Pool(origin, {
    connections,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
  })
  const line = createLine(connections)
  return {
    async fetch(url, { method, headers, body }, limit) {
      if (!url.startsWith(`${origin}/`))
        throw new NoAnswer('unreached', 'a request for another origin than GITHUB_BASE_URL')
      const options = { path: url.slice(origin.length), method: method as 'GET', headers, body: body ?? null }
      const { status, headers: answered, bytes } = await dispatch({ pool, line }, options, limit)
      const asText = new Map([...Object.entries(answered), ALWAYS_TEXT])
      return { url, status, headers: asText, text: async () => bytes.toString('utf8') }
    },
    send: (path, { method, headers, body }, limit) =>
      dispatch({ pool, line }, { path: basePath + path, method: method as 'GET', headers, body: body ?? null }, limit),
    close: () => pool.destroy(),
  }
}

/**
 * By undici's handler and not by its streams, which cost as much again as the request. Who waits for a connection does so in
 * a line of ours: undici would hand a connection to a request that nobody waits for any more, and break it to be rid of the
 * request, so that a server that is late once would have to greet everybody anew, and be late for that.
 */
function dispatch(
  { pool, line }: { readonly pool: Pool; readonly line: Line },
  options: Dispatcher.DispatchOptions,
  { ms, maxBytes }: FetchLimit,
): Promise<Received> {
  return new Promise((resolve, reject) => {
    let head: Omit<Received, 'bytes'> | undefined
    let length = 0
    const chunks: Buffer[] = []
    let late: NoAnswer | undefined
    let controller: Dispatcher.DispatchController | undefined
    const timer = setTimeout(() => {
      late = new NoAnswer('timeout', `no whole answer within ${ms} ms`)
      reject(late) // it may not even have a connection yet
      leave()
      controller?.abort(late)
    }, ms)
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started
        if (late !== undefined) started.abort(late)
      },
      onResponseStart(_, status, headers) {
        head = { status, headers: kept(headers) }
      },
      onResponseData(receiving, chunk) {
        length += chunk.length
        chunks.push(chunk)
        // Closes the connection: nothing more is received.
        if (length > maxBytes) receiving.abort(new NoAnswer('oversized', `the answer is larger than ${maxBytes} bytes`))
      },
      onResponseEnd() {
        clearTimeout(timer)
        line.next()
        if (head !== undefined) resolve({ ...head, bytes: joined(chunks) })
      },
      onResponseError(_, cause) {
        clearTimeout(timer)
        line.next()
        reject(cause instanceof NoAnswer ? cause : failureOf(cause, head !== undefined))
      },
    }
    const leave = line.enter(() => pool.dispatch(options, handler))
  })
}

function failureOf(cause: Error, answered: boolean): NoAnswer {
  return answered
    ? new NoAnswer('cut', 'the answer broke off', cause)
    : new NoAnswer('unreached', 'the connection failed', cause)
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
}

function kept(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const result: Record<string, string> = {}
  for (const name of KEPT_HEADERS) {
    const value = headers[name]
    if (value !== undefined) result[name] = typeof value === 'string' ? value : (value[0] ?? '')
  }
  return result
}

/** Octokit parses what calls itself JSON and throws on some of it; as text it passes through untouched. */
const ALWAYS_TEXT = ['content-type', 'text/plain'] as const
const KEPT_HEADERS = [
  'date',
  'etag',
  'location',
  'retry-after',
  'x-github-request-id',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-ratelimit-resource',
] as const

/** More at once than an exchange server has in flight on two cores; GitHub's secondary limit is 100 concurrent requests. */
const CONNECTIONS = 100
/** GitHub keeps idle connections for about a minute; half of it never meets its close. */
const KEEP_ALIVE_MS = 30_000
/** A last resort behind the limit of each call. */
const SILENCE_MS = 30_000

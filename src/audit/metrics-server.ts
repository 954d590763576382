import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Logger } from '../runtime/log.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'

export interface MetricsServerOptions {
  /** 0: one that is free. */
  readonly port: number
  /** All addresses when absent. */
  readonly host?: string
  readonly log: Logger
  readonly contentType: string
  readonly text: () => Promise<string>
}

export interface ListeningMetrics {
  readonly port: number
  /** Cuts whoever is still reading. Never rejects. */
  close(): Promise<void>
}

/** A small server of its own, so that nobody who can ask for tokens can read metrics, or the other way round. */
export async function serveMetrics({ port, host, ...needs }: MetricsServerOptions): Promise<ListeningMetrics> {
  const server = createServer(LIMITS, createHandler(needs))
  server.maxConnections = CONNECTIONS
  server.timeout = SILENCE_MS // of a reader that takes no more of its answer
  server.on('clientError', (_error, socket) => socket.destroy())
  try {
    server.listen({ port, ...(host === undefined ? {} : { host }) })
    await once(server, 'listening')
  } catch (cause) {
    const code = typeof cause === 'object' && cause !== null && 'code' in cause ? ` (${cause.code})` : ''
    throw new Error(
      `the port of the metrics, ${port}, cannot be had${code}: set METRICS_PORT to another, or METRICS=false`,
      { cause },
    )
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the metrics have no port')
  return {
    port: address.port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function createHandler({ log, contentType, text }: Omit<MetricsServerOptions, 'port' | 'host'>) {
  // Whoever asks at the same time gets the same text: it is written once.
  const flights = createSingleFlight<string>()
  return (request: IncomingMessage, response: ServerResponse): void => {
    request.resume()
    response.on('error', () => {}) // a reader that left
    const [path] = (request.url ?? '').split('?')
    if (path !== '/metrics') {
      end(response, 404, 'the metrics are at /metrics\n')
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      end(response, 405, 'ask with GET\n')
      return
    }
    flights.run('', undefined, text).then(
      (body) => end(response, 200, body, contentType),
      (error: unknown) => {
        log.error({ err: error }, 'the metrics could not be collected')
        end(response, 500, 'the metrics could not be collected: the log says why\n')
      },
    )
  }
}

function end(response: ServerResponse, status: number, body: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }).end(body)
}

/** Scrapers ask every few seconds, each on one connection. */
const CONNECTIONS = 32
const SILENCE_MS = 95_000
const LIMITS = { maxHeaderSize: 16_384, headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 90_000 }

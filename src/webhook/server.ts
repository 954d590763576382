import { once } from 'node:events'
import { createServer, type RequestListener, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Webhook } from './webhook.ts'

export interface WebhookServerOptions {
  readonly webhook: Webhook
  /** 0: one that is free. */
  readonly port: number
  /** All addresses, of both families, when absent. */
  readonly host?: string
  /** TLS 1.2 or later; absent: plain text. `follow` is given what takes a renewed pair, and returns what ends that. */
  readonly tls?: Certificate & { readonly follow: (renew: (pair: Certificate) => void) => () => void }
  readonly isReady: () => boolean
}

interface Certificate {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

export interface WebhookServer {
  readonly port: number
  /** Takes no new connections, answers what is in flight within `graceMs`, and cuts the rest. Never rejects. */
  close(graceMs: number): Promise<void>
}

/** The webhook on a port of its own: POST on any path; GET `/healthcheck`, `/healthz`, `/readyz`. */
export async function listenForWebhooks({
  webhook,
  port,
  host,
  tls,
  isReady,
}: WebhookServerOptions): Promise<WebhookServer> {
  let closing = false
  const serve: RequestListener = (request, response) => {
    if (request.method === 'POST') return webhook.handle(request, response)
    const [path = ''] = (request.url ?? '').split('?', 1)
    const isHealth = HEALTH.has(path)
    const isGet = request.method === 'GET' || request.method === 'HEAD'
    const ready = path !== '/readyz' || (isReady() && !closing)
    const status = isHealth && isGet ? (ready ? 200 : 503) : isGet ? 404 : 405
    const body = JSON.stringify({
      status: status === 200 ? 'ok' : status === 503 ? 'not ready' : 'post deliveries here',
    })
    response.writeHead(status, {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      ...(status === 405 ? { allow: 'POST' } : {}),
      ...(closing ? { connection: 'close' } : {}),
    })
    response.end(request.method === 'HEAD' ? '' : body)
  }
  const server =
    tls === undefined
      ? createServer(OPTIONS, serve)
      : createSecureServer({ ...OPTIONS, minVersion: 'TLSv1.2', cert: tls.cert, key: tls.key }, serve)
  server.maxConnections = CONNECTIONS
  const unfollow =
    tls?.follow((pair) => {
      if ('setSecureContext' in server) server.setSecureContext({ minVersion: 'TLSv1.2', ...pair })
    }) ?? (() => {})
  server.listen({ port, ...(host === undefined ? {} : { host }) })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server is not listening')
  return {
    port: address.port,
    async close(graceMs) {
      closing = true
      unfollow()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const cut = setTimeout(() => server.closeAllConnections(), graceMs + LAST_WORD_MS)
      await webhook.close(graceMs)
      server.closeIdleConnections()
      await closed
      clearTimeout(cut)
    },
  }
}

const HEALTH: ReadonlySet<string> = new Set(['/healthcheck', '/healthz', '/readyz'])
const OPTIONS: ServerOptions = {
  headersTimeout: 10_000,
  // A body of 25 MB, and the wait for its place.
  requestTimeout: 30_000,
  // Longer than the minute that load balancers keep idle connections, so that it is they who close.
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
}
const CONNECTIONS = 1_024
/** For answers to reach their callers before the connections are cut. */
const LAST_WORD_MS = 250

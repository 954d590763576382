import { once } from 'node:events'
import { createServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { ListenOptions, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Logger } from '../runtime/log.ts'
import { Roster } from '../runtime/roster.ts'
import { type CertificateFiles, followCertificate, readCertificate } from './certificate.ts'
import type { HttpRequest, HttpResponse } from './http-answer.ts'
import { createClientErrorHandler } from './http1-errors.ts'
import type { Http2Entrance } from './http2-entrance.ts'
import type { WireLimits } from './limits.ts'
import { type Protocol, sniff } from './sniff.ts'

/** The one listening port, and every connection that came through it. */
export interface Door {
  open(at: Pick<ListenOptions, 'port' | 'host' | 'exclusive'>): Promise<void>
  port(): number
  /** Accepts no more, lets go of idle connections, and resolves when the last one is closed. */
  close(): Promise<void>
  /** Cuts every connection that is left. */
  destroy(): void
}

export interface DoorContext {
  readonly tls?: CertificateFiles
  readonly domain: string
  readonly newRequestId: () => string
  readonly limits: WireLimits
  readonly log: Logger
  readonly http: (request: HttpRequest, response: HttpResponse) => void
  readonly http2: Http2Entrance
}

/**
 * Node's own HTTP server, plain or TLS, that hands the connections which speak HTTP/2 to `http2` before its HTTP/1 parser
 * sees them.
 */
export async function createDoor(context: DoorContext): Promise<Door> {
  const { limits, http2, tls } = context
  const { server, follow } = tls === undefined ? plainServer(limits) : await tlsServer(tls, context)
  server.maxConnections = limits.connections
  server.maxHeadersCount = 0 // their bytes are limited; a count would drop headers in silence, an `authorization` too
  server.timeout = limits.keepAliveMs + limits.requestMs // of silence in the midst of an answer that is not read
  server.on('request', context.http)
  server.on('clientError', createClientErrorHandler(context))
  const sockets = new Roster<Socket>()
  const undecided = new Roster<Socket>()
  server.prependListener('connection', (socket: Socket) => {
    const place = sockets.enter(socket)
    socket.once('close', () => sockets.leave(socket, place))
    socket.on('error', ignore) // resets: the socket closes, and that is all there is to do
  })
  divert(server, tls === undefined ? 'connection' : 'secureConnection', (socket, serveHttp1) => {
    const hand = (protocol: Protocol): void => {
      if (protocol === 'http1') serveHttp1()
      else enterHttp2(socket, http2)
    }
    const negotiated = negotiatedProtocol(socket)
    if (negotiated !== undefined) return hand(negotiated)
    const place = undecided.enter(socket)
    socket.once('close', () => undecided.leave(socket, place))
    sniff(socket, limits.headersMs, (protocol) => {
      undecided.leave(socket, place)
      hand(protocol)
    })
  })
  const unfollow = follow()
  return {
    async open({ port, host, exclusive }) {
      server.listen({ port, exclusive, ...(host === undefined ? {} : { host }) })
      await once(server, 'listening')
    },
    port() {
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('the server is not listening')
      return address.port
    },
    close() {
      unfollow()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const [, socket] of undecided.entries()) socket.destroy()
      http2.close()
      return closed
    },
    destroy() {
      http2.destroy()
      for (const [, socket] of sockets.entries()) socket.destroy()
    },
  }
}

function http1Options(limits: WireLimits): ServerOptions {
  return {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.headersMs + limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
    noDelay: true,
  }
}

interface Listener {
  readonly server: Server
  /** Begins to look for another certificate; returns what ends it. */
  readonly follow: () => () => void
}

function plainServer(limits: WireLimits): Listener {
  return { server: createServer(http1Options(limits)), follow: () => ignore }
}

async function tlsServer(files: CertificateFiles, { limits, log }: DoorContext): Promise<Listener> {
  const rules = { minVersion: 'TLSv1.2' } as const
  const server = createSecureServer({
    ...http1Options(limits),
    ...rules,
    ...(await readCertificate(files)),
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: limits.headersMs,
  })
  server.removeAllListeners('tlsClientError') // Node's own calls it a bad HTTP request, and would answer it
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  const follow = (): (() => void) =>
    followCertificate(files, { log, intervalMs: limits.certificateLookMs }, (pair) =>
      server.setSecureContext({ ...rules, ...pair }),
    )
  return { server, follow }
}

/** Puts `route` in the place of the listener by which Node's HTTP server takes connections. */
function divert(server: Server, event: string, route: (socket: Socket, serveHttp1: () => void) => void): void {
  const own = server.listeners(event).filter((listener) => listener.name === HTTP1_LISTENER)
  const [listener, ...others] = own
  if (listener === undefined || others.length > 0) throw new Error('this version of Node.js cannot share its port')
  server.off(event, listener as (...parameters: unknown[]) => void)
  server.on(event, (socket: Socket) => {
    route(socket, () => Reflect.apply(listener, server, [socket]))
  })
}

/** What ALPN chose (RFC 7301); undefined without TLS, and for clients that offer nothing. */
function negotiatedProtocol(socket: Socket): Protocol | undefined {
  if (!(socket instanceof TLSSocket) || typeof socket.alpnProtocol !== 'string') return undefined
  return socket.alpnProtocol === 'h2' ? 'http2' : 'http1'
}

function enterHttp2(socket: Socket, http2: Http2Entrance): void {
  socket.allowHalfOpen = false // Node's HTTP/1 server sets it; HTTP/2 has no half-closed connections
  if (socket instanceof TLSSocket) socket.alpnProtocol = 'h2' // Node refuses HTTP/2 on TLS without ALPN
  http2.inject(socket)
}

function ignore(): void {}

/** The name of Node's listener, in 20, 22 and 24: what is checked at start. */
const HTTP1_LISTENER = 'connectionListener'

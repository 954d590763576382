import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type Server, ServerCredentials } from '@grpc/grpc-js'
import { Roster } from '../runtime/roster.ts'
import { closeAfter } from './grpc-answer.ts'
import type { StreamListener } from './grpc-calls.ts'
import type { HttpRequest, HttpResponse } from './http-answer.ts'
import type { WireLimits } from './limits.ts'
import { letStreamsGo } from './session-streams.ts'

/** Where connections that speak HTTP/2 go: gRPC to grpc-js, all else to the HTTP handler, on one HTTP/2 server. */
export interface Http2Entrance {
  inject(socket: Duplex): void
  /** GOAWAY to all: streams in flight go on, new ones are refused. */
  close(): void
  destroy(): void
}

export interface Http2Handlers {
  /** Stands before `serve`, grpc-js's own listener. */
  readonly grpc: (serve: ServeGrpc) => StreamListener
  readonly http: (request: HttpRequest, response: HttpResponse) => void
}

export type ServeGrpc = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => void

/**
 * Takes over the HTTP/2 server that grpc-js makes for its connection injector: grpc-js has no public hook per stream, and
 * would answer 415 to all that is not gRPC. This rests on grpc-js 1.14 (package.json pins it): what it stands on is
 * checked here, at start, so that another version fails at once and not at the first call.
 */
export function createHttp2Entrance(server: Server, limits: WireLimits, handlers: Http2Handlers): Http2Entrance {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const inner = innerServer(server)
  const serve = onlyStreamListener(inner)
  inner.removeAllListeners('stream')
  inner.on('request', handlers.http) // Node adds its listener that makes requests of streams
  const compatible = onlyStreamListener(inner)
  inner.removeAllListeners('stream')
  const grpc = handlers.grpc((stream, headers, flags) => Reflect.apply(serve, inner, [stream, headers, flags]))
  inner.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders?: unknown) => {
    const raw: readonly string[] = Array.isArray(rawHeaders) ? rawHeaders : []
    if (isGrpc(headers)) return grpc(stream, headers, flags, raw)
    closeAfter(stream, limits.requestMs + limits.lingerMs)
    Reflect.apply(compatible, inner, [stream, headers, flags, rawHeaders])
  })
  // Well-behaved clients keep to the announced size and say so to their users. Above 64 KiB it would be a promise that
  // nghttp2 does not keep: it ends the whole connection at a longer header value (NGHTTP2_HD_MAX_NV).
  inner.updateSettings({ maxConcurrentStreams: limits.streams, maxHeaderListSize: limits.headerBytes })
  const sessions = new Roster<ServerHttp2Session>()
  inner.on('session', (session) => {
    const place = sessions.enter(session)
    session.once('close', () => sessions.leave(session, place))
    letStreamsGo(session)
    session.on('error', ignore) // a peer that breaks the protocol; its session ends
    cutWhenDeaf(session, limits.lingerMs)
    closeWhenIdle(session, limits.sessionIdleMs)
  })
  return {
    inject: (socket) => injector.injectConnection(socket),
    close: () => {
      for (const [, session] of sessions.entries()) session.close()
    },
    destroy: () => {
      for (const [, session] of sessions.entries()) session.destroy()
    },
  }
}

/**
 * Headers that nghttp2 cannot decode, a value over 64 KiB among them, make it send a GOAWAY and read nothing more. Node does
 * not notice, and the caller would wait for its answer; RFC 9113 §5.4.1 has the connection closed. Such a session has begun
 * a stream that never came here, and answers no ping.
 */
function cutWhenDeaf(session: ServerHttp2Session, waitMs: number): void {
  let known = 0
  session.on('stream', ({ id = 0 }) => {
    known = Math.max(known, id)
  })
  const look = (): void => {
    if (session.destroyed) return
    const { lastProcStreamID: begun = 0 } = session.state
    if (begun <= known) return
    known = begun
    const cut = setTimeout(() => session.destroy(), waitMs)
    session.ping(() => clearTimeout(cut))
  }
  const timer = setInterval(look, waitMs).unref()
  session.once('close', () => clearInterval(timer))
}

/**
 * After `idleMs` without a stream, and at most a quarter of it more: no clock is asked for each stream. grpc-js's own count
 * knows only the streams that it answers.
 */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let open = 0
  let quietLooks = 0
  const leave = (): void => {
    open -= 1
    quietLooks = 0
  }
  session.on('stream', (stream) => {
    open += 1
    stream.on('close', leave)
  })
  const look = (): void => {
    quietLooks = open > 0 ? 0 : quietLooks + 1
    if (quietLooks > IDLE_LOOKS) session.close()
  }
  const timer = setInterval(look, idleMs / IDLE_LOOKS).unref()
  session.once('close', () => clearInterval(timer))
}

function innerServer(server: Server): Http2Server {
  const servers: unknown = Reflect.get(server, 'http2Servers')
  const [inner, ...others]: unknown[] = servers instanceof Map ? [...servers.keys()] : []
  if (!isHttp2Server(inner) || others.length > 0) throw unsupported('no inner HTTP/2 server was found')
  return inner
}

function isHttp2Server(value: unknown): value is Http2Server {
  return typeof value === 'object' && value !== null && 'updateSettings' in value && 'listeners' in value
}

function onlyStreamListener(inner: Http2Server): (...parameters: unknown[]) => unknown {
  const [listener, ...others] = inner.listeners('stream')
  if (listener === undefined || others.length > 0) throw unsupported('it has not exactly one stream listener')
  return (...parameters) => Reflect.apply(listener, inner, parameters)
}

function unsupported(what: string): Error {
  return new Error(`this version of @grpc/grpc-js or Node.js cannot share its port: ${what}`)
}

/** gRPC over HTTP/2: POST with `application/grpc` or `application/grpc+proto`; gRPC-Web and other codecs are not. */
function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && GRPC_TYPE.test(headers['content-type'] ?? '')
}

function ignore(): void {}

const GRPC_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/i
const IDLE_LOOKS = 4

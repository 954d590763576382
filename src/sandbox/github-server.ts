import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { untilAborted } from '../runtime/single-flight.ts'
import { credentialKind } from './authenticate.ts'
import { deliver } from './delivery.ts'
import type { createFaults, Fault } from './faults.ts'
import type { Answer } from './github-answer.ts'
import { ROUTES } from './github-routes.ts'
import { createService, type ServiceOptions, UNPARSABLE } from './github-service.ts'
import type { GitHubCaller } from './route.ts'
import { matchRoute } from './route-match.ts'
import { spoil, takesEffect } from './spoil.ts'

export interface GitHubServerOptions extends ServiceOptions {
  readonly faults: ReturnType<typeof createFaults>
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly basePath: string
}

/** One request on record. */
export interface Call {
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly query: string
  /** The template, or undefined where nothing is served. */
  readonly route: string | undefined
  /** The kind of credential that was sent, valid or not. */
  readonly authorization: GitHubCaller['kind']
  /** Undefined until it is answered. */
  status: number | undefined
}

/** One request and its answer, with bodies as parsed JSON (a request's is `UNPARSABLE` where it is none). */
export interface Observation extends Readonly<Call> {
  readonly requestBody: unknown
  readonly responseBody: unknown
  /** The kind of fault that the request met, if any. */
  readonly fault: Fault['kind'] | undefined
}

export interface GitHubServer {
  readonly url: string
  readonly calls: readonly Call[]
  forgetCalls(): void
  observe(listener: (observation: Observation) => void): () => void
  close(): Promise<void>
}

/** Serves the embedded GitHub over HTTP, or HTTPS with `tls`. */
export async function listen(options: GitHubServerOptions): Promise<GitHubServer> {
  const calls: Call[] = []
  const listeners = new Set<(observation: Observation) => void>()
  const closing = new AbortController()
  const service = createService(options)

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', headers } = request
    const { path, query, match } = locate(request, options.basePath)
    const authorization = credentialKind(headers.authorization)
    const call: Call = { method, path, query, route: match?.route.template, authorization, status: undefined }
    calls.push(call)
    if (calls.length > MOST_RECORDED) calls.splice(0, MOST_RECORDED / 2)
    const fault = options.faults.take(call)
    const body = await readBody(request)
    const honest = (): Answer => service({ method, query, match, headers, body }, url)
    const answer = spoil(fault, await inItsTime(fault, honest, closing.signal), options.now())
    if (fault?.kind !== 'hang' && fault?.kind !== 'reset') call.status = answer.status
    for (const listener of listeners) {
      listener({ ...call, requestBody: body, responseBody: answer.body, fault: fault?.kind })
    }
    await deliver(response, answer, { fault, gzip: acceptsGzip(headers), signal: closing.signal })
  }

  const server = createServer(options.tls, (request, response) => {
    // A client that leaves, and the sandbox's own end, interrupt an answer: all that is left is to close the socket.
    serve(request, response).catch(() => response.destroy())
  })
  const url = `${await start(server, options)}${options.basePath}`
  return {
    url,
    calls,
    forgetCalls: () => void calls.splice(0),
    observe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      closing.abort()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      return closed
    },
  }
}

/** Longer than any client's idle time, so that the sandbox never closes a connection a client is about to use. */
const KEEP_ALIVE_MS = 120_000
/** More than any test counts. So that a load test does not fill the memory, the older half is forgotten then. */
const MOST_RECORDED = 100_000
const LARGEST_REQUEST_BYTES = 1024 * 1024

function createServer(
  tls: GitHubServerOptions['tls'],
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const options = { keepAliveTimeout: KEEP_ALIVE_MS }
  return tls === undefined ? createHttpServer(options, serve) : createHttpsServer({ ...options, ...tls }, serve)
}

async function start(server: Server, { port, tls }: GitHubServerOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve()) // not shared, where this is a worker
  })
  const { port: bound } = server.address() as AddressInfo
  return tls === undefined ? `http://127.0.0.1:${bound}` : `https://localhost:${bound}`
}

function locate({ url = '', method = '' }: IncomingMessage, basePath: string) {
  const [whole = '', query = ''] = url.split(/\?(.*)/s)
  const path = whole.startsWith(`${basePath}/`) ? whole.slice(basePath.length) : ''
  return { path, query, match: matchRoute(ROUTES, method, path) }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_REQUEST_BYTES) throw new Error('a request larger than the sandbox takes')
    chunks.push(chunk)
  }
  if (size === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    return UNPARSABLE
  }
}

function acceptsGzip({ 'accept-encoding': accepted = '' }: IncomingMessage['headers']): boolean {
  return /\bgzip\b/.test(String(accepted))
}

/** The honest answer when the fault lets it come; a bare 200 to be spoiled where the request is to have no effect. */
async function inItsTime(fault: Fault | undefined, honest: () => Answer, signal: AbortSignal): Promise<Answer> {
  if (fault?.kind === 'delay') await sleep(fault.ms, undefined, { signal })
  if (fault?.kind !== 'hold') return takesEffect(fault) ? honest() : { status: 200 }
  const early = fault.processed === true ? honest() : undefined
  await untilAborted(fault.until, signal)
  return early ?? honest()
}

import { createHash, type KeyObject, randomBytes } from 'node:crypto'
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkAppJwt, undecodable } from './app-jwt.ts'
import { type createFaults, type Fault, spoil, takesEffect } from './faults.ts'
import { type Answer, GitHubError, notFound } from './github-error.ts'
import { DOCUMENTATION, type GitHubCaller, ROUTES, type RouteContext } from './github-routes.ts'
import { createQuota, quotaHeaders } from './quota.ts'
import type { AppFacts } from './resources.ts'
import { matchRoute, type RouteMatch } from './route-match.ts'

export interface GitHubServerOptions extends Omit<RouteContext, 'baseUrl' | 'app'> {
  readonly app: AppFacts & { readonly publicKey: KeyObject }
  readonly faults: ReturnType<typeof createFaults>
  readonly now: () => number
  readonly quotaPerHour: number
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
  readonly authorization: 'none' | 'app' | 'installation'
  /** Undefined until it is answered. */
  status: number | undefined
}

/** One request and its answer. Bodies are parsed JSON, or the text where they are no JSON. */
export interface Observation extends Readonly<Call> {
  readonly requestBody: unknown
  readonly responseBody: unknown
  readonly responseHeaders: Readonly<Record<string, string>>
  /** The kind of fault that spoiled the answer. */
  readonly fault: Fault['kind'] | undefined
}

export interface GitHubServer {
  readonly url: string
  readonly calls: readonly Call[]
  forgetCalls(): void
  observe(listener: (observation: Observation) => void): () => void
  close(): Promise<void>
}

/** Serves the routes over HTTP, or HTTPS with `tls`. */
export async function listen(options: GitHubServerOptions): Promise<GitHubServer> {
  const calls: Call[] = []
  const listeners = new Set<(observation: Observation) => void>()
  const closing = new AbortController()
  const quota = createQuota(options.quotaPerHour, options.now)

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { path, query, match } = locate(request, options.basePath)
    const call: Call = {
      method: request.method ?? '',
      path,
      query,
      route: match?.route.template,
      authorization: credentialKind(request.headers.authorization),
      status: undefined,
    }
    calls.push(call)
    const fault = options.faults.take(call)
    const requestBody = await readBody(request)
    if (fault?.kind === 'hold' && fault.processed !== true) await untilClosed(fault.until, closing.signal)
    if (fault?.kind === 'delay') await sleep(fault.ms, undefined, { signal: closing.signal })
    const honest = takesEffect(fault) ? respond(request, { match, query, body: requestBody }) : { status: 200 }
    if (fault?.kind === 'hold') await untilClosed(fault.until, closing.signal)
    const answer = spoil(fault, honest, options.now())
    const headers = headersOf(answer)
    const body = bodyOf(answer)
    call.status = fault?.kind === 'hang' || fault?.kind === 'reset' ? undefined : answer.status
    for (const listener of listeners) {
      const responseBody = parse(body)
      listener({ ...call, requestBody, responseBody, responseHeaders: headers, fault: fault?.kind })
    }
    await deliver({ response, status: answer.status, headers, body, fault, signal: closing.signal })
  }

  const respond = (
    request: IncomingMessage,
    { match, query, body }: { match: RouteMatch | undefined; query: string; body: unknown },
  ): Answer => {
    const documentation = `${DOCUMENTATION}${match?.route.documentation ?? ''}`
    let limits: Record<string, string> = {}
    try {
      const caller = authenticate(request, options)
      const honest = (): Answer => {
        requireUserAgent(request)
        if (match === undefined) throw notFound()
        requireCaller(match, caller)
        if (body === UNPARSABLE) throw new GitHubError(400, 'Problems parsing JSON')
        const about = { params: match.params, query: new URLSearchParams(query), accept: request.headers.accept ?? '' }
        return match.route.answer({ ...about, body, caller }, { ...options, baseUrl: url })
      }
      const answer = attempt(honest, documentation)
      const tagged = withETag(answer, request)
      const spent = quota.spend(quotaKey(caller), tagged.status === 304)
      limits = quotaHeaders(spent)
      if (spent.exceeded) throw new GitHubError(403, 'API rate limit exceeded for installation')
      return { ...tagged, headers: { ...limits, ...tagged.headers } }
    } catch (error) {
      const refused = refusal(error, documentation)
      return { ...refused, headers: { ...limits, ...refused.headers } }
    }
  }

  const server = createServer(options.tls, (request, response) => {
    // A client that leaves, and the sandbox's own end, interrupt an answer; neither is worth more than a closed socket.
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
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

const UNPARSABLE = Symbol('a body that is no JSON')
/** Longer than any client's idle time, so that the sandbox never closes a connection a client is about to use. */
const KEEP_ALIVE_MS = 120_000
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
    server.listen(port, '127.0.0.1', () => resolve())
  })
  const { port: bound } = server.address() as AddressInfo
  return tls === undefined ? `http://127.0.0.1:${bound}` : `https://localhost:${bound}`
}

function locate(request: IncomingMessage, basePath: string) {
  const [whole = '', query = ''] = (request.url ?? '').split(/\?(.*)/s)
  const path = whole.startsWith(`${basePath}/`) ? whole.slice(basePath.length) : ''
  return { path, query, match: matchRoute(ROUTES, request.method ?? '', path) }
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

function credentialKind(authorization: string | undefined): Call['authorization'] {
  if (authorization === undefined) return 'none'
  return APP_JWT.test(authorization) ? 'app' : 'installation'
}

const APP_JWT = /^bearer +eyJ/i
const CREDENTIAL = /^(?:bearer|token) +(\S+)$/i

/** GitHub refuses a credential that is no good on every route, public ones too. */
function authenticate(request: IncomingMessage, { office, state, app, now }: GitHubServerOptions): GitHubCaller {
  const { authorization } = request.headers
  if (authorization === undefined) return { kind: 'none' }
  const credential = CREDENTIAL.exec(authorization)?.[1] ?? ''
  if (credentialKind(authorization) === 'app') {
    checkAppJwt(credential, app, now())
    return { kind: 'app' }
  }
  const token = office.find(credential)
  const installation = state.installations.get(token?.installationId ?? 0)
  if (token === undefined || installation === undefined) throw new GitHubError(401, 'Bad credentials')
  if (installation.suspendedAt !== undefined) throw new GitHubError(403, 'This installation has been suspended')
  return { kind: 'installation', token, installation }
}

function requireCaller({ route }: RouteMatch, caller: GitHubCaller): void {
  if (route.by === 'app' && caller.kind !== 'app') throw undecodable()
  if (route.by === 'installation' && caller.kind === 'none') throw new GitHubError(401, 'Requires authentication')
  if (route.by !== 'app' && caller.kind === 'app') throw new GitHubError(403, 'Resource not accessible by integration')
}

function requireUserAgent(request: IncomingMessage): void {
  if (request.headers['user-agent'] !== undefined) return
  throw new GitHubError(
    403,
    'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.',
  )
}

function quotaKey(caller: GitHubCaller): string {
  return caller.kind === 'installation' ? `installation ${caller.installation.id}` : caller.kind
}

function attempt(honest: () => Answer, documentation: string): Answer {
  try {
    return honest()
  } catch (error) {
    return refusal(error, documentation)
  }
}

function refusal(error: unknown, documentation: string): Answer {
  if (!(error instanceof GitHubError)) throw error
  const { status, message } = error
  return { status, body: { message, documentation_url: documentation, status: String(status) } }
}

/** An ETag belongs to the credential it was got with: the same content has another one for another token. */
function withETag(answer: Answer, request: IncomingMessage): Answer {
  if (request.method !== 'GET' || answer.status !== 200) return answer
  const { authorization = '', accept = '' } = request.headers
  const hash = createHash('sha256').update(`${authorization}\n${accept}\n`).update(bodyOf(answer)).digest('hex')
  const etag = `W/"${hash}"`
  const headers = { ...answer.headers, etag, 'cache-control': 'private, max-age=60, s-maxage=60', vary: VARY }
  return request.headers['if-none-match'] === etag ? { status: 304, headers } : { ...answer, headers }
}

const VARY = 'Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With'

function bodyOf({ body, bytes }: Answer): Buffer {
  if (bytes !== undefined) return Buffer.from(bytes)
  return body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body))
}

function headersOf(answer: Answer): Record<string, string> {
  const bodiless = answer.status === 204 || answer.status === 304
  return {
    'x-github-request-id': randomBytes(12).toString('hex').toUpperCase(),
    'x-github-media-type': 'github.v3; format=json',
    ...(bodiless ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    ...answer.headers,
  }
}

function parse(body: Buffer): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString())
  } catch {
    return body.toString()
  }
}

interface Delivery {
  readonly response: ServerResponse
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly fault: Fault | undefined
  readonly signal: AbortSignal
}

async function deliver({ response, status, headers, body, fault, signal }: Delivery): Promise<void> {
  if (fault?.kind === 'hang') return
  if (fault?.kind === 'reset') return reset(response)
  const bodiless = status === 204 || status === 304
  response.writeHead(status, bodiless ? headers : { ...headers, 'content-length': String(body.length) })
  if (fault?.kind === 'reset-mid-body') {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => reset(response))
    return
  }
  if (fault?.kind === 'slow-body') {
    for (const byte of body) {
      if (response.destroyed) return
      response.write(Buffer.of(byte))
      await sleep(fault.msPerByte, undefined, { signal })
    }
    response.end()
    return
  }
  response.end(bodiless ? undefined : body)
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy()
}

/** The promise, or the sandbox's end. */
function untilClosed(promise: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const closed = new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )
  return Promise.race([promise, closed])
}

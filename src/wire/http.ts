import type { ExchangeRequest, Issued } from '../exchange/request.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { authorizationsOf } from './authorization.ts'
import { readBody } from './body.ts'
import { requestIdOf } from './caller-headers.ts'
import { Lifetime, parseGrpcTimeout } from './deadline.ts'
import { deliverable } from './deliver.ts'
import {
  createCloseWatch,
  denialAnswer,
  type HttpAnswer,
  type HttpRequest,
  type HttpResponse,
  jsonAnswer,
  secretAnswer,
  send,
} from './http-answer.ts'
import { createOAuthEndpoints, type OAuthContext } from './oauth.ts'
import { metadataDocuments, REVOKE_PATH, TOKEN_PATH } from './oauth-metadata.ts'
import { openApiDocument } from './openapi.ts'
import { documentAnswer, errorsPage, rootAnswer, type WireDocument } from './pages.ts'
import { type Pairs, parametersOf, parsePairs } from './parameters.ts'
import { logRefusal } from './refusal-log.ts'
import type { Requests } from './requests.ts'
import { callerOf, endVisit, type Visit, withToken } from './visit.ts'

export interface HttpContext extends OAuthContext {
  readonly isReady: () => boolean
  readonly newRequestId: () => string
  readonly documents: ReadonlyMap<string, WireDocument>
  readonly requests: Requests
  /** Answers POST `/webhook` by itself: its bodies are larger than any other's, and are signed. */
  readonly webhook?: ((request: HttpRequest, response: HttpResponse) => void) | undefined
}

/** The HTTP half of the wire, for HTTP/1.1 and HTTP/2 alike (contract §2, §10). It never throws and always answers. */
export function createHttpHandler(context: HttpContext): (request: HttpRequest, response: HttpResponse) => void {
  const { requests, limits } = context
  const routes = routesOf(context)
  const watchClose = createCloseWatch()
  return (request, response) => {
    const { path, query } = splitTarget(request.url ?? '')
    if (path === WEBHOOK_PATH && request.method === 'POST' && context.webhook !== undefined) {
      context.webhook(request, response)
      return
    }
    const requestId = requestIdOf(request.headers, context.newRequestId)
    const lifetime = new Lifetime(timeoutOf(request, limits.requestMs))
    const visit: Visit = { request, response, requestId, lifetime, path, query, issued: undefined }
    const place = requests.enter(lifetime)
    request.on('error', ignore) // a connection that breaks: `watchClose` is what looks at it
    response.on('error', ignore)
    watchClose(request, response, (delivered) => {
      requests.leave(lifetime, place)
      endVisit(visit, delivered)
    })
    const refuse = (error: unknown): void => reply(visit, refusalOf(error, visit, context), context)
    let result: HttpAnswer | Promise<HttpAnswer>
    try {
      result = answer(visit, routes)
    } catch (error) {
      refuse(error)
      return
    }
    if (result instanceof Promise) result.then((settled) => reply(visit, settled, context), refuse)
    else reply(visit, result, context)
  }
}

type Handler = (visit: Visit) => HttpAnswer | Promise<HttpAnswer>
type Routes = ReadonlyMap<string, Readonly<Record<string, Handler>>>

function routesOf(context: HttpContext): Routes {
  const exchange: Handler = (visit) => exchangeAnswer(visit, context)
  const oauth = createOAuthEndpoints(context)
  const documents = new Map([
    ...context.documents,
    ...metadataDocuments(context.domain),
    ['/openapi.json', openApiDocument(context.domain)] as const,
  ])
  const page = (handler: Handler) => ({ GET: handler, HEAD: handler })
  return new Map<string, Readonly<Record<string, Handler>>>([
    ...[...documents].map(([path, document]) => [path, page(() => documentAnswer(document))] as const),
    ['/', page(({ request }) => rootAnswer(context.domain, request.headers.accept))],
    ['/errors', page(() => errorsPage(context.domain))],
    ['/healthz', page(() => jsonAnswer(200, { status: 'ok' }))],
    ['/readyz', page(() => readiness(context.isReady()))],
    ['/sts/exchange', { GET: exchange, POST: exchange }],
    ['/sts/exchange_refresh_token', { POST: (visit) => refreshAnswer(visit, context) }],
    [TOKEN_PATH, { POST: oauth.token }],
    [REVOKE_PATH, { POST: oauth.revoke }],
    ...(context.webhook === undefined ? [] : [[WEBHOOK_PATH, { POST: handedOver }] as const]),
  ])
}

function answer(visit: Visit, routes: Routes): HttpAnswer | Promise<HttpAnswer> {
  const methods = routes.get(visit.path)
  if (methods === undefined) throw new Denial('ROUTE_NOT_FOUND', 'Not Found')
  const method = visit.request.method ?? ''
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (handler !== undefined) return handler(visit)
  visit.response.setHeader('allow', Object.keys(methods).join(', '))
  throw new Denial('METHOD_NOT_ALLOWED', 'Method Not Allowed')
}

async function exchangeAnswer(visit: Visit, context: HttpContext): Promise<HttpAnswer> {
  const request = await requestOf(visit, context)
  const caller = callerOf(visit)
  const issued = await deliverable(context.exchange(request, caller), caller)
  return withToken(visit, issued, secretAnswer(rawToken(issued)))
}

async function refreshAnswer(visit: Visit, context: HttpContext): Promise<HttpAnswer> {
  const request = await requestOf(visit, context)
  const caller = callerOf(visit)
  const refreshed = await deliverable(context.refresh(request, caller), caller)
  const { token, expiresAt, refreshToken } = refreshed
  const pair = { token: rawToken({ token, expiresAt }), refreshToken: rawToken(refreshToken) }
  return withToken(visit, refreshed, secretAnswer(pair))
}

/** Of a GET at once, of a POST when its body is read. */
function requestOf({ request, lifetime, query }: Visit, { limits }: HttpContext) {
  parseGrpcTimeout(headerOf(request, 'grpc-timeout'))
  const inQuery = parsePairs(query, 'query')
  const gather = (pairs: Pairs): ExchangeRequest => {
    const { scope, scopes, identity, cap } = parametersOf(pairs)
    return { authorization: authorizationsOf(request.rawHeaders), scope, scopes, identity, cap }
  }
  if (request.method !== 'POST') return gather(inQuery)
  const rules = { limitBytes: limits.bodyBytes, signal: lifetime.signal }
  return readBody(request, rules).then((inBody) => gather([...inQuery, ...inBody]))
}

/** RawToken in proto3 JSON, with unset fields written out: these members and no others (contract §10). */
function rawToken({ token, expiresAt, refreshToken }: Pick<Issued, 'token' | 'expiresAt' | 'refreshToken'>) {
  return { token, refreshToken: refreshToken?.token ?? '', expiry: jsonTime(expiresAt) }
}

function handedOver(): never {
  throw new Error('unreachable: the webhook has answered')
}

function readiness(ready: boolean): HttpAnswer {
  return jsonAnswer(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready' })
}

function refusalOf(error: unknown, { requestId, path }: Visit, { domain, log }: HttpContext): HttpAnswer {
  const denial = asDenial(error)
  logRefusal(log, denial, { requestId, protocol: 'http', path })
  return denialAnswer(denial, { domain, requestId })
}

function reply(visit: Visit, result: HttpAnswer, { requests }: HttpContext): void {
  const { request, response, requestId, lifetime } = visit
  lifetime.end()
  if (response.destroyed || request.socket?.destroyed === true) return
  const isLast = requests.closing && request.httpVersionMajor === 1
  const besides = isLast ? ['x-request-id', requestId, 'connection', 'close'] : ['x-request-id', requestId]
  send(request, response, result, besides)
}

/** Path and query of origin-form or absolute-form (RFC 9112 §3.2); text, because WHATWG's URL would mend it. */
function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const local = target.startsWith('/') ? target : target.replace(ABSOLUTE_FORM, '')
  const end = local.indexOf('?')
  if (end === -1) return { path: local === '' ? '/' : local, query: '' }
  return { path: local.slice(0, end) || '/', query: local.slice(end + 1) }
}

/** A timeout that cannot be read is refused by the exchange; until then the usual one holds. */
function timeoutOf(request: HttpRequest, usualMs: number): number {
  const text = headerOf(request, 'grpc-timeout')
  if (text === undefined) return usualMs
  try {
    return Math.min(parseGrpcTimeout(text), usualMs)
  } catch {
    return usualMs
  }
}

function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

/** RFC 3339 in UTC; proto3 JSON has no fraction where there is none. */
function jsonTime(time: Date): string {
  const text = time.toISOString()
  return text.endsWith('.000Z') ? `${text.slice(0, -'.000Z'.length)}Z` : text
}

function ignore(): void {}

const WEBHOOK_PATH = '/webhook'
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i

import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, type Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import { Roster } from '../runtime/roster.ts'
import type { Denial } from '../terms/denial.ts'
import { type DetailContext, detailsOf, jsonOf, messageOf, retryAfterMs } from './details.ts'
import { PROTECTED_RESOURCE_PATH } from './oauth-metadata.ts'
import { answerOf, httpStatusOf } from './status.ts'

/** One request over HTTP/1.1, or over HTTP/2 through Node's compatibility API. */
export type HttpRequest = IncomingMessage | Http2ServerRequest
export type HttpResponse = ServerResponse | Http2ServerResponse

/** Name, value, name, value, … */
type HeaderList = readonly string[]

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * Writes a whole answer, with headers beside its own. A HEAD request gets its headers; no answer may be sniffed into another
 * type. Over HTTP/1 all of them are written at once, which costs half of setting one by one.
 */
export function send(request: HttpRequest, response: HttpResponse, answer: HttpAnswer, besides: HeaderList): void {
  const { status, headers, body } = answer
  const list = ['x-content-type-options', 'nosniff', 'content-length', String(Buffer.byteLength(body))]
  for (const name in headers) list.push(name, headers[name] ?? '')
  for (const text of besides) list.push(text)
  const content = request.method === 'HEAD' ? '' : body
  if (response instanceof Http2ServerResponse) {
    response.statusCode = status
    for (let index = 0; index + 1 < list.length; index += 2)
      response.setHeader(list[index] ?? '', list[index + 1] ?? '')
    endHttp2(response, content)
  } else response.writeHead(status, list).end(content)
}

/**
 * What is left of the request is read and thrown away, as Node does by itself over HTTP/1: a reset, even one without an
 * error, can make a client that is still sending lose the answer.
 */
function endHttp2(response: Http2ServerResponse, content: string): void {
  const { stream } = response
  stream.once('finish', () => stream.resume())
  response.end(content)
}

/** `value` as a JSON answer. */
export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  return { status, headers: JSON_HEADERS, body: JSON.stringify(value) }
}

/** A token, or two, as a JSON answer that is never to be stored. */
export function secretAnswer(value: unknown): HttpAnswer {
  return { status: 200, headers: SECRET_HEADERS, body: JSON.stringify(value) }
}

/**
 * A denial over HTTP (contract §2, §3, §10): code and message in the body, google.rpc details beside them, `Retry-After`
 * where another try can help, and on 401 the challenge of RFC 6750 §3, with `invalid_token` where there was a token, and
 * with the address of the metadata (RFC 9728 §5.1).
 */
export function denialAnswer(denial: Denial, context: DetailContext): HttpAnswer {
  const answer = answerOf(denial.reason)
  const status = httpStatusOf(answer)
  const waitMs = retryAfterMs(denial)
  const details = BARE.has(denial.reason) ? [] : detailsOf(denial, context).map(jsonOf)
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(waitMs === undefined ? {} : { 'retry-after': String(Math.ceil(waitMs / 1_000)) }),
      ...(status === 401 ? { 'www-authenticate': challengeFor(denial, context) } : {}),
    },
    body: JSON.stringify({ code: answer.code, message: messageOf(denial, context), details }),
  }
}

/** Calls `closed` once, when the answer has been handed to the network (`true`), or the caller has gone before that. */
export type WatchClose = (request: HttpRequest, response: HttpResponse, closed: (delivered: boolean) => void) => void

/** A pipelined HTTP/1 answer has no socket of its own while it waits, so there it is the connection that is watched. */
export function createCloseWatch(): WatchClose {
  const connections = new WeakMap<Socket, Roster<(delivered: boolean) => void>>()
  const openOn = (socket: Socket): Roster<(delivered: boolean) => void> => {
    const known = connections.get(socket)
    if (known !== undefined) return known
    const open = new Roster<(delivered: boolean) => void>()
    connections.set(socket, open)
    socket.once('close', () => {
      for (const [place, closed] of open.entries()) {
        open.leave(closed, place)
        closed(false)
      }
    })
    return open
  }
  return (request, response, closed) => {
    if (response instanceof Http2ServerResponse) {
      const { stream } = response
      stream.once('close', () => closed(stream.writableFinished && stream.rstCode === constants.NGHTTP2_NO_ERROR))
      return
    }
    const open = openOn(request.socket)
    const place = open.enter(closed)
    response.on('finish', () => {
      if (open.leave(closed, place)) closed(true)
    })
  }
}

const JSON_HEADERS = { 'content-type': 'application/json' } as const
const SECRET_HEADERS = { ...JSON_HEADERS, 'cache-control': 'no-store' } as const

/** Their bodies are fixed by contract §10, to the empty `details`. */
const BARE: ReadonlySet<string> = new Set(['ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED'])

/** Refused before any token was looked at. */
const WITHOUT_TOKEN: ReadonlySet<string> = new Set([
  'AUTHORIZATION_MISSING',
  'AUTHORIZATION_REPEATED',
  'AUTHORIZATION_MALFORMED',
])

function challengeFor({ reason }: Denial, { domain }: DetailContext): string {
  const error = WITHOUT_TOKEN.has(reason) ? '' : 'error="invalid_token", '
  return `Bearer ${error}resource_metadata="https://${domain}${PROTECTED_RESOURCE_PATH}"`
}

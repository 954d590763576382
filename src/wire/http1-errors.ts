import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Denial } from '../terms/denial.ts'
import type { DetailContext } from './details.ts'
import { denialAnswer, type HttpAnswer, jsonAnswer } from './http-answer.ts'
import type { WireLimits } from './limits.ts'

/**
 * Answers what Node's HTTP/1 parser refuses (its `clientError` event): headers that are too large 431, a request that did
 * not come in time 408, all else 400. What the client still sends is read and thrown away for a moment, because closing
 * with unread bytes makes the kernel send a reset, which can overtake the answer.
 */
export function createClientErrorHandler(
  context: Pick<DetailContext, 'domain'> & { readonly newRequestId: () => string; readonly limits: WireLimits },
): (error: Error & { readonly code?: string }, socket: Duplex) => void {
  const answered = new WeakSet<Duplex>()
  return (error, socket) => {
    if (answered.has(socket)) return
    answered.add(socket)
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const requestId = context.newRequestId()
    socket.end(serialize(answerFor(error, { ...context, requestId }), requestId))
    linger(socket, context.limits)
  }
}

function answerFor({ code }: { readonly code?: string }, context: DetailContext): HttpAnswer {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return denialAnswer(new Denial('TOKEN_TOO_LARGE', 'the headers of the request are too large'), context)
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return jsonAnswer(408, { code: 4, message: 'the request did not arrive in time', details: [] })
  }
  return denialAnswer(new Denial('REQUEST_MALFORMED', 'the request is not HTTP/1.1'), context)
}

function serialize({ status, headers, body }: HttpAnswer, requestId: string): string {
  const lines = Object.entries({
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`
}

function linger(socket: Duplex, { lingerMs }: WireLimits): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  let bytes = 0
  socket.removeAllListeners('data')
  socket.on('error', ignore).once('close', () => clearTimeout(timer))
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES) socket.destroy()
  })
}

function ignore(): void {}

const LINGER_BYTES = 4 * 1024 * 1024

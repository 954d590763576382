import type { ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import type { WebhookRequest } from './receive-body.ts'
import type { WebhookAnswer } from './refusal.ts'

export type WebhookResponse = ServerResponse | Http2ServerResponse

/**
 * Writes the answer. What is left of a body that was not read is thrown away for a moment, because closing with unread bytes
 * makes the kernel send a reset, which can overtake the answer; who still sends after that is cut.
 */
export function sendAnswer(
  request: WebhookRequest,
  response: WebhookResponse,
  { status, message, retryAfterSeconds, closing }: WebhookAnswer & { readonly closing: boolean },
): void {
  if (response.destroyed || request.socket?.destroyed === true) return
  const body = `${JSON.stringify({ message })}\n`
  response.on('error', ignore)
  request.on('error', ignore)
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('content-length', String(Buffer.byteLength(body)))
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds))
  if (response instanceof Http2ServerResponse) {
    const { stream } = response
    stream.once('finish', () => stream.resume())
    response.end(body)
    return
  }
  if (request.complete) {
    if (closing) response.setHeader('connection', 'close')
    response.end(body)
    return
  }
  // Its length says that it is whole. Ended now, Node would close at once for who asked it to with `connection: close`.
  response.write(body)
  request.resume()
  const cut = setTimeout(() => request.socket.destroy(), LINGER_MS).unref()
  request.once('end', () => response.end())
  request.once('close', () => clearTimeout(cut))
}

function ignore(): void {}

const LINGER_MS = 2_000

import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import { callerLeft } from './deadline.ts'
import { type Pairs, parseJsonPairs, parsePairs } from './parameters.ts'

export interface BodyRules {
  readonly limitBytes: number
  readonly signal: Cancellation
}

/**
 * The parameters in the body of a POST: a form or JSON; none when it is empty, whatever type it says it has.
 * Refuses with `REQUEST_TOO_LARGE`, `MEDIA_TYPE_UNSUPPORTED`, `REQUEST_MALFORMED`, or the signal's reason.
 */
export async function readBody(request: IncomingMessage | Http2ServerRequest, rules: BodyRules): Promise<Pairs> {
  const { text, type } = await readText(request, rules)
  if (text === '') return []
  if (type === FORM) return parsePairs(text, 'form')
  if (type === 'application/json') return parseJsonPairs(text)
  throw unsupported(`the body must be ${FORM} or application/json`)
}

/** As `readBody`, of a form alone: OAuth knows no other request (RFC 6749 §3.2). */
export async function readForm(request: IncomingMessage | Http2ServerRequest, rules: BodyRules): Promise<Pairs> {
  const { text, type } = await readText(request, rules)
  if (text === '') return []
  if (type === FORM) return parsePairs(text, 'form')
  throw unsupported(`the body must be ${FORM}`)
}

async function readText(
  request: IncomingMessage | Http2ServerRequest,
  rules: BodyRules,
): Promise<{ readonly text: string; readonly type: string }> {
  const bytes = await readBytes(request, rules)
  if (bytes.length === 0) return { text: '', type: '' }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw unsupported('the body is compressed: send it as it is')
  return { text: utf8(bytes), type: mediaType(request.headers['content-type']) }
}

function readBytes(request: IncomingMessage | Http2ServerRequest, { limitBytes, signal }: BodyRules): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (outcome: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      request.on('error', ignore) // a stream that breaks after this must not end the process
      outcome()
    }
    const onAbort = (): void => settle(() => reject(signal.reason))
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks, size)))
    const onBroken = (): void => settle(() => reject(callerLeft()))
    const onData = (chunk: Buffer): void => {
      size += chunk.length
      if (size > limitBytes) settle(() => reject(tooLarge(limitBytes)))
      else chunks.push(chunk)
    }
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
  })
}

function mediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1).join('').trim().toLowerCase()
}

function utf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Denial('REQUEST_MALFORMED', 'the body is not UTF-8')
  return bytes.toString('utf8')
}

function tooLarge(limitBytes: number): Denial {
  return new Denial('REQUEST_TOO_LARGE', `the body is larger than ${limitBytes} bytes`)
}

function unsupported(message: string): Denial {
  return new Denial('MEDIA_TYPE_UNSUPPORTED', message)
}

function ignore(): void {}

const FORM = 'application/x-www-form-urlencoded'

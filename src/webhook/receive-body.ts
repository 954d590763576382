import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Gate } from './gate.ts'
import { Refusal } from './refusal.ts'
import type { SignatureCheck } from './signature.ts'

export type WebhookRequest = IncomingMessage | Http2ServerRequest

export interface BodyRules {
  readonly limitBytes: number
  /** Bodies over it are few at a time. */
  readonly largeBytes: number
  /** From the first look at the body to its end, waiting for a place included. */
  readonly limitMs: number
  readonly large: Gate
}

/** A body whose signature holds. */
export interface SignedBody {
  readonly bytes: Buffer
  /** It is not needed any more. */
  release(): void
}

/**
 * Reads the body and hashes it on the way. Refuses with 413 (before a byte is read, when the headers say so), 408, 503, and
 * with 401 when the signature does not hold.
 */
export async function receiveBody(
  request: WebhookRequest,
  check: SignatureCheck,
  rules: BodyRules,
): Promise<SignedBody> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > rules.limitBytes) throw tooLarge(rules.limitBytes)
  const place: Place = { leave: declared > rules.largeBytes ? await rules.large.enter() : undefined }
  try {
    const bytes = await read(request, { check, place, rules })
    if (!check.holds()) throw new Refusal(401, 'the signature does not hold: the secret is another one')
    return { bytes, release: () => place.leave?.() }
  } catch (error) {
    place.leave?.()
    throw error
  }
}

interface Place {
  leave: (() => void) | undefined
}

interface Reading {
  readonly check: SignatureCheck
  readonly place: Place
  readonly rules: BodyRules
}

function read(request: WebhookRequest, { check, place, rules }: Reading): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let done = false
    let entering = false
    const settle = (outcome: () => void): void => {
      if (done) return
      done = true
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      request.on('error', ignore) // a stream that breaks after this must not end the process
      outcome()
    }
    const fail = (error: unknown): void => settle(() => reject(error))
    const timer = setTimeout(() => fail(new Refusal(408, 'the body did not arrive in time')), rules.limitMs)
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks, size)))
    const onBroken = (): void => fail(new Refusal(400, 'the connection broke within the body'))
    const onData = (chunk: Buffer): void => {
      size += chunk.length
      if (size > rules.limitBytes) {
        fail(tooLarge(rules.limitBytes))
        return
      }
      chunks.push(chunk)
      check.update(chunk)
      if (size <= rules.largeBytes || place.leave !== undefined || entering) return
      // It did not say how large it is: from here on it needs a place too.
      entering = true
      request.pause()
      rules.large.enter().then((leave) => {
        entering = false
        if (done) {
          leave()
          return
        }
        place.leave = leave
        request.resume()
      }, fail)
    }
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
  })
}

function tooLarge(limitBytes: number): Refusal {
  return new Refusal(413, `the body is larger than ${limitBytes} bytes`)
}

function ignore(): void {}

import { encode } from '../terms/text.ts'
import { errorText } from './error-text.ts'

/** How long one call may take, and what ends every call before its time. */
export interface CallLimits {
  readonly timeoutMs: number
  readonly stop: AbortSignal
}

/** Nothing came that can be taken for an answer of the one who was asked: refused connections, time-outs, pages of a proxy. */
export class NoAnswer extends Error {}

export interface HttpAsk {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: URLSearchParams
}

export interface HttpReply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** One request over HTTP. A redirect is not followed, because a token is not for another host. Throws a NoAnswer. */
export async function boundedFetch(
  url: string,
  { method, headers = {}, body }: HttpAsk,
  { timeoutMs, stop }: CallLimits,
): Promise<HttpReply> {
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const reply = await fetch(url, {
      method,
      headers: { 'user-agent': USER_AGENT, ...headers },
      redirect: 'manual',
      signal: AbortSignal.any([stop, timeout]),
      ...(body === undefined ? {} : { body }),
    })
    return { status: reply.status, headers: reply.headers, text: await textOf(reply) }
  } catch (error) {
    if (error instanceof NoAnswer) throw error
    if (timeout.aborted) throw new NoAnswer(`no answer within ${timeoutMs / 1000} s`)
    if (stop.aborted) throw new NoAnswer('stopped before there was an answer')
    throw new NoAnswer(`no answer: ${encode(errorText(error), MESSAGE_LIMIT)}`)
  }
}

/** JSON that is an object, or undefined. */
export function jsonObjectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}

async function textOf(reply: Response): Promise<string> {
  if (reply.body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of reply.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > BODY_LIMIT_BYTES) throw new NoAnswer(`the answer is longer than ${BODY_LIMIT_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** GitHub refuses requests without one. */
const USER_AGENT = 'octo-sts-probe'
/** A page of a hundred repositories has about 600 KiB at GitHub. */
const BODY_LIMIT_BYTES = 4 * 1024 * 1024
/** Code points of somebody else's text that a result line shows. */
export const MESSAGE_LIMIT = 300

import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Fault } from './faults.ts'
import { type Answer, bodyBytes } from './github-answer.ts'

/** Writes an answer, or as much of it as the fault leaves; compressed, as GitHub does, for clients that say they can read that. */
export async function deliver(
  response: ServerResponse,
  answer: Answer,
  { fault, gzip, signal }: DeliveryOptions,
): Promise<void> {
  if (fault?.kind === 'hang') return
  if (fault?.kind === 'reset') return reset(response)
  if (BODILESS.has(answer.status)) {
    response.writeHead(answer.status, headersOf(answer)).end()
    return
  }
  const body = gzip ? gzipSync(bodyBytes(answer)) : bodyBytes(answer)
  const encoding = gzip ? { 'content-encoding': 'gzip' } : {}
  response.writeHead(answer.status, { ...headersOf(answer), ...encoding, 'content-length': String(body.length) })
  if (fault?.kind === 'reset-mid-body') {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => reset(response))
    return
  }
  if (fault?.kind === 'slow-body') return drip(response, body, { msPerByte: fault.msPerByte, signal })
  response.end(body)
}

interface DeliveryOptions {
  readonly fault: Fault | undefined
  readonly gzip: boolean
  /** Ends a delivery that is on its way. */
  readonly signal: AbortSignal
}

const BODILESS: ReadonlySet<number> = new Set([204, 304])

function headersOf({ status, headers }: Answer): Record<string, string> {
  return {
    'x-github-request-id': randomBytes(12).toString('hex').toUpperCase(),
    'x-github-media-type': 'github.v3; format=json',
    ...(BODILESS.has(status) ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    ...headers,
  }
}

async function drip(
  response: ServerResponse,
  body: Buffer,
  { msPerByte, signal }: { readonly msPerByte: number; readonly signal: AbortSignal },
): Promise<void> {
  for (const byte of body) {
    if (response.destroyed) return
    response.write(Buffer.of(byte))
    await sleep(msPerByte, undefined, { signal })
  }
  response.end()
}

/** RST instead of FIN. A TLS socket has no such thing: it is just cut. */
function reset(response: ServerResponse): void {
  const { socket } = response
  if (socket === null || 'encrypted' in socket) response.destroy()
  else socket.resetAndDestroy()
}

import type { ServerResponse } from 'node:http'

/** How an answer of the sandbox issuer goes wrong. */
export type IssuerFault =
  | { readonly kind: 'delay'; readonly ms: number }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: string | Uint8Array
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The document with these members instead of its own; an undefined one is left out. */
  | { readonly kind: 'change'; readonly members: Readonly<Record<string, unknown>> }
  | { readonly kind: 'redirect-loop' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }
  /** Header and half of the body, then the connection is cut. */
  | { readonly kind: 'reset-in-body' }
  /** Half of the JSON, as a complete answer. */
  | { readonly kind: 'truncated' }
  /** One byte at a time, and never the last. */
  | { readonly kind: 'slow-body'; readonly msPerByte: number }
  /** A body of that many bytes, without a content-length. */
  | { readonly kind: 'huge'; readonly bytes: number }

/** Gives the faulty answer instead of `document`. `later` schedules, and is cancelled when the sandbox closes. */
export function answerFaulty(fault: IssuerFault, { response, path, document, later }: FaultyAnswer): void {
  const text = JSON.stringify(document)
  switch (fault.kind) {
    case 'delay':
      later(fault.ms, () => response.writeHead(200, JSON_TYPE).end(text))
      return
    case 'answer':
      response.writeHead(fault.status, fault.headers ?? JSON_TYPE).end(fault.body ?? '')
      return
    case 'change':
      response.writeHead(200, JSON_TYPE).end(JSON.stringify({ ...document, ...fault.members }))
      return
    case 'redirect-loop':
      response.writeHead(302, { location: path }).end()
      return
    case 'hang':
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'reset-in-body':
      response.writeHead(200, { ...JSON_TYPE, 'content-length': String(text.length) })
      response.write(text.slice(0, text.length / 2), () => response.socket?.resetAndDestroy())
      return
    case 'truncated':
      response.writeHead(200, JSON_TYPE).end(text.slice(0, text.length / 2))
      return
    case 'slow-body':
      response.writeHead(200, JSON_TYPE)
      drip(response, { text, later, msPerByte: fault.msPerByte })
      return
    case 'huge':
      response.writeHead(200, JSON_TYPE)
      pour(response, fault.bytes)
      return
    default:
      fault satisfies never
  }
}

export interface FaultyAnswer {
  readonly response: ServerResponse
  readonly path: string
  readonly document: Readonly<Record<string, unknown>>
  readonly later: (ms: number, work: () => void) => void
}

function drip(
  response: ServerResponse,
  { text, later, msPerByte }: { text: string; later: FaultyAnswer['later']; msPerByte: number },
): void {
  if (response.destroyed || text.length <= 1) return
  response.write(text.slice(0, 1))
  later(msPerByte, () => drip(response, { text: text.slice(1), later, msPerByte }))
}

/** Writes as the reader reads, so that the sandbox does not hold the body either. */
function pour(response: ServerResponse, bytes: number): void {
  let left = bytes
  const write = () => {
    while (left > 0 && !response.destroyed) {
      const chunk = Math.min(left, SPACES.length)
      left -= chunk
      if (!response.write(SPACES.subarray(0, chunk))) {
        response.once('drain', write)
        return
      }
    }
    response.end()
  }
  write()
}

const JSON_TYPE = { 'content-type': 'application/json' } as const
const SPACES = Buffer.alloc(16_384, ' ')

import type { Denial } from '../terms/denial.ts'
import type { DetailMessages } from './protos.ts'
import { answerOf } from './status.ts'

/** What is said of a denial beside its code and message: google.rpc messages, ready for either protocol. */
export type Detail = {
  readonly [Name in keyof DetailMessages]: { readonly name: Name; readonly message: DetailMessages[Name] }
}[keyof DetailMessages]

export interface DetailContext {
  /** The STS domain: `ErrorInfo.domain`, and where the documentation is served. */
  readonly domain: string
  readonly requestId: string
}

/**
 * ErrorInfo and RequestInfo always, RetryInfo where another try can help, BadRequest where a parameter is at fault, Help
 * with the page of the reason. Bounded: trailers over 16 KiB are dropped by many clients and with them the whole answer.
 */
export function detailsOf(denial: Denial, { domain, requestId }: DetailContext): readonly Detail[] {
  const { reason, field } = denial
  const details: Detail[] = [
    { name: 'google.rpc.ErrorInfo', message: { reason, domain, metadata: boundedMetadata(denial.metadata) } },
    { name: 'google.rpc.RequestInfo', message: { requestId } },
  ]
  const waitMs = retryAfterMs(denial)
  if (waitMs !== undefined) {
    details.push({ name: 'google.rpc.RetryInfo', message: { retryDelay: durationOf(waitMs) } })
  }
  if (field !== undefined) {
    const violation = { field, description: wireText(denial.message) }
    details.push({ name: 'google.rpc.BadRequest', message: { fieldViolations: [violation] } })
  }
  const link = { description: `What ${reason} means and what to do`, url: `https://${domain}/errors#${reason}` }
  details.push({ name: 'google.rpc.Help', message: { links: [link] } })
  return details
}

/** Milliseconds after which another try can help; undefined when none does. */
export function retryAfterMs({ reason, retryAfterMs: named }: Denial): number | undefined {
  const usual = answerOf(reason).retryAfterMs
  if (named === undefined) return usual
  return Number.isFinite(named) ? Math.min(Math.max(Math.ceil(named), 1), LONGEST_WAIT_MS) : usual
}

/** A detail in proto3 JSON, as an entry of `details` (google.protobuf.Any). */
export function jsonOf({ name, message }: Detail): Readonly<Record<string, unknown>> {
  const type = { '@type': `${TYPE_PREFIX}${name}` }
  if (name !== 'google.rpc.RetryInfo') return { ...type, ...message }
  return { ...type, retryDelay: jsonDuration(message.retryDelay?.seconds ?? 0, message.retryDelay?.nanos ?? 0) }
}

export const TYPE_PREFIX = 'type.googleapis.com/'

/** What the caller reads. A defect is told with nothing but the id under which the log has the rest. */
export function messageOf({ reason, message }: Denial, { requestId }: DetailContext): string {
  return reason === 'INTERNAL' ? `internal error: tell the operator the request id ${requestId}` : wireText(message)
}

/**
 * A message fit for both protocols: well-formed Unicode (`encodeURI`, by which gRPC sends it, throws on half of a
 * surrogate pair), and cut so that its percent-encoding stays under 4 KiB.
 */
export function wireText(message: string): string {
  const text = message.slice(0, TEXT_LIMIT).replace(LONE_SURROGATE, '\ufffd')
  if (encodeURI(text).length <= ENCODED_LIMIT) return text === message ? text : shortened(text)
  return shortened(text)
}

function shortened(text: string): string {
  let encoded = ELLIPSIS.length * 9
  let kept = ''
  for (const character of text) {
    encoded += encodeURI(character).length
    if (encoded > ENCODED_LIMIT) break
    kept += character
  }
  return `${kept}${ELLIPSIS}`
}

function durationOf(ms: number): { readonly seconds: number; readonly nanos: number } {
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 }
}

/** `3s` or `1.500s`: proto3 JSON has no fraction, or three, six or nine digits. */
function jsonDuration(seconds: unknown, nanos: number): string {
  const fraction = nanos === 0 ? '' : `.${String(nanos / 1_000_000).padStart(3, '0')}`
  return `${String(seconds)}${fraction}s`
}

/** The entries that fit, in their order. */
function boundedMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const kept: [string, string][] = []
  let bytes = 0
  for (const [name, value] of Object.entries(metadata)) {
    const text = value.replace(LONE_SURROGATE, '\ufffd')
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text)
    if (bytes > METADATA_LIMIT_BYTES) break
    kept.push([name, text])
  }
  return Object.fromEntries(kept)
}

const ELLIPSIS = '…'
const TEXT_LIMIT = 4_096
const ENCODED_LIMIT = 4_096
const METADATA_LIMIT_BYTES = 2_048
/** An hour: GitHub's longest rate limit window. */
const LONGEST_WAIT_MS = 3_600_000
const LONE_SURROGATE = /\p{Cs}/gu

import { Denial } from './denial.ts'
import { isJsonObject, parseJsonStrictly, withLargeNumbersAsText } from './json.ts'

/**
 * The JWT a caller presents (RFC 8693 `subject_token`), taken apart once and not yet believed: nothing in it is verified.
 */
export interface SubjectToken {
  /** The compact serialization (RFC 7515 §7.1) as it was sent. */
  readonly compact: string
  /** The protected header; `alg` is a text. */
  readonly header: Readonly<Record<string, unknown>> & { readonly alg: string }
  /** The payload; `iss` is a text that is not empty. */
  readonly payload: Readonly<Record<string, unknown>> & { readonly iss: string }
  /** The payload with whole numbers beyond 2^53 as the texts they were written as; absent when it has none. */
  readonly exactPayload?: Readonly<Record<string, unknown>>
}

/**
 * Takes a compact JWS apart. Refuses with `TOKEN_MALFORMED` what has not three base64url parts, a header and a payload
 * that are JSON objects without repeated members, an `alg` and an `iss`; with `TOKEN_TOO_LARGE` what is over 16 KiB.
 */
export function parseSubjectToken(compact: string): SubjectToken {
  if (compact.length > TOKEN_LIMIT_BYTES) {
    throw new Denial('TOKEN_TOO_LARGE', `invalid bearer token: longer than ${TOKEN_LIMIT_BYTES} bytes`)
  }
  const dot = compact.indexOf('.')
  const lastDot = compact.lastIndexOf('.')
  if (dot === lastDot || compact.indexOf('.', dot + 1) !== lastDot) {
    throw malformed('it is not a signed JWT (three parts joined by dots)')
  }
  const head = compact.slice(0, dot)
  const signature = compact.slice(lastDot + 1)
  const known = headers.get(head)
  const headBytes = known === undefined ? bytesOf(head) : undefined
  const bodyBytes = bytesOf(compact.slice(dot + 1, lastDot))
  const isWhole = (known !== undefined || headBytes !== undefined) && (signature === '' || BASE64URL.test(signature))
  if (bodyBytes === undefined || !isWhole) throw malformed('its parts are not base64url')
  const header = known ?? jsonObject(textOf(headBytes ?? NOTHING, 'header'), 'header')
  const payloadText = textOf(bodyBytes, 'payload')
  const payload = jsonObject(payloadText, 'payload')
  if (!isOfAlgorithm(header)) throw malformed('its header names no algorithm (alg)')
  if (typeof payload['iss'] !== 'string' || payload['iss'] === '') throw malformed('it names no issuer (iss)')
  if (known === undefined) remember(head, header)
  const token = { compact, header, payload: payload as SubjectToken['payload'] }
  const exactPayload = withLargeNumbersAsText(payloadText, payload)
  return isJsonObject(exactPayload) ? { ...token, exactPayload } : token
}

/** Headers of an issuer's tokens are equal as long as it signs with one key, and by their text they mean the same. */
const headers = new Map<string, SubjectToken['header']>()
const HEADERS_KEPT = 64
const HEADER_KEPT_CHARACTERS = 512

function remember(head: string, header: SubjectToken['header']): void {
  if (head.length > HEADER_KEPT_CHARACTERS) return
  if (headers.size >= HEADERS_KEPT) headers.clear() // strangers send what they like: it is had again in no time
  // A part of a text keeps all of it: this one must not keep a token.
  headers.set(Buffer.from(head, 'latin1').toString('latin1'), Object.freeze(header))
}

function isOfAlgorithm(header: Readonly<Record<string, unknown>>): header is SubjectToken['header'] {
  return typeof header['alg'] === 'string'
}

const NOTHING = new Uint8Array()

/** 16 KiB: what the contract lets pass. */
export const TOKEN_LIMIT_BYTES = 16_384

function jsonObject(text: string, name: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parseJsonStrictly(text)
  } catch (cause) {
    throw noJson(name, cause)
  }
  if (!isJsonObject(value)) throw malformed(`its ${name} is not a JSON object`)
  return value
}

/**
 * The bytes of a part; undefined where it is not base64url. Node skips characters that have no place in it, so that there are
 * too few bytes, and takes those of the other alphabet for their twins: to look for these costs less than to look at each.
 */
function bytesOf(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  const isWhole = bytes.length > 0 && part.length % 4 !== 1 && bytes.length === Math.floor((part.length * 3) / 4)
  return (isWhole && !part.includes('+') && !part.includes('/')) || BASE64URL.test(part) ? bytes : undefined
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw noJson(name, cause)
  }
}

function noJson(name: string, cause?: unknown): Denial {
  return malformed(`its ${name} is not valid JSON, or names a member twice`, cause)
}

function malformed(what: string, cause?: unknown): Denial {
  return new Denial('TOKEN_MALFORMED', `invalid bearer token: ${what}`, { cause })
}

const BASE64URL = /^[A-Za-z0-9_-]+$/
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

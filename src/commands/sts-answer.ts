import { status } from '@grpc/grpc-js'
import { encode } from '../terms/text.ts'
import { MESSAGE_LIMIT } from './bounded-fetch.ts'

/** What an exchange answered, in either protocol. */
export type Answer = Granted | Refused

export interface Granted {
  readonly ok: true
  readonly token: string
  /** RFC 3339; empty when the service does not say. */
  readonly expiry: string
  readonly refreshToken: string
  /** `name:level`, where the protocol says what was granted: OAuth alone does. */
  readonly permissions?: readonly string[]
}

export interface Refused {
  readonly ok: false
  /** Of gRPC, in every protocol. */
  readonly code: number
  readonly message: string
  /** Absent where the service names none, as the reference does not. */
  readonly reason?: string
}

export interface Ask {
  readonly token: string
  readonly scope: string
  readonly identity: string
  readonly cap?: readonly string[]
}

/** What the service said, made fit for a terminal and a log. */
export function refused(code: number, message: string, reason: string | undefined): Refused {
  const known = reason !== undefined && REASON.test(reason) ? { reason } : {}
  return { ok: false, code, message: encode(message, MESSAGE_LIMIT), ...known }
}

/** `PERMISSION_DENIED SUBJECT_MISMATCH: trust policy: …` */
export function describeRefusal({ code, reason, message }: Refused): string {
  return `${codeName(code)}${reason === undefined ? '' : ` ${reason}`}: ${message}`
}

export function codeName(code: number): string {
  return status[code] ?? String(code)
}

/** RFC 3339 in whole seconds; empty for what is no time. */
export function instant(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z') : ''
}

const REASON = /^[A-Z][A-Z0-9_]{0,63}$/

import type { ExchangeRecord } from '../exchange/record.ts'
import { type Logger, writeLine } from '../runtime/log.ts'
import type { Denial } from '../terms/denial.ts'
import { encode } from '../terms/text.ts'
import {
  actorOf,
  affinityOf,
  durationsOf,
  issuerAllowlistOf,
  policyOf,
  round,
  selfWriteOf,
  verdictsOf,
} from './describe.ts'

/** Writes one line for an exchange: `info` when a token was issued or refused, `error` for a defect (with its stack). */
export function logExchange(log: Logger, record: ExchangeRecord): void {
  const { denial } = record
  const level = denial?.reason === 'INTERNAL' ? 'error' : 'info'
  if (!log.isLevelEnabled(level)) return
  writeLine(log, level, fieldsOf(record), MESSAGES[record.kind][denial === undefined ? 'issued' : 'refused'])
}

/** Members that are undefined are left out of the line. One literal: it is made for each exchange. */
function fieldsOf(record: ExchangeRecord) {
  const { denial, issued, grant, claims, evaluation } = record
  return {
    request_id: record.requestId,
    protocol: record.protocol,
    scope: encode(record.scope),
    identity: encode(record.identity),
    user_agent: encode(record.userAgent),
    actor: actorOf(record),
    jti: claims?.jti === undefined ? undefined : encode(claims.jti),
    installation_id: record.installation?.id,
    policy: policyOf(record),
    issuer_allowlist: issuerAllowlistOf(record).issuer_allowlist,
    policy_warnings: warningsOf(record),
    self_write: selfWriteOf(record).self_write,
    affinity: affinityOf(record).affinity,
    repositories: grant?.repositories,
    permissions: grant?.permissions,
    token_sha256: issued?.sha256Hex,
    token_sha256_base64: issued?.sha256Base64,
    expires_at: issued?.expiresAt.toISOString(),
    refresh: record.refresh,
    reason: denial?.reason,
    error: denial?.message,
    cause: denial === undefined ? undefined : causeOf(denial),
    verdicts: evaluation === undefined || evaluation.allowed ? undefined : verdictsOf(evaluation),
    steps_ms: durationsOf(record),
    duration_ms: round(record.durationMs),
  }
}

/** What a policy's owner should look at, although the policy is valid. */
function warningsOf({ trustPolicy }: ExchangeRecord): readonly string[] | undefined {
  if (trustPolicy === undefined || trustPolicy.warnings.length === 0) return undefined
  return trustPolicy.warnings.map(({ message }) => encode(message))
}

/** What really happened: an adapter's words, or a defect with its stack. Headers and bodies, where secrets are, stay out. */
function causeOf({ reason, cause }: Denial): unknown {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? encode(cause) : cause
  const inner = cause.cause instanceof Error ? { because: encode(cause.cause.message) } : {}
  const stack = reason === 'INTERNAL' && cause.stack !== undefined ? { stack: encode(cause.stack, STACK_LIMIT) } : {}
  return { name: cause.name, message: encode(cause.message), ...codeOf(cause), ...inner, ...stack }
}

function codeOf(error: Error): { code?: string } {
  return 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
}

const MESSAGES = {
  exchange: { issued: 'token issued', refused: 'exchange refused' },
  refresh: { issued: 'token refreshed', refused: 'refresh refused' },
} as const satisfies Record<ExchangeRecord['kind'], { readonly issued: string; readonly refused: string }>

const STACK_LIMIT = 4096

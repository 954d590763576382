import type { ExchangeRecord } from '../exchange/record.ts'
import { encode } from '../terms/text.ts'
import { actorOf, affinityOf, durationsOf, issuerAllowlistOf, policyOf, round, selfWriteOf } from './describe.ts'
import { policyDocument } from './policy-document.ts'

/** The type of the CloudEvent that each exchange, and each refresh, leaves behind. */
export const EVENT_TYPES = {
  exchange: 'dev.octo-sts.exchange',
  refresh: 'dev.octo-sts.refresh',
} as const satisfies Record<ExchangeRecord['kind'], string>

/**
 * The `data` of an exchange's CloudEvent. The first group has the names of the reference, the second is ours. It never
 * holds a token or a key; `actor` is there only for a token that was verified.
 */
export function exchangeEventData(record: ExchangeRecord): Record<string, unknown> {
  const { denial, issued, grant, claims, policy } = record
  return {
    ...(claims === undefined ? {} : { actor: actorOf(record) }),
    ...(record.trustPolicy === undefined ? {} : { trust_policy: policyDocument(record.trustPolicy) }),
    ...(record.installation === undefined ? {} : { installation_id: record.installation.id }),
    scope: encode(record.scope),
    identity: encode(record.identity),
    user_agent: encode(record.userAgent),
    ...(issued === undefined ? {} : { token_sha256: issued.sha256Hex }),
    ...(denial === undefined ? {} : { error: denial.message }),
    time: record.startedAt.toISOString(),
    ...issuerAllowlistOf(record),

    request_id: record.requestId,
    ...(denial === undefined ? {} : { reason: denial.reason }),
    ...(policy === undefined ? {} : { policy: policyOf(record) }),
    ...selfWriteOf(record),
    ...affinityOf(record),
    ...(issued === undefined
      ? {}
      : { token_sha256_base64: issued.sha256Base64, expires_at: issued.expiresAt.toISOString() }),
    ...(grant === undefined ? {} : { permissions: grant.permissions, repositories: grant.repositories }),
    ...(record.refresh === undefined ? {} : { refresh: record.refresh }),
    ...(claims?.jti === undefined ? {} : { jti: encode(claims.jti) }),
    durations_ms: { ...durationsOf(record), total: round(record.durationMs) },
  }
}

/** `{scope}/{identity}`, percent-encoded where a header could not carry it (CloudEvents HTTP binding §3.1.3.2). */
export function exchangeEventSubject({ scope, identity }: ExchangeRecord): string {
  return headerSafe(`${scope}/${identity}`)
}

/** A text for an event's `subject`, whatever a stranger wrote into it. */
export function headerSafe(text: string): string {
  return encode(text).replace(NOT_HEADER_SAFE, (part) => encodeURIComponent(part))
}

const NOT_HEADER_SAFE = /[^\x21\x23\x24\x26-\x7e]+/gu

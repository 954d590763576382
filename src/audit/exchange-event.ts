import type { ExchangeRecord } from '../exchange/record.ts'
import type { Matcher, TrustPolicy } from '../policy/trust-policy.ts'
import { encode } from '../terms/text.ts'
import { actorOf, durationsOf, policyOf, round } from './describe.ts'

/** The type of the CloudEvent that each exchange leaves behind. */
export const EXCHANGE_EVENT_TYPE = 'dev.octo-sts.exchange'

/**
 * The `data` of an exchange's CloudEvent. The first group has the names of the reference, the second is ours. It never
 * holds a token or a key; `actor` is there only for a token that was verified.
 */
export function exchangeEventData(record: ExchangeRecord): Record<string, unknown> {
  const { denial, issued, grant, claims, policy } = record
  return {
    ...(claims === undefined ? {} : { actor: actorOf(record) }),
    ...(record.trustPolicy === undefined ? {} : { trust_policy: documentOf(record.trustPolicy) }),
    ...(record.installation === undefined ? {} : { installation_id: record.installation.id }),
    scope: encode(record.scope),
    identity: encode(record.identity),
    user_agent: encode(record.userAgent),
    ...(issued === undefined ? {} : { token_sha256: issued.sha256Hex }),
    ...(denial === undefined ? {} : { error: denial.message }),
    time: record.startedAt.toISOString(),

    request_id: record.requestId,
    ...(denial === undefined ? {} : { reason: denial.reason }),
    ...(policy === undefined ? {} : { policy: policyOf(record) }),
    ...(issued === undefined
      ? {}
      : { token_sha256_base64: issued.sha256Base64, expires_at: issued.expiresAt.toISOString() }),
    ...(grant === undefined ? {} : { permissions: grant.permissions, repositories: grant.repositories }),
    ...(claims?.jti === undefined ? {} : { jti: encode(claims.jti) }),
    durations_ms: { ...durationsOf(record), total: round(record.durationMs) },
  }
}

/** The policy in the fields of its file, for those who read the reference's events: its first alternative is all it can have. */
function documentOf({ alternatives, permissions, repositories, app }: TrustPolicy): Record<string, unknown> {
  const { issuer, subject, audience, claims } = alternatives[0]
  return {
    ...field('issuer', issuer),
    ...field('subject', subject),
    ...(audience === undefined ? {} : field('audience', audience)),
    ...(claims.length === 0
      ? {}
      : { claim_pattern: Object.fromEntries(claims.map(({ name, value }) => [name, value.source])) }),
    permissions,
    ...(repositories === undefined ? {} : { repositories }),
    ...(app === undefined ? {} : field('app', app)),
  }
}

function field(name: string, { kind, source }: Matcher): Record<string, string> {
  return { [kind === 'exact' ? name : `${name}_pattern`]: source }
}

/** `{scope}/{identity}`, percent-encoded where a header could not carry it (CloudEvents HTTP binding §3.1.3.2). */
export function exchangeEventSubject({ scope, identity }: ExchangeRecord): string {
  return encode(`${scope}/${identity}`).replace(NOT_HEADER_SAFE, (text) => encodeURIComponent(text))
}

const NOT_HEADER_SAFE = /[^\x21\x23\x24\x26-\x7e]+/gu

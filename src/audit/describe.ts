import type { ExchangeRecord, IssuerAllowlist } from '../exchange/record.ts'
import type { Evaluation } from '../policy/evaluation.ts'
import { claimsLookedAt } from '../policy/looked-at.ts'
import { encode } from '../terms/text.ts'

/** Who asked: only ever made of a verified token's claims, and of those the policy looked at. */
export interface Actor {
  readonly iss: string
  readonly sub: string
  readonly claims: readonly { readonly name: string; readonly value: string }[]
}

export function actorOf({ claims, trustPolicy, evaluation }: ExchangeRecord): Actor | undefined {
  if (claims === undefined) return undefined
  const lookedAt = trustPolicy === undefined || evaluation === undefined ? [] : [...claimsLookedAt(trustPolicy, claims)]
  return {
    iss: encode(claims.iss),
    sub: encode(claims.sub),
    claims: lookedAt.map(([name, value]) => ({ name: encode(name), value: encode(value) })),
  }
}

/** Every rule of the evaluation with its verdict, whatever the caller was told of it. */
export function verdictsOf(evaluation: Evaluation) {
  return evaluation.alternatives.map(({ allowed, rules }) => ({
    allowed,
    rules: rules.map(({ rule, claim, failure, expected, actual }) => ({
      rule,
      claim: encode(claim),
      ...(failure === undefined ? {} : { failure }),
      expected: encode(expected),
      ...(actual === undefined ? {} : { actual: encode(actual) }),
    })),
  }))
}

export function policyOf({ policy }: ExchangeRecord) {
  if (policy === undefined) return undefined
  return { repository: policy.repository, path: policy.path, sha: policy.sha, ...(policy.stale ? { stale: true } : {}) }
}

/** What the organization's list of trusted issuers says of the token's issuer; no member where it was not looked at. */
export function issuerAllowlistOf({ issuerAllowlist }: ExchangeRecord): { issuer_allowlist?: IssuerAllowlist } {
  if (issuerAllowlist === undefined) return {}
  const { mode, allowed, iss } = issuerAllowlist
  return { issuer_allowlist: { mode, allowed, iss: encode(iss) } }
}

/** Which App the caller's `checks: write` tokens stay with, or that the store could not say; no member for other tokens. */
export function affinityOf({ affinity }: ExchangeRecord): { affinity?: { app_id: number } | { lost: string } } {
  if (affinity === undefined) return {}
  return { affinity: 'lost' in affinity ? { lost: affinity.lost } : { app_id: affinity.appId } }
}

/** The permissions by which the token can rewrite its own policy; no member where there are none. */
export function selfWriteOf({ selfWrite }: ExchangeRecord): { self_write?: readonly string[] } {
  return selfWrite === undefined || selfWrite.length === 0 ? {} : { self_write: selfWrite }
}

/** Milliseconds of each step, with a microsecond's precision. */
export function durationsOf({ steps }: ExchangeRecord): Record<string, number> {
  const durations: Record<string, number> = {}
  for (const [step, milliseconds] of steps) durations[step] = round(milliseconds)
  return durations
}

export function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}

import type { TrustPolicy } from '../policy/trust-policy.ts'
import { asDenial } from '../terms/denial.ts'
import { formatScope } from '../terms/scope.ts'
import type { Asking } from './decide.ts'
import type { OpenRecord } from './record.ts'
import type { RefreshTokenSeal } from './refresh-token.ts'
import type { IssuedRefreshToken } from './request.ts'
import type { RefreshFamilies } from './stores.ts'

export interface FamilyRules {
  /** `MAX_REFRESH_AGE`: no family lives longer, whatever its policy says; 0 is no refreshing at all. */
  readonly maxRefreshAgeMs: number
}

export interface FamilyNeeds {
  readonly families: RefreshFamilies
  readonly seal: RefreshTokenSeal
  /** 128 random bits, base64url. */
  readonly newFamily: () => string
  readonly rules: FamilyRules
  readonly record: OpenRecord
}

/**
 * The first refresh token of a new family, where the policy wants refreshing. It never rejects: an exchange does not fail
 * for the sake of a refresh token; when there can be none, the record says why.
 */
export async function beginFamily(
  { policy, asking }: { readonly policy: TrustPolicy; readonly asking: Asking },
  { families, seal, newFamily, rules, record }: FamilyNeeds,
): Promise<IssuedRefreshToken | undefined> {
  if (policy.refresh === undefined || rules.maxRefreshAgeMs === 0) return undefined
  try {
    const family = newFamily()
    const lifeMs = Math.min(policy.refresh.maxAgeMs, rules.maxRefreshAgeMs)
    const { startedAtMs } = await families.begin(family, lifeMs)
    const endsAtMs = startedAtMs + lifeMs
    const { claims, scope, identity, cap } = asking
    const token = await seal.seal({
      family,
      generation: 0,
      startedAtMs,
      endsAtMs,
      scope: formatScope(scope),
      identity,
      cap: cap === undefined ? undefined : [...cap],
      claims,
    })
    record.refresh = token === undefined ? { withheld: 'TOO_LARGE' } : { family, generation: 0 }
    return token === undefined ? undefined : { token, expiresAt: new Date(endsAtMs) }
  } catch (error) {
    record.refresh = { withheld: asDenial(error).reason }
    return undefined
  }
}

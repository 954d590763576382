import type { TrustPolicy } from '../policy/trust-policy.ts'
import { asDenial } from '../terms/denial.ts'
import { formatScope } from '../terms/scope.ts'
import type { Asking } from './decide.ts'
import type { ExchangePorts } from './ports.ts'
import type { OpenRecord } from './record.ts'
import type { IssuedRefreshToken } from './request.ts'

export interface FamilyRules {
  /** `MAX_REFRESH_AGE`: no family lives longer, whatever its policy says; 0 is no refreshing at all. */
  readonly maxRefreshAgeMs: number
}

export interface FamilyNeeds {
  readonly ports: Pick<ExchangePorts, 'families' | 'seal' | 'newFamily'>
  readonly rules: FamilyRules
  readonly record: OpenRecord
}

/**
 * The first refresh token of a new family; undefined where the policy or the operator wants no refreshing. It never
 * rejects: an exchange does not fail for the sake of a refresh token; when there can be none, the record says why.
 */
export function beginFamily(
  { policy, asking }: { readonly policy: TrustPolicy; readonly asking: Asking },
  needs: FamilyNeeds,
): Promise<IssuedRefreshToken | undefined> | undefined {
  const { refresh } = policy
  const { maxRefreshAgeMs } = needs.rules
  if (refresh === undefined || maxRefreshAgeMs === 0) return undefined
  return begin(asking, Math.min(refresh.maxAgeMs, maxRefreshAgeMs), needs)
}

async function begin(
  { claims, scope, identity, cap }: Asking,
  lifeMs: number,
  { ports: { families, seal, newFamily }, record }: FamilyNeeds,
): Promise<IssuedRefreshToken | undefined> {
  try {
    const family = newFamily()
    const { startedAtMs } = await families.begin(family, lifeMs)
    const endsAtMs = startedAtMs + lifeMs
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

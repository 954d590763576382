import type { Claims } from '../terms/claims.ts'
import { textOfClaim } from './claim-verdict.ts'
import { asksForGitHub } from './evaluate.ts'
import type { TrustPolicy } from './trust-policy.ts'

/**
 * The claims that a policy's rules for claims look at, with what the token has there, as text or JSON; each name once.
 * Issuer, subject and audience are not among them, but for the issuer where `github_actions` asks whose it is.
 */
export function claimsLookedAt({ alternatives }: TrustPolicy, claims: Claims): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const alternative of alternatives) {
    if (asksForGitHub(alternative)) values.set('iss', claims.iss)
    for (const rule of alternative.claims) {
      const text = textOfClaim(rule, claims)
      if (text !== undefined) values.set(rule.name, text)
    }
  }
  return values
}

import type { Permissions } from '../terms/permissions.ts'
import { nameKey, type Scope } from '../terms/scope.ts'
import { type Cap, narrow } from './cap.ts'
import type { TrustPolicy } from './trust-policy.ts'

export interface GrantRequest {
  readonly policy: TrustPolicy
  readonly scope: Scope
  /** The name of the organization's policy repository (`ORG_POLICY_REPO`). */
  readonly policyRepository: string
  readonly cap: Cap
}

/** What a token is to reach: never empty, because to GitHub an empty list means everything. */
export interface Reach {
  /** Names without their owner; `all` is everything the installation has. */
  readonly repositories: readonly [string, ...string[]] | 'all'
  readonly permissions: Permissions
}

/**
 * What a token reaches (contract §4): for `owner/repo` that one repository; for `owner` the policy's `repositories`, or
 * all that the installation has; for `owner/<policy repository>` the policy's `repositories`, or the policy repository
 * alone. Refuses `CAP_EXCEEDS_POLICY`.
 */
export function grantOf({ policy, scope, policyRepository, cap }: GrantRequest): Reach {
  return { repositories: repositoriesOf(policy, scope, policyRepository), permissions: narrow(policy.permissions, cap) }
}

function repositoriesOf(policy: TrustPolicy, { repository }: Scope, policyRepository: string): Reach['repositories'] {
  if (repository === undefined) return policy.repositories ?? 'all'
  const isPolicyRepository = nameKey(repository) === nameKey(policyRepository)
  return isPolicyRepository && policy.repositories !== undefined ? policy.repositories : [repository]
}

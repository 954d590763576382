import type { Permissions } from '../terms/permissions.ts'
import { nameKey, type Scope } from '../terms/scope.ts'
import { type Cap, narrow } from './cap.ts'
import type { Matcher, TrustPolicy } from './trust-policy.ts'

export interface GrantRequest {
  readonly policy: TrustPolicy
  readonly scope: Scope
  /** The name of the organization's policy repository (`ORG_POLICY_REPO`). */
  readonly policyRepository: string
  readonly cap: Cap
}

/** What a token is to reach. */
export interface Reach {
  /** `all` is everything the installation has; a selection is resolved by `selectRepositories`. */
  readonly repositories: RepositoryNames | RepositorySelection | 'all'
  readonly permissions: Permissions
}

/** Names without their owner; never empty, because to GitHub an empty list means everything. */
export type RepositoryNames = readonly [string, ...string[]]

/** What a policy with `repository_patterns` reaches. */
export interface RepositorySelection {
  readonly named: readonly string[]
  readonly patterns: readonly [Matcher, ...Matcher[]]
}

/**
 * What a token reaches (contract §4): for `owner/repo` that one repository; for `owner` what the policy's `repositories` and
 * `repository_patterns` say, or all that the installation has; for `owner/<policy repository>` the same, or the policy
 * repository alone. Refuses `CAP_EXCEEDS_POLICY`.
 */
export function grantOf({ policy, scope, policyRepository, cap }: GrantRequest): Reach {
  return { repositories: repositoriesOf(policy, scope, policyRepository), permissions: narrow(policy.permissions, cap) }
}

function repositoriesOf(policy: TrustPolicy, { repository }: Scope, policyRepository: string): Reach['repositories'] {
  if (repository === undefined) return listed(policy) ?? 'all'
  const isPolicyRepository = nameKey(repository) === nameKey(policyRepository)
  return (isPolicyRepository ? listed(policy) : undefined) ?? [repository]
}

function listed({ repositories, repositoryPatterns }: TrustPolicy): RepositoryNames | RepositorySelection | undefined {
  return repositoryPatterns === undefined ? repositories : { named: repositories ?? [], patterns: repositoryPatterns }
}

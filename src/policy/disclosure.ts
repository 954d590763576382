import { type Claims, claimOf } from '../terms/claims.ts'
import { nameKey } from '../terms/scope.ts'
import type { EvaluationContext } from './evaluation.ts'
import type { Detail } from './explain.ts'

export interface PolicyHome {
  readonly owner: string
  /** The repository that holds the policy. */
  readonly repository: string
}

/**
 * How much of a policy its refusal may tell (contract §3): all of it to a GitHub Actions token of the very repository that
 * holds the policy, whose workflows can read the file anyway; to others the brief. The owner's id must be that of the
 * account too, because a name alone may have been taken over.
 */
export function disclosureFor(
  claims: Claims,
  { owner, repository }: PolicyHome,
  { accountId, isGitHubIssuer }: Pick<EvaluationContext, 'accountId' | 'isGitHubIssuer'>,
): Detail {
  const from = claimOf(claims, 'repository')
  const isHome =
    isGitHubIssuer(claims.iss) &&
    typeof from === 'string' &&
    nameKey(from) === nameKey(`${owner}/${repository}`) &&
    claimOf(claims, 'repository_owner_id') === String(accountId)
  return isHome ? 'full' : 'brief'
}

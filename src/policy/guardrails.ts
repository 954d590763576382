import { Denial } from '../terms/denial.ts'
import { isOrganizationPermission } from '../terms/permissions.ts'
import type { TrustPolicy } from './trust-policy.ts'

/** What the operator lets a repository's own policy hand out of its organization's permissions. */
export type OrganizationPermissionRule = 'none' | 'read' | 'write'

export interface Guardrails {
  readonly repoPolicyOrgPermissions: OrganizationPermissionRule
}

/**
 * Refuses, as `POLICY_ORG_PERMISSIONS`, a repository's own policy that hands out more of the organization than the
 * operator lets it: whoever can push to one repository could otherwise hold the organization. `none` lets no permission
 * over the organization pass, `read` those with the level read, `write` all. An organization policy is never refused.
 */
export function guard(policy: TrustPolicy, { repoPolicyOrgPermissions: rule }: Guardrails): void {
  if (policy.kind === 'organization' || rule === 'write') return
  for (const [name, level] of Object.entries(policy.permissions)) {
    if (!isOrganizationPermission(name) || (rule === 'read' && level === 'read')) continue
    throw new Denial(
      'POLICY_ORG_PERMISSIONS',
      `the policy of a single repository may not grant "${name}: ${level}", which reaches the whole organization: ` +
        'move the policy to the policy repository of the organization',
      { metadata: { permission: name, level } },
    )
  }
}

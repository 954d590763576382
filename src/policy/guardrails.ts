import { Denial, type Reason } from '../terms/denial.ts'
import { covers, isOrganizationPermission, type Level, type Permissions } from '../terms/permissions.ts'
import type { PolicyKind, TrustPolicy } from './trust-policy.ts'

/** What the operator lets a repository's own policy hand out of its organization's permissions. */
export type OrganizationPermissionRule = 'none' | 'read' | 'write'

/** Where the operator takes policies from. */
export type PolicySources = 'repository' | 'organization' | 'both'

/** What the operator lets policies say, whoever wrote them. */
export interface Guardrails {
  readonly repoPolicyOrgPermissions: OrganizationPermissionRule
  /** The highest level of each permission; what it does not name is denied. undefined: no ceiling. */
  readonly maxPermissions: ReadonlyMap<string, Level> | undefined
  /** Whether a repository's own policy may let its token rewrite it. */
  readonly selfWrite: 'allow' | 'deny'
}

/** A permission of a policy that the operator's rules refuse. */
export interface GuardrailFault {
  readonly reason: Extract<Reason, 'POLICY_ORG_PERMISSIONS' | 'POLICY_MAX_PERMISSIONS' | 'POLICY_SELF_WRITE'>
  readonly permission: string
  readonly message: string
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Refuses a policy that asks for more than the operator lets it, whatever a `cap` makes of it: `POLICY_ORG_PERMISSIONS`,
 * `POLICY_MAX_PERMISSIONS` and `POLICY_SELF_WRITE`, in this order.
 */
export function guard(policy: TrustPolicy, rules: Guardrails): void {
  const [fault] = guardrailFaults(policy, rules)
  if (fault !== undefined) throw new Denial(fault.reason, fault.message, { metadata: fault.metadata })
}

/** All that the operator's rules have against a policy's permissions. */
export function guardrailFaults(policy: TrustPolicy, rules: Guardrails): readonly GuardrailFault[] {
  return [
    ...organizationFaults(policy, rules),
    ...ceilingFaults(policy, rules),
    ...(rules.selfWrite === 'deny' ? policy.selfWrite.map((name) => selfWriteFault(policy, name)) : []),
  ]
}

/**
 * The permissions by which a token of this policy can rewrite the policy: `contents`, `workflows` and `administration` with
 * `write`, in a policy that lies in the very repository that it grants them on. None in an organization policy: who may
 * change it has been given the organization's own policy repository.
 */
export function selfWritePermissions(kind: PolicyKind, permissions: Permissions): readonly string[] {
  if (kind === 'organization') return []
  const names = Object.entries<Level>(permissions).flatMap(([name, level]) =>
    REWRITING.has(name) && covers(level, 'write') ? [name] : [],
  )
  return [...names] // a list that has grown has room for sixteen more, in each of ten thousand policies
}

/** Refuses `POLICY_SOURCE_NOT_ALLOWED`: a kind of policy that the operator does not take. Needs no policy: only where it would lie. */
export function refusePolicySource(kind: PolicyKind, sources: PolicySources): void {
  const fault = policySourceFault(kind, sources)
  if (fault !== undefined) throw new Denial('POLICY_SOURCE_NOT_ALLOWED', fault, { metadata: { source: kind } })
}

export function policySourceFault(kind: PolicyKind, sources: PolicySources): string | undefined {
  if (sources === 'both' || sources === kind) return undefined
  return kind === 'repository'
    ? "a repository's own policy is not accepted here: put it into the policy repository of the organization, and ask with that scope"
    : 'a policy in the policy repository of the organization is not accepted here: put it into the repository that it is about, and ask with that scope'
}

/** Whoever can push to one repository could otherwise hold the organization. */
function organizationFaults(
  { kind, permissions }: TrustPolicy,
  { repoPolicyOrgPermissions: rule }: Guardrails,
): readonly GuardrailFault[] {
  if (kind === 'organization' || rule === 'write') return []
  return Object.entries<Level>(permissions)
    .filter(([name, level]) => isOrganizationPermission(name) && !(rule === 'read' && level === 'read'))
    .map(([permission, level]) => ({
      reason: 'POLICY_ORG_PERMISSIONS',
      permission,
      message:
        `the policy of a single repository may not grant "${permission}: ${level}", which reaches the whole organization: ` +
        'move the policy to the policy repository of the organization',
      metadata: { permission, level },
    }))
}

function ceilingFaults(
  { permissions }: TrustPolicy,
  { maxPermissions: ceiling }: Guardrails,
): readonly GuardrailFault[] {
  if (ceiling === undefined) return []
  return Object.entries<Level>(permissions)
    .filter(([name, level]) => !isWithin(ceiling, name, level))
    .map(([permission, level]) => {
      const highest = ceiling.get(permission)
      const accepted = highest === undefined ? 'no level of it' : `"${permission}: ${highest}" at most`
      return {
        reason: 'POLICY_MAX_PERMISSIONS',
        permission,
        message: `the policy asks for "${permission}: ${level}", and the operator of this service lets policies have ${accepted}`,
        metadata: { permission, level, max: highest ?? 'none' },
      }
    })
}

/** GitHub adds `metadata: read` to every token, whatever is asked for. */
function isWithin(ceiling: ReadonlyMap<string, Level>, name: string, level: Level): boolean {
  if (name === 'metadata' && level === 'read') return true
  const highest = ceiling.get(name)
  return highest !== undefined && covers(highest, level)
}

function selfWriteFault({ permissions }: TrustPolicy, permission: string): GuardrailFault {
  const level = permissions[permission] ?? 'write'
  return {
    reason: 'POLICY_SELF_WRITE',
    permission,
    message:
      `the policy of a repository may not grant "${permission}: ${level}" on that very repository, because its token could ` +
      'rewrite the policy: move the policy to the policy repository of the organization, or grant less',
    metadata: { permission, level },
  }
}

const REWRITING: ReadonlySet<string> = new Set(['contents', 'workflows', 'administration'])

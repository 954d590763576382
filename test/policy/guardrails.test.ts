import { describe, expect, test } from '@jest/globals'
import { type Guardrails, guard, guardrailFaults, refusePolicySource } from '../../src/policy/guardrails.ts'
import type { PolicyKind } from '../../src/policy/trust-policy.ts'
import { Denial } from '../../src/terms/denial.ts'
import type { Level } from '../../src/terms/permissions.ts'
import { policyOf } from './policies.ts'

const OPEN: Guardrails = { repoPolicyOrgPermissions: 'write', maxPermissions: undefined, selfWrite: 'allow' }

const policy = (permissions: string, kind: PolicyKind = 'repository') =>
  policyOf(`issuer: x\nsubject: y\npermissions: {${permissions}}`, kind)

function refusal(work: () => void): unknown {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return [error.reason, error.message, error.metadata]
  }
}

describe('the ceiling', () => {
  const CEILING: ReadonlyMap<string, Level> = new Map([
    ['contents', 'read'],
    ['issues', 'write'],
    ['organization_projects', 'admin'],
  ])
  const beyond = (permission: string, level: string, max: string, accepted: string) => [
    'POLICY_MAX_PERMISSIONS',
    `the policy asks for "${permission}: ${level}", and the operator of this service lets policies have ${accepted}`,
    { permission, level, max },
  ]

  test.each<readonly [string, PolicyKind, unknown]>([
    ['contents: read', 'repository', 'ok'],
    ['issues: read', 'repository', 'ok'],
    ['issues: write, contents: read', 'repository', 'ok'],
    ['organization_projects: admin', 'organization', 'ok'],
    ['metadata: read', 'repository', 'ok'],
    ['contents: write', 'repository', beyond('contents', 'write', 'read', '"contents: read" at most')],
    ['contents: write', 'organization', beyond('contents', 'write', 'read', '"contents: read" at most')],
    ['issues: write, actions: read', 'repository', beyond('actions', 'read', 'none', 'no level of it')],
    ['metadata: write', 'repository', beyond('metadata', 'write', 'none', 'no level of it')],
  ])('%s in the policy of a(n) %s', (permissions, kind, expected) => {
    const rules = { ...OPEN, maxPermissions: CEILING }
    expect(refusal(() => guard(policy(permissions, kind), rules))).toEqual(expected)
  })

  test('that names nothing lets nothing pass but what every token has', () => {
    const rules = { ...OPEN, maxPermissions: new Map<string, Level>() }
    expect(refusal(() => guard(policy('metadata: read'), rules))).toBe('ok')
    expect(refusal(() => guard(policy('contents: read'), rules))).toEqual(
      beyond('contents', 'read', 'none', 'no level of it'),
    )
  })

  test('lets everything pass when there is none', () => {
    expect(refusal(() => guard(policy('contents: write, actions: write'), OPEN))).toBe('ok')
  })
})

describe('a policy that can rewrite itself', () => {
  test.each<readonly [string, PolicyKind, readonly string[]]>([
    ['contents: write', 'repository', ['contents']],
    ['workflows: write, issues: write, administration: write', 'repository', ['workflows', 'administration']],
    ['contents: read, administration: read, actions: write', 'repository', []],
    ['contents: write, workflows: write, administration: write', 'organization', []],
  ])('%s in the policy of a(n) %s', (permissions, kind, expected) => {
    const judged = policy(permissions, kind)
    expect(judged.selfWrite).toEqual(expected)
    expect(refusal(() => guard(judged, OPEN))).toBe('ok')
    const denied = refusal(() => guard(judged, { ...OPEN, selfWrite: 'deny' }))
    if (expected.length === 0) expect(denied).toBe('ok')
    else
      expect(denied).toEqual([
        'POLICY_SELF_WRITE',
        `the policy of a repository may not grant "${expected[0]}: write" on that very repository, because its token could ` +
          'rewrite the policy: move the policy to the policy repository of the organization, or grant less',
        { permission: expected[0], level: 'write' },
      ])
  })
})

test('every fault is known, not the first only', () => {
  const rules: Guardrails = {
    repoPolicyOrgPermissions: 'none',
    maxPermissions: new Map([['members', 'read']]),
    selfWrite: 'deny',
  }
  const faults = guardrailFaults(policy('contents: write, members: read, organization_hooks: write'), rules)
  expect(faults.map(({ reason, permission }) => `${reason} ${permission}`)).toEqual([
    'POLICY_ORG_PERMISSIONS members',
    'POLICY_ORG_PERMISSIONS organization_hooks',
    'POLICY_MAX_PERMISSIONS contents',
    'POLICY_MAX_PERMISSIONS organization_hooks',
    'POLICY_SELF_WRITE contents',
  ])
})

describe('where policies may lie', () => {
  test.each<readonly [PolicyKind, 'repository' | 'organization' | 'both', unknown]>([
    ['repository', 'both', 'ok'],
    ['organization', 'both', 'ok'],
    ['repository', 'repository', 'ok'],
    ['organization', 'organization', 'ok'],
    [
      'repository',
      'organization',
      [
        'POLICY_SOURCE_NOT_ALLOWED',
        "a repository's own policy is not accepted here: put it into the policy repository of the organization, and ask with that scope",
        { source: 'repository' },
      ],
    ],
    [
      'organization',
      'repository',
      [
        'POLICY_SOURCE_NOT_ALLOWED',
        'a policy in the policy repository of the organization is not accepted here: put it into the repository that it is about, and ask with that scope',
        { source: 'organization' },
      ],
    ],
  ])('a policy of a(n) %s where sources are: %s', (kind, sources, expected) => {
    expect(refusal(() => refusePolicySource(kind, sources))).toEqual(expected)
  })
})

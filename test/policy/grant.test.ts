import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseCap } from '../../src/policy/cap.ts'
import { grantOf } from '../../src/policy/grant.ts'
import { guard } from '../../src/policy/guardrails.ts'
import { Denial } from '../../src/terms/denial.ts'
import { covers, levelOf } from '../../src/terms/permissions.ts'
import type { Scope } from '../../src/terms/scope.ts'
import { policyOf } from './policies.ts'

const TEXT = 'issuer: x\nsubject: y\npermissions: {contents: write, issues: read, organization_projects: admin}\n'
const PLAIN = policyOf(TEXT, 'organization')
const LISTED = policyOf(`${TEXT}repositories: [site, api]\n`, 'organization')

describe('what a token reaches', () => {
  test.each<readonly [string, typeof PLAIN, Scope, string, readonly string[] | 'all']>([
    ['a repository', policyOf(TEXT), { owner: 'acme', repository: 'Site' }, '.github', ['Site']],
    ['an organization without repositories', PLAIN, { owner: 'acme' }, '.github', 'all'],
    ['an organization with repositories', LISTED, { owner: 'acme' }, '.github', ['site', 'api']],
    [
      'the policy repository without repositories',
      PLAIN,
      { owner: 'acme', repository: '.github' },
      '.github',
      ['.github'],
    ],
    [
      'the policy repository with repositories',
      LISTED,
      { owner: 'acme', repository: '.github' },
      '.github',
      ['site', 'api'],
    ],
    [
      'the policy repository in another case',
      LISTED,
      { owner: 'acme', repository: 'Policies' },
      'policies',
      ['site', 'api'],
    ],
    ['another repository never has the list', LISTED, { owner: 'acme', repository: 'other' }, '.github', ['other']],
  ])('%s', (_, policy, scope, policyRepository, repositories) => {
    expect(grantOf({ policy, scope, policyRepository, cap: undefined })).toEqual({
      repositories,
      permissions: policy.permissions,
    })
  })
})

function capped(...cap: readonly string[]): unknown {
  try {
    const narrowing = { policy: PLAIN, scope: { owner: 'acme' }, policyRepository: '.github', cap: parseCap(cap) }
    return grantOf(narrowing).permissions
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    expect(error.field).toBe('cap')
    return `${error.reason}: ${error.message}`
  }
}

describe('cap', () => {
  const ALL = { contents: 'write', issues: 'read', organization_projects: 'admin' }
  test.each<readonly [readonly string[], unknown]>([
    [[], ALL],
    [[''], ALL],
    [['repo.list', 'x'], ALL],
    [['contents:read'], { contents: 'read' }],
    [['contents:write'], { contents: 'write' }],
    [['contents:read', 'repo.list'], { contents: 'read' }],
    [['contents:read', 'issues:read'], { contents: 'read', issues: 'read' }],
    [['contents:read', 'contents:read'], { contents: 'read' }],
    [['organization_projects:write'], { organization_projects: 'write' }],
    [['issues:write'], 'CAP_EXCEEDS_POLICY: cap "issues:write" asks for more than the trust policy grants'],
    [
      ['contents:read', 'actions:read'],
      'CAP_EXCEEDS_POLICY: cap "actions:read" asks for more than the trust policy grants',
    ],
    [
      ['contents:admin'],
      'CAP_MALFORMED: cap is not a list of "permission:level": permission "contents" has no level "admin"; GitHub publishes read, write',
    ],
    [
      ['contents:'],
      'CAP_MALFORMED: cap is not a list of "permission:level": permission "contents" has the level ""; levels are read, write and admin',
    ],
    [
      ['contents:Read'],
      'CAP_MALFORMED: cap is not a list of "permission:level": permission "contents" has the level "Read"; levels are read, write and admin',
    ],
    [
      ['contents:read:x'],
      'CAP_MALFORMED: cap is not a list of "permission:level": permission "contents" has the level "read:x"; levels are read, write and admin',
    ],
    [
      ['content:read'],
      'CAP_MALFORMED: cap is not a list of "permission:level": "content" is not a permission of GitHub Apps; did you mean "contents"?',
    ],
    [[':'], 'CAP_MALFORMED: cap is not a list of "permission:level": "" is not a permission of GitHub Apps'],
    [
      ['__proto__:read'],
      'CAP_MALFORMED: cap is not a list of "permission:level": "__proto__" is not a permission of GitHub Apps',
    ],
    [
      ['contents:read', 'contents:write'],
      'CAP_MALFORMED: cap is not a list of "permission:level": "contents" is given with two levels',
    ],
    [
      Array.from({ length: 101 }, () => 'contents:read'),
      'CAP_MALFORMED: cap is not a list of "permission:level": more than 100 entries',
    ],
  ])('%j', (cap, expected) => {
    expect(capped(...cap)).toEqual(expected)
  })

  test('whatever it says, it never widens and never empties', () => {
    const entry = fc
      .tuple(
        fc.constantFrom('contents', 'issues', 'actions', 'organization_projects', 'x'),
        fc.constantFrom('', ':'),
        fc.constantFrom('read', 'write', 'admin', ''),
      )
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(entry), (cap) => {
        const permissions = capped(...cap)
        if (typeof permissions === 'string') return
        const granted = Object.entries(permissions as Record<string, 'read' | 'write' | 'admin'>)
        expect(granted.length).toBeGreaterThan(0)
        for (const [name, level] of granted)
          expect(covers(levelOf(PLAIN.permissions, name) ?? 'read', level)).toBe(true)
      }),
    )
  })
})

describe('organization permissions in a repository policy', () => {
  const refusal = (
    permissions: string,
    rule: 'none' | 'read' | 'write',
    kind: 'repository' | 'organization' = 'repository',
  ) => {
    try {
      guard(policyOf(`issuer: x\nsubject: y\npermissions: {${permissions}}`, kind), {
        repoPolicyOrgPermissions: rule,
        maxPermissions: undefined,
        selfWrite: 'allow',
      })
      return 'ok'
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      return `${error.reason} ${error.metadata['permission']}:${error.metadata['level']}`
    }
  }

  test.each<readonly [string, 'none' | 'read' | 'write', string]>([
    ['contents: write, administration: write', 'none', 'ok'],
    ['members: read', 'none', 'POLICY_ORG_PERMISSIONS members:read'],
    ['members: read', 'read', 'ok'],
    ['members: write', 'read', 'POLICY_ORG_PERMISSIONS members:write'],
    ['members: write', 'write', 'ok'],
    ['organization_projects: admin', 'read', 'POLICY_ORG_PERMISSIONS organization_projects:admin'],
    ['organization_projects: admin', 'write', 'ok'],
    ['team_discussions: write', 'read', 'POLICY_ORG_PERMISSIONS team_discussions:write'],
    [
      'custom_properties_for_organizations: write',
      'read',
      'POLICY_ORG_PERMISSIONS custom_properties_for_organizations:write',
    ],
    [
      'enterprise_custom_properties_for_organizations: admin',
      'read',
      'POLICY_ORG_PERMISSIONS enterprise_custom_properties_for_organizations:admin',
    ],
    ['contents: read, organization_secrets: write', 'read', 'POLICY_ORG_PERMISSIONS organization_secrets:write'],
  ])('%s under %s', (permissions, rule, expected) => {
    expect(refusal(permissions, rule)).toBe(expected)
  })

  test('an organization policy is never refused', () => {
    expect(refusal('members: write', 'none', 'organization')).toBe('ok')
  })
})

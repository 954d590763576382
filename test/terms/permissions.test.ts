import { describe, expect, test } from '@jest/globals'
import {
  covers,
  isOrganizationPermission,
  levelOf,
  permissionFault,
  permissionsOf,
  standingOf,
} from '../../src/terms/permissions.ts'

describe('a permission and its level', () => {
  const unknown = (name: string, near?: string) =>
    `"${name}" is not a permission of GitHub Apps${near === undefined ? '' : `; did you mean "${near}"?`}`
  test.each<readonly [string, string, string | undefined]>([
    ['contents', 'write', undefined],
    ['organization_projects', 'admin', undefined],
    ['gists', 'admin', undefined],
    ['contents', 'admin', 'permission "contents" has no level "admin"; GitHub publishes read, write'],
    ['workflows', 'read', 'permission "workflows" has no level "read"; GitHub publishes write'],
    ['contents', 'WRITE', 'permission "contents" has the level "WRITE"; levels are read, write and admin'],
    ['contents', 'toString', 'permission "contents" has the level "toString"; levels are read, write and admin'],
    ['gists', 'none', 'permission "gists" has the level "none"; levels are read, write and admin'],
    ['Contents', 'read', unknown('Contents', 'contents')],
    ['pull-requests', 'read', unknown('pull-requests', 'pull_requests')],
    ['pull_request', 'read', unknown('pull_request', 'pull_requests')],
    ['constructor', 'read', unknown('constructor')],
    ['x'.repeat(60_000), 'read', unknown(`${'x'.repeat(255)}…`)],
  ])('%.20s: %s', (name, level, fault) => {
    expect(permissionFault(name, level)).toBe(fault)
  })

  test.each([
    ['contents', 'published'],
    ['gists', 'accepted'],
    ['hasOwnProperty', 'unknown'],
  ])('%s is %s', (name, standing) => {
    expect(standingOf(name)).toBe(standing)
  })

  test.each([
    ['members', true],
    ['organization_secrets', true],
    ['organization_api_insights', true],
    ['team_discussions', true],
    ['custom_properties_for_organizations', true],
    ['enterprise_custom_properties_for_organizations', true],
    ['contents', false],
    ['administration', false],
    ['repository_custom_properties', false],
  ])('%s reaches the organization: %s', (name, reaches) => {
    expect(isOrganizationPermission(name)).toBe(reaches)
  })
})

test('no entries are no permissions, because to GitHub they would be all', () => {
  expect(permissionsOf([])).toBeUndefined()
})

test('the same permissions in the same order are one object', () => {
  const entries = [
    ['contents', 'write'],
    ['issues', 'read'],
  ] as const
  expect(permissionsOf(entries)).toBe(permissionsOf(entries))
  expect(permissionsOf(entries.toReversed())).not.toBe(permissionsOf(entries))
})

test('permissions have own names only', () => {
  const permissions = permissionsOf([['contents', 'write']])
  expect(permissions && levelOf(permissions, 'toString')).toBeUndefined()
  expect(permissions && levelOf(permissions, 'contents')).toBe('write')
})

test.each([
  ['read', 'read', true],
  ['read', 'write', false],
  ['write', 'read', true],
  ['admin', 'write', true],
  ['write', 'admin', false],
] as const)('%s covers %s: %s', (held, wanted, expected) => {
  expect(covers(held, wanted)).toBe(expected)
})

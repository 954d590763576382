import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mintBody } from '../../src/github/mint-body.ts'
import { type Permissions, permissionsOf } from '../../src/terms/permissions.ts'

test('a body is that of its own grant, whatever was granted before', () => {
  const permissions = [
    permissionsOf([['contents', 'read']]),
    permissionsOf([['contents', 'read']]),
    permissionsOf([
      ['contents', 'write'],
      ['issues', 'read'],
    ]),
  ] as Permissions[]
  const names = fc.constantFrom('a', 'b', 'a,b', 'all', '["a"]')
  const repositories = fc.oneof(fc.constant('all' as const), fc.tuple(names), fc.tuple(names, names))
  const grants = fc.array(fc.record({ permissions: fc.constantFrom(...permissions), repositories }), { minLength: 2 })
  fc.assert(
    fc.property(grants, (given) => {
      for (const grant of given) {
        const { repositories: reach, ...rest } = grant
        expect(JSON.parse(mintBody(grant))).toEqual(reach === 'all' ? rest : { ...rest, repositories: reach })
      }
    }),
  )
})

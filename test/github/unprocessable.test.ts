import { describe, expect, test } from '@jest/globals'
import { readUnprocessable, type Unprocessable } from '../../src/github/unprocessable.ts'
import { grantFor } from './world.ts'

const installation = {
  id: 1,
  account: { id: 2, login: 'acme', type: 'Organization' },
  app: { id: 3, slug: 'octo-sts' },
} as const
const lacking = { ...installation, granted: new Map([['issues', 'write']]) }
const having = { ...installation, granted: new Map([['contents', 'write']]) }

describe('a 422 to a mint', () => {
  test.each<readonly [string, unknown, typeof installation, Unprocessable]>([
    [
      'a repository out of reach',
      {
        message:
          'There is at least one repository that does not exist or is not accessible to the parent installation.',
      },
      lacking,
      { kind: 'repository' },
    ],
    [
      'a permission that was not granted',
      { message: 'The permissions requested are not granted to this installation.' },
      installation,
      { kind: 'permission', permission: undefined },
    ],
    [
      'the same, and which',
      { message: 'The permissions requested are not granted to this installation.' },
      lacking,
      { kind: 'permission', permission: 'contents' },
    ],
    [
      'an unknown name',
      { message: 'Invalid request.\n\n"content" is not a permitted key.' },
      having,
      { kind: 'malformed' },
    ],
    [
      'an unknown level',
      { message: 'Invalid request.\n\nFor \'permissions/contents\', "own" is not a member of ["read", "write"].' },
      having,
      { kind: 'malformed' },
    ],
    [
      'a field by its name',
      { message: 'Validation Failed', errors: [{ field: 'permissions' }] },
      having,
      { kind: 'malformed' },
    ],
    [
      'no known text, but a permission is known to lack',
      { message: 'Unprocessable' },
      lacking,
      { kind: 'permission', permission: 'contents' },
    ],
    ['no known text', { message: 'Unprocessable' }, having, { kind: 'other' }],
    ['nothing', undefined, installation, { kind: 'other' }],
    ['a list', [1, null], installation, { kind: 'other' }],
    ['a message that is none', { message: { a: 1 }, errors: 'x' }, installation, { kind: 'other' }],
  ])('for %s', (_, body, held, expected) => {
    expect(readUnprocessable({ status: 422, headers: {}, body }, grantFor(held))).toEqual(expected)
  })
})

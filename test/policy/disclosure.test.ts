import { expect, test } from '@jest/globals'
import { disclosureFor } from '../../src/policy/disclosure.ts'

const GITHUB = 'https://token.actions.githubusercontent.com'
const CONTEXT = { accountId: 123, isGitHubIssuer: (issuer: string) => issuer === GITHUB }
const HOME = { iss: GITHUB, repository: 'acme/site', repository_owner_id: '123' }

test.each<readonly [string, Readonly<Record<string, unknown>>, 'brief' | 'full']>([
  ['the repository itself', {}, 'full'],
  ['in another case', { repository: 'Acme/Site' }, 'full'],
  ['another repository', { repository: 'acme/api' }, 'brief'],
  ['another owner of that name', { repository_owner_id: '124' }, 'brief'],
  ['an owner id that is a number', { repository_owner_id: 123 }, 'brief'],
  ['no owner id', { repository_owner_id: undefined }, 'brief'],
  ['a repository that is no text', { repository: ['acme/site'] }, 'brief'],
  ['another issuer with the same claims', { iss: 'https://evil.example' }, 'brief'],
])('%s', (_, changed, detail) => {
  const payload = { ...HOME, ...changed }
  const claims = { iss: payload.iss, sub: 'x', aud: [], exp: 0, payload }
  expect(disclosureFor(claims, { owner: 'acme', repository: 'site' }, CONTEXT)).toBe(detail)
})

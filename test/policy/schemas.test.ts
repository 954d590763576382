import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { isTrustedIssuersDocument } from '../../src/gen/validators.cjs'
import { compilePolicy } from '../../src/policy/compile.ts'

/** As an editor loads it: each file alone. */
function schema(name: string): { readonly properties: Record<string, object> } {
  return JSON.parse(readFileSync(`schemas/${name}.json`, 'utf8')) as { readonly properties: Record<string, object> }
}

function validator(name: string): ValidateFunction {
  return new Ajv2020({ strict: true, strictRequired: false }).compile(schema(name))
}

const PLAIN = { issuer: 'i', subject: 's', permissions: { contents: 'read' } }

describe('the published schema and the compiler agree', () => {
  const rows: readonly (readonly [string, object, boolean])[] = [
    ['the smallest', PLAIN, true],
    [
      'patterns',
      {
        issuer_pattern: 'i',
        subject_pattern: 's',
        audience_pattern: 'a',
        claim_pattern: { x: 'y' },
        app_pattern: 'z',
        permissions: PLAIN.permissions,
      },
      true,
    ],
    ['no issuer', { ...PLAIN, issuer: undefined }, false],
    ['both issuers', { ...PLAIN, issuer_pattern: 'i' }, false],
    ['no subject', { ...PLAIN, subject: undefined }, false],
    ['both subjects', { ...PLAIN, subject_pattern: 'i' }, false],
    ['both audiences', { ...PLAIN, audience: 'a', audience_pattern: 'i' }, false],
    ['both apps', { ...PLAIN, app: 'a', app_pattern: 'i' }, false],
    ['no permissions', { ...PLAIN, permissions: undefined }, false],
    ['empty permissions', { ...PLAIN, permissions: {} }, false],
    ['a level that is none', { ...PLAIN, permissions: { contents: 'all' } }, false],
    ['an unknown field', { ...PLAIN, rules: [] }, false],
    ['a list for a text', { ...PLAIN, subject: ['s'] }, false],
    ['a pattern over 4096 characters', { ...PLAIN, claim_pattern: { x: 'y'.repeat(4097) } }, false],
  ]
  const listed: typeof rows = [
    ['repositories', { ...PLAIN, repositories: ['a', '.github', '...'] }, true],
    ['no repositories', { ...PLAIN, repositories: [] }, false],
    ['a repository twice', { ...PLAIN, repositories: ['a', 'a'] }, false],
    ['a repository with its owner', { ...PLAIN, repositories: ['a/b'] }, false],
    ['dots', { ...PLAIN, repositories: ['..'] }, false],
    ['501 repositories', { ...PLAIN, repositories: Array.from({ length: 501 }, (_, index) => `r${index}`) }, false],
  ]

  test.each(rows)('trust policy: %s', (_, document, valid) => {
    const written = JSON.parse(JSON.stringify(document)) as unknown
    expect(validator('trust-policy')(written)).toBe(valid)
    expect(compilePolicy(JSON.stringify(document), 'repository').ok).toBe(valid)
  })

  test.each([...rows, ...listed])('organization policy: %s', (_, document, valid) => {
    const written = JSON.parse(JSON.stringify(document)) as unknown
    expect(validator('organization-policy')(written)).toBe(valid)
    expect(compilePolicy(JSON.stringify(document), 'organization').ok).toBe(valid)
  })
})

test('an organization policy is a trust policy with repositories', () => {
  const { repositories, ...shared } = schema('organization-policy').properties
  expect(shared).toEqual(schema('trust-policy').properties)
  expect(repositories).toBeDefined()
})

test.each(['trust-policy', 'organization-policy', 'trusted-issuers'])('%s names itself by its address', (name) => {
  expect(schema(name)).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `https://octo-sts.dev/schemas/${name}.json`,
  })
})

test.each<readonly [unknown, boolean]>([
  [{ issuers: ['https://a.example'] }, true],
  [{ mode: 'audit', issuer_patterns: ['x'] }, true],
  [{}, false],
  [{ mode: 'off', issuers: ['x'] }, false],
  [{ issuers: [] }, false],
  [{ issuers: Array.from({ length: 65 }, () => 'x') }, false],
  [{ issuer_patterns: Array.from({ length: 17 }, () => 'x') }, false],
  [{ issuer_patterns: ['x'.repeat(257)] }, false],
])('trusted issuers %#', (document, valid) => {
  expect(isTrustedIssuersDocument(document)).toBe(valid)
  expect(validator('trusted-issuers')(document)).toBe(valid)
})

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { isTrustedIssuersDocument } from '../../src/gen/validators.cjs'
import { compilePolicy } from '../../src/policy/compile.ts'
import { GITHUB_ACTIONS_CLAIMS } from '../../src/policy/github-actions-claims.ts'

/** As an editor loads it: each file alone. */
function schema(name: string): { readonly properties: Record<string, object> } {
  return JSON.parse(readFileSync(`schemas/${name}.json`, 'utf8')) as { readonly properties: Record<string, object> }
}

function validator(name: string): ValidateFunction {
  const made = VALIDATORS.get(name) ?? new Ajv2020({ strict: true, strictRequired: false }).compile(schema(name))
  VALIDATORS.set(name, made)
  return made
}

const VALIDATORS = new Map<string, ValidateFunction>()

const RULE = { issuer: 'i', subject_pattern: 's' }
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
    ['rules', { permissions: PLAIN.permissions, rules: [RULE, { ...RULE, audience_pattern: 'a' }] }, true],
    ['rules beside an issuer', { permissions: PLAIN.permissions, rules: [RULE], issuer: 'i' }, false],
    ['rules beside claims', { permissions: PLAIN.permissions, rules: [RULE], claims: { x: 'y' } }, false],
    ['32 rules', { permissions: PLAIN.permissions, rules: Array.from({ length: 32 }, () => RULE) }, true],
    ['33 rules', { permissions: PLAIN.permissions, rules: Array.from({ length: 33 }, () => RULE) }, false],
    ['rules as a mapping', { permissions: PLAIN.permissions, rules: RULE }, false],
    ['a rule that is a text', { permissions: PLAIN.permissions, rules: ['x'] }, false],
    ['a rule without a subject', { permissions: PLAIN.permissions, rules: [{ issuer: 'i' }] }, false],
    ['a rule with permissions', { permissions: PLAIN.permissions, rules: [{ ...RULE, ...PLAIN }] }, false],
    ['claims', { ...PLAIN, claims: { a: 'x', b: ['x', 'y'], c: { pattern: 'x|y' }, '/d/0': 'x' } }, true],
    ['empty claims', { ...PLAIN, claims: {} }, false],
    ['a claim with an empty list', { ...PLAIN, claims: { a: [] } }, false],
    ['a claim with a list in a list', { ...PLAIN, claims: { a: ['x', ['y']] } }, false],
    ['a claim with an unknown word', { ...PLAIN, claims: { a: { pattern: 'x', not: 'y' } } }, false],
    ['a claim without its word', { ...PLAIN, claims: { a: {} } }, false],
    ['forbidden claims', { ...PLAIN, forbidden_claims: { a: ['x'] } }, true],
    ['empty forbidden claims', { ...PLAIN, forbidden_claims: {} }, false],
    ['github_actions beside a subject', { ...PLAIN, github_actions: { ref: 'x', repo_property_team: 'y' } }, true],
    ['github_actions instead', { ...PLAIN, subject: undefined, github_actions: { repository_id: '1' } }, true],
    ['github_actions with both subjects', { ...PLAIN, subject_pattern: 's', github_actions: { ref: 'x' } }, false],
    ['empty github_actions', { ...PLAIN, subject: undefined, github_actions: {} }, false],
    ['github_actions with another claim', { ...PLAIN, github_actions: { sub: 'x' } }, false],
    ['a window', { ...PLAIN, not_before: '2026-01-01T00:00:00Z', expires: '2026-01-01t00:00:00.5z' }, true],
    ['a date alone', { ...PLAIN, expires: '2026-01-01' }, false],
    ['a time without its offset', { ...PLAIN, not_before: '2026-01-01T00:00:00' }, false],
    ['refresh', { ...PLAIN, refresh: { max_age: '1h30m' } }, true],
    ['refresh without an age', { ...PLAIN, refresh: {} }, false],
    ['refresh as a text', { ...PLAIN, refresh: '8h' }, false],
    ['refresh with a word more', { ...PLAIN, refresh: { max_age: '8h', min_age: '1h' } }, false],
    ['refresh for a number', { ...PLAIN, refresh: { max_age: '8' } }, false],
    ['single_use', { ...PLAIN, single_use: 'true' }, true],
    ['not single_use', { ...PLAIN, single_use: 'false' }, true],
    ['single_use: yes', { ...PLAIN, single_use: 'yes' }, false],
    ['empty single_use', { ...PLAIN, single_use: '' }, false],
    ['a pattern over 4096 characters', { ...PLAIN, claim_pattern: { x: 'y'.repeat(4097) } }, false],
  ]
  const listed: typeof rows = [
    ['repositories', { ...PLAIN, repositories: ['a', '.github', '...'] }, true],
    ['no repositories', { ...PLAIN, repositories: [] }, false],
    ['a repository twice', { ...PLAIN, repositories: ['a', 'a'] }, false],
    ['a repository with its owner', { ...PLAIN, repositories: ['a/b'] }, false],
    ['dots', { ...PLAIN, repositories: ['..'] }, false],
    ['repository patterns', { ...PLAIN, repository_patterns: ['site-.*'] }, true],
    ['no repository patterns', { ...PLAIN, repository_patterns: [] }, false],
    ['101 repository patterns', { ...PLAIN, repository_patterns: Array.from({ length: 101 }, () => 'a') }, false],
    ['501 repositories', { ...PLAIN, repositories: Array.from({ length: 501 }, (_, index) => `r${index}`) }, false],
  ]

  test.each(rows)('trust policy: %s', (_, document, valid) => {
    const written = JSON.parse(JSON.stringify(document)) as unknown
    expect(validator('trust-policy')(written)).toBe(valid)
    expect(compilePolicy(JSON.stringify(document), 'repository').ok).toBe(valid)
  })

  test.each(listed)('not in a trust policy: %s', (_, document) => {
    expect(validator('trust-policy')(document)).toBe(false)
    expect(compilePolicy(JSON.stringify(document), 'repository').ok).toBe(false)
  })

  test('what an editor makes numbers and booleans of is welcome', () => {
    const document = { ...PLAIN, single_use: true, claims: { a: 1, b: [true, 2] } }
    expect(validator('trust-policy')(document)).toBe(true)
    expect(
      compilePolicy(
        '{issuer: i, subject: s, permissions: {contents: read}, single_use: true, claims: {a: 1, b: [true, 2]}}',
        'repository',
      ).ok,
    ).toBe(true)
  })

  test.each([...rows, ...listed])('organization policy: %s', (_, document, valid) => {
    const written = JSON.parse(JSON.stringify(document)) as unknown
    expect(validator('organization-policy')(written)).toBe(valid)
    expect(compilePolicy(JSON.stringify(document), 'organization').ok).toBe(valid)
  })
})

test('an organization policy is a trust policy with repositories', () => {
  const { repositories, repository_patterns: patterns, ...shared } = schema('organization-policy').properties
  expect(shared).toEqual(schema('trust-policy').properties)
  expect(repositories).toBeDefined()
  expect(patterns).toBeDefined()
})

test.each(['trust-policy', 'organization-policy', 'trusted-issuers', 'configuration'])(
  '%s names itself by its address',
  (name) => {
    expect(schema(name)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: `https://octo-sts.dev/schemas/${name}.json`,
    })
  },
)

test('the claims of github_actions are the same for the schema and for "did you mean"', () => {
  expect(schema('trust-policy').properties['github_actions']).toMatchObject({
    propertyNames: { anyOf: [{ enum: GITHUB_ACTIONS_CLAIMS }, { pattern: '^repo_property_.' }] },
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

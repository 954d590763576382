import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import type { PolicyKind } from '../../src/policy/trust-policy.ts'
import { policyOf } from './policies.ts'

const HEAD = 'issuer: https://idp.example\nsubject: me\n'
const TAIL = 'permissions: {contents: read}\n'
const RULE = '{issuer: https://idp.example, subject: me}'

/** Stage, then each finding as `line pointer message`. */
function outcome(text: string, kind: PolicyKind = 'repository'): readonly string[] {
  const compilation = compilePolicy(text, kind)
  if (compilation.ok) return ['ok']
  const findings = compilation.findings.map(({ line, pointer, message }) => `${line ?? '-'} ${pointer} ${message}`)
  return [compilation.stage, ...findings]
}

describe('rules', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['one', `rules:\n- ${RULE}\n${TAIL}`, ['ok']],
    ['many kinds', `rules:\n- ${RULE}\n- {issuer_pattern: a, github_actions: {repository_id: 1}}\n${TAIL}`, ['ok']],
    ['none', `rules: []\n${TAIL}`, ['compile', '1 /rules rules is empty: name one, or leave the field out']],
    ['nothing', `rules:\n${TAIL}`, ['parse', '1 /rules rules must be a list']],
    ['a mapping', `rules: ${RULE}\n${TAIL}`, ['parse', '1 /rules rules must be a list']],
    ['a text', `rules: [x]\n${TAIL}`, ['parse', '1 /rules/0 rules[0] must be a mapping']],
    [
      'the top level has words of a rule',
      `${HEAD}audience: a\nclaims: {a: b}\nrules:\n- ${RULE}\n${TAIL}`,
      [
        'compile',
        '1 /issuer issuer and rules exclude each other: move issuer into each of the rules that it is for',
        '2 /subject subject and rules exclude each other: move subject into each of the rules that it is for',
        '3 /audience audience and rules exclude each other: move audience into each of the rules that it is for',
        '4 /claims claims and rules exclude each other: move claims into each of the rules that it is for',
      ],
    ],
    ['the top level has them empty', `issuer: ''\nrules:\n- ${RULE}\n${TAIL}`, ['ok']],
    ['empty texts in a rule are absent', `rules:\n- {issuer: a, issuer_pattern: '', subject: b}\n${TAIL}`, ['ok']],
    [
      'a rule lacks issuer and subject',
      `rules:\n- ${RULE}\n- {audience: a}\n${TAIL}`,
      [
        'compile',
        '3 /rules/1 rules[1] issuer or issuer_pattern is missing: exactly one of them must be given',
        '3 /rules/1 rules[1] subject or subject_pattern is missing: exactly one of them must be given',
      ],
    ],
    [
      'a rule has both subjects',
      `rules:\n- {issuer: a, subject: b, subject_pattern: c}\n${TAIL}`,
      [
        'compile',
        '2 /rules/0/subject_pattern rules[0] subject and subject_pattern exclude each other: give only one of them',
      ],
    ],
    [
      'a bad pattern in a rule',
      `rules:\n- {issuer: a, subject: b, claims: {c: {pattern: "("}}}\n${TAIL}`,
      [
        'compile',
        '2 /rules/0/claims/c/pattern rules[0] claims "c" is not a valid RE2 pattern: missing closing ) at "("',
      ],
    ],
    [
      'what belongs to the top',
      `rules:\n- {issuer: a, subject: b, permissions: {contents: write}}\n${TAIL}`,
      ['parse', '2 /rules/0/permissions rules[0] cannot have permissions: it belongs to the top of the policy'],
    ],
    [
      'a slip inside a rule',
      `rules:\n- {isuer: a, subject: b}\n${TAIL}`,
      ['parse', '2 /rules/0/isuer unknown field "isuer" in rules[0]; did you mean "issuer"?'],
    ],
    [
      '33',
      `rules: [${Array.from({ length: 33 }, () => RULE).join(', ')}]\n${TAIL}`,
      ['compile', '1 /rules rules has more than 32 entries'],
    ],
    [
      'another name for it',
      `${HEAD}rule: []\n${TAIL}`,
      ['parse', '3 /rule unknown field "rule"; did you mean "rules"?'],
    ],
  ])('%s', (_, text, expected) => {
    expect(outcome(text)).toEqual(expected)
  })

  test('the patterns of all alternatives together are bounded', () => {
    const rule = '{issuer: a, subject_pattern: "(?:ab){250}"}'
    expect(outcome(`rules: [${Array.from({ length: 3 }, () => rule).join(', ')}]\n${TAIL}`)).toEqual(['ok'])
    expect(outcome(`rules: [${Array.from({ length: 32 }, () => rule).join(', ')}]\n${TAIL}`)).toContain(
      '1 /rules/31/subject_pattern rules[31] subject_pattern is one pattern too many: all patterns of the file together are too large',
    )
  })
})

describe('claims, forbidden_claims and github_actions', () => {
  const SHAPE = 'must be a value, a list of values, or {pattern: RE2}'

  test.each<readonly [string, string, readonly string[]]>([
    ['each shape', 'claims: {a: x, b: [x, y], c: {pattern: x|y}, /d/e~1f~0: 1, "": true}', ['ok']],
    ['a list of one', 'claims: {a: [x]}', ['ok']],
    ['an empty text is a value', 'claims: {a: ""}', ['ok']],
    ['none', 'claims: {}', ['compile', '3 /claims claims is empty: name one, or leave the field out']],
    ['nothing', 'claims:', ['parse', '3 /claims claims must be a mapping']],
    ['an empty list', 'claims: {a: []}', ['parse', `3 /claims/a claims "a" ${SHAPE}`]],
    ['a list of lists', 'claims: {a: [x, [y]]}', ['parse', `3 /claims/a claims "a" ${SHAPE}`]],
    ['an empty mapping', 'claims: {a: {}}', ['parse', `3 /claims/a claims "a" ${SHAPE}`]],
    ['another word', 'claims: {a: {patern: x}}', ['parse', `3 /claims/a claims "a" ${SHAPE}`]],
    ['a list of patterns', 'claims: {a: {pattern: [x]}}', ['parse', `3 /claims/a claims "a" ${SHAPE}`]],
    [
      '200 wrong values in one list are one finding',
      `claims: {a: [${'{}, '.repeat(200)}]}`,
      ['parse', `3 /claims/a claims "a" ${SHAPE}`],
    ],
    [
      'a pointer with a bad escape',
      'claims: {/a~2: x, /b~: x}',
      [
        'compile',
        '3 /claims/~1a~02 claims "/a~2" is not a JSON Pointer (RFC 6901): "~" is written ~0, and "/" in a name ~1',
        '3 /claims/~1b~0 claims "/b~" is not a JSON Pointer (RFC 6901): "~" is written ~0, and "/" in a name ~1',
      ],
    ],
    ['a name with a tilde is no pointer', 'claims: {a~2: x}', ['ok']],
    ['a claim twice', 'claims: {a: x, a: y}', ['parse', '3 /claims/a "a" is given twice']],
    ['forbidden', 'forbidden_claims: {a: x, b: [x, y], c: {pattern: x|y}}', ['ok']],
    [
      'none forbidden',
      'forbidden_claims: {}',
      ['compile', '3 /forbidden_claims forbidden_claims is empty: name one, or leave the field out'],
    ],
    [
      'wrongly forbidden',
      'forbidden_claims: {a: []}',
      ['parse', `3 /forbidden_claims/a forbidden_claims "a" ${SHAPE}`],
    ],
    ['GitHub', 'github_actions: {repository: a/b, repo_property_team: [x], run_attempt: 1}', ['ok']],
    [
      'GitHub, without a claim',
      'github_actions: {}',
      ['compile', '3 /github_actions github_actions is empty: name one, or leave the field out'],
    ],
    [
      "GitHub, claims that are not GitHub's",
      'github_actions: {repositry_id: 1, sub: x, repo_property_: y}',
      [
        'parse',
        '3 /github_actions/repositry_id "repositry_id" in github_actions is not a claim that GitHub documents; did you mean "repository_id"?',
        '3 /github_actions/sub "sub" in github_actions is not a claim that GitHub documents',
        '3 /github_actions/repo_property_ "repo_property_" in github_actions is not a claim that GitHub documents',
      ],
    ],
  ])('%s', (_, words, expected) => {
    expect(outcome(`${HEAD}${words}\n${TAIL}`)).toEqual(expected)
  })

  test('five hundred claims are the most', () => {
    const claims = (count: number) => Array.from({ length: count }, (_, index) => `c${index}: x`).join(', ')
    expect(outcome(`${HEAD}claims: {${claims(450)}}\n${TAIL}`)).toEqual(['ok'])
    expect(outcome(`${HEAD}claims: {${claims(456)}}\n${TAIL}`)).toEqual([
      'compile',
      '3 /claims/c455 claims "c455" is one rule too many: all rules of the file together are too large',
    ])
  })

  test('claims alone do not say whom a token is about', () => {
    expect(outcome(`issuer: x\nclaims: {a: b}\n${TAIL}`)).toEqual([
      'compile',
      '-  subject or subject_pattern is missing: exactly one of them must be given',
    ])
  })

  test('github_actions that would let in any repository is warned of', () => {
    const warnings = (words: string) => policyOf(`issuer: x\n${words}\n${TAIL}`).warnings.map(({ message }) => message)
    const message =
      'github_actions without a subject names no repository, owner or workflow: any repository of GitHub may satisfy it'
    expect(warnings('github_actions: {ref: refs/heads/main}')).toEqual([message])
    expect(warnings('github_actions: {ref: refs/heads/main}\nsubject: y')).toEqual([])
    expect(warnings('github_actions: {repository_owner_id: 1}')).toEqual([])
  })
})

describe('not_before, expires, refresh and single_use', () => {
  test.each<readonly [string, readonly string[]]>([
    ['not_before: 2026-01-01T00:00:00Z\nexpires: 2026-01-01T00:00:00.001Z', ['ok']],
    [
      'not_before: 2026-01-01T01:00:00+01:00\nexpires: 2026-01-01T00:00:00Z',
      ['compile', '4 /expires expires is not after not_before: the policy would never grant anything'],
    ],
    [
      'not_before: 2026-01-02T00:00:00Z\nexpires: 2026-01-01T00:00:00Z',
      ['compile', '4 /expires expires is not after not_before: the policy would never grant anything'],
    ],
    [
      'expires: 2026-01-01',
      [
        'compile',
        '3 /expires expires "2026-01-01" is not a date and time with an offset (RFC 3339: 2026-12-31T23:59:59Z)',
      ],
    ],
    [
      'expires: 2026-02-30T00:00:00Z',
      [
        'compile',
        '3 /expires expires "2026-02-30T00:00:00Z" is not a date and time with an offset (RFC 3339: 2026-12-31T23:59:59Z)',
      ],
    ],
    [
      'expires:',
      ['compile', '3 /expires expires "" is not a date and time with an offset (RFC 3339: 2026-12-31T23:59:59Z)'],
    ],
    ['refresh: {max_age: 1s}', ['ok']],
    ['refresh: {max_age: 8760h}', ['ok']],
    [
      'refresh: {max_age: 999ms}',
      ['compile', '3 /refresh/max_age refresh max_age "999ms" must be from 1s to a year (8760h)'],
    ],
    [
      'refresh: {max_age: 8761h}',
      ['compile', '3 /refresh/max_age refresh max_age "8761h" must be from 1s to a year (8760h)'],
    ],
    [
      'refresh: {max_age: 1d}',
      ['compile', '3 /refresh/max_age refresh max_age "1d" is not a duration such as 8h or 1h30m'],
    ],
    [
      'refresh: {max_age: 0}',
      ['compile', '3 /refresh/max_age refresh max_age "0" is not a duration such as 8h or 1h30m'],
    ],
    ['refresh: {}', ['compile', '3 /refresh refresh has no max_age: give one, such as {max_age: 8h}']],
    ['refresh: 8h', ['parse', '3 /refresh refresh must be a mapping']],
    [
      'refresh: {maxage: 8h}',
      ['parse', '3 /refresh/maxage unknown field "maxage" in refresh; did you mean "max_age"?'],
    ],
    ['single_use: true', ['ok']],
    ['single_use: false', ['ok']],
    ['single_use: yes', ['compile', '3 /single_use single_use must be true or false']],
    ['single_use: True', ['compile', '3 /single_use single_use must be true or false']],
    ['single_use:', ['compile', '3 /single_use single_use must be true or false']],
    ['single_use: [true]', ['compile', '3 /single_use single_use must be true or false']],
    ['singleuse: true', ['parse', '3 /singleuse unknown field "singleuse"; did you mean "single_use"?']],
    ['expire: x', ['parse', '3 /expire unknown field "expire"; did you mean "expires"?']],
  ])('%s', (words, expected) => {
    expect(outcome(`${HEAD}${words}\n${TAIL}`)).toEqual(expected)
  })

  test('as they are compiled', () => {
    const words = 'not_before: 2026-01-01T00:00:00+01:00\nexpires: 2027-01-01T00:00:00Z\nrefresh: {max_age: 1h30m}'
    expect(policyOf(`${HEAD}${words}\nsingle_use: true\n${TAIL}`)).toMatchObject({
      notBefore: { source: '2026-01-01T00:00:00+01:00', ms: Date.UTC(2025, 11, 31, 23) },
      expires: { source: '2027-01-01T00:00:00Z', ms: Date.UTC(2027, 0) },
      refresh: { maxAgeMs: 5_400_000 },
      singleUse: true,
    })
  })

  test('a policy of the reference has none of them', () => {
    expect(policyOf(`${HEAD}${TAIL}`)).toMatchObject({
      repositoryPatterns: undefined,
      notBefore: undefined,
      expires: undefined,
      refresh: undefined,
      singleUse: false,
    })
  })
})

describe('repository_patterns', () => {
  test.each<readonly [string, PolicyKind, readonly string[]]>([
    ['repository_patterns: [site-.*, api]', 'organization', ['ok']],
    ['repositories: [a]\nrepository_patterns: [a]', 'organization', ['ok']],
    [
      'repository_patterns: []',
      'organization',
      ['compile', '3 /repository_patterns repository_patterns is empty: name one, or leave the field out'],
    ],
    ['repository_patterns:', 'organization', ['parse', '3 /repository_patterns repository_patterns must be a list']],
    [
      'repository_patterns: [a, "("]',
      'organization',
      [
        'compile',
        '3 /repository_patterns/1 repository_patterns[1] is not a valid RE2 pattern: missing closing ) at "("',
      ],
    ],
    [
      'repository_patterns: [a]',
      'repository',
      [
        'parse',
        '3 /repository_patterns repository_patterns is for policies in the policy repository of the organization only; leave it out here',
      ],
    ],
    [
      'repository_pattern: [a]',
      'organization',
      ['parse', '3 /repository_pattern unknown field "repository_pattern"; did you mean "repository_patterns"?'],
    ],
  ])('%s (%s)', (words, kind, expected) => {
    expect(outcome(`${HEAD}${words}\n${TAIL}`, kind)).toEqual(expected)
  })
})

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { evaluate } from '../../src/policy/evaluate.ts'
import type { EvaluationContext } from '../../src/policy/evaluation.ts'
import type { Claims } from '../../src/terms/claims.ts'
import { withLargeNumbersAsText } from '../../src/terms/json.ts'
import { policyOf } from './policies.ts'

const GITHUB = 'https://token.actions.githubusercontent.com'
const NOW = Date.UTC(2026, 10, 23, 15)
const CONTEXT: EvaluationContext = {
  domain: 'sts.example',
  accountId: 1,
  nowMs: NOW,
  isGitHubIssuer: (issuer) => issuer === GITHUB,
}
const PAYLOAD = { iss: GITHUB, sub: 'repo:acme/site:ref:refs/heads/main', aud: 'sts.example', exp: 2_000_000_000 }

/** Of a payload as it was signed: the text says what JSON.stringify would not write. */
function claimsOf(payload: string | Readonly<Record<string, unknown>>): Claims {
  const own = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const signed = { ...PAYLOAD, ...(JSON.parse(own) as object) }
  const exact = withLargeNumbersAsText(own, JSON.parse(own))
  const exactPayload = { exactPayload: { ...PAYLOAD, ...(exact as object) } }
  return { ...signed, aud: [signed.aud].flat(), payload: signed, ...(exact === undefined ? {} : exactPayload) }
}

const HEAD = `issuer: ${GITHUB}\nsubject_pattern: .*\n`
const TAIL = '\npermissions: {contents: read}\n'

/** The failures of the one alternative, as `REASON claim`. */
function failures(words: string, payload: string | Readonly<Record<string, unknown>>, context = CONTEXT): string[] {
  const evaluation = evaluate(policyOf(`${HEAD}${words}${TAIL}`), claimsOf(payload), context)
  const failed = evaluation.alternatives[0]?.rules.filter(({ failure }) => failure !== undefined) ?? []
  expect(evaluation.allowed).toBe(failed.length === 0)
  return failed.map(({ failure, claim }) => `${failure} ${claim}`.trim())
}

const LONG = 'a'.repeat(4097)

describe('what a claim is, and what matches it', () => {
  /** Rows: rule, payload, whether `claims` holds, whether `forbidden_claims` holds. */
  test.each<readonly [string, string, boolean, boolean]>([
    ['{x: a}', '{"x": "a"}', true, false],
    ['{x: a}', '{"x": "b"}', false, true],
    ['{x: a}', '{"x": "A"}', false, true],
    ['{x: a}', '{}', false, true],
    ['{x: a}', '{"X": "a"}', false, true],
    ['{x: a.}', '{"x": "ab"}', false, true],
    ['{x: ""}', '{"x": ""}', true, false],
    ['{x: [a, b]}', '{"x": "b"}', true, false],
    ['{x: [a, b]}', '{"x": "c"}', false, true],
    ['{x: {pattern: a|b}}', '{"x": "b"}', true, false],
    ['{x: {pattern: a|b}}', '{"x": "ab"}', false, true],
    ['{x: {pattern: (?m)^a$}}', '{"x": "a\\nb"}', false, true],
    // Numbers and booleans by their JSON text
    ['{x: 1}', '{"x": 1}', true, false],
    ['{x: 1}', '{"x": "1"}', true, false],
    ['{x: 1}', '{"x": 1.0}', true, false],
    ['{x: "1.0"}', '{"x": 1.0}', false, true],
    ['{x: 01}', '{"x": 1}', false, true],
    ['{x: 1e3}', '{"x": 1000}', false, true],
    ['{x: -1.5}', '{"x": -1.5}', true, false],
    ['{x: [1, 2]}', '{"x": 2}', true, false],
    ['{x: {pattern: "[0-9]+"}}', '{"x": 42}', true, false],
    ['{x: 9007199254740991}', '{"x": 9007199254740991}', true, false],
    ['{x: true}', '{"x": true}', true, false],
    ['{x: true}', '{"x": "true"}', true, false],
    ['{x: yes}', '{"x": true}', false, true],
    // A whole number beyond 2^53 is the text it was written as
    ['{x: 9007199254740993}', '{"x": 9007199254740993}', true, false],
    ['{x: 9007199254740992}', '{"x": 9007199254740993}', false, true],
    ['{x: 12345678901234567890}', '{"x": 12345678901234567890}', true, false],
    ['{x: 12345678901234567000}', '{"x": 12345678901234567890}', false, true],
    ['{x: -12345678901234567890}', '{"x": -12345678901234567890}', true, false],
    ['{x: 1e400}', '{"x": 1e400}', true, false],
    ['{x: 9007199254740993}', '{"x": [1, 9007199254740993]}', true, false],
    ['{/x/y: 9007199254740993}', '{"x": {"y": 9007199254740993}}', true, false],
    // Lists: any element
    ['{x: a}', '{"x": ["b", "a"]}', true, false],
    ['{x: a}', '{"x": ["b"]}', false, true],
    ['{x: a}', '{"x": []}', false, true],
    ['{x: 2}', '{"x": [1, 2]}', true, false],
    ['{x: {pattern: a.*}}', '{"x": ["b", "abc"]}', true, false],
    ['{x: {pattern: ".*"}}', '{"x": [["a"], {"b": "c"}, null]}', false, true],
    ['{x: \'["a"]\'}', '{"x": ["a"]}', false, true],
    // Objects and null: never
    ['{x: {pattern: ".*"}}', '{"x": {"a": "b"}}', false, true],
    ['{x: \'{"a":"b"}\'}', '{"x": {"a": "b"}}', false, true],
    ['{x: {pattern: ".*"}}', '{"x": null}', false, true],
    ['{x: null}', '{"x": null}', false, true],
    // What a pattern does not look at is not let through by a rule that forbids
    ['{x: {pattern: b+}}', `{"x": "${LONG}"}`, false, false],
    ['{x: {pattern: a+}}', `{"x": "${LONG}"}`, false, false],
    [`{x: ${LONG}}`, `{"x": "${LONG}"}`, true, false],
    ['{x: b}', `{"x": "${LONG}"}`, false, true],
    ['{x: {pattern: b.*}}', `{"x": [${'"a",'.repeat(1000)}"a"]}`, false, false],
    ['{x: {pattern: b.*}}', `{"x": [${'"a",'.repeat(999)}"a"]}`, false, true],
    ['{x: {pattern: b.*}}', `{"x": [${'"a",'.repeat(1000)}"bb"]}`, false, false],
    ['{x: {pattern: b.*}}', `{"x": [${'"a",'.repeat(999)}"bb"]}`, true, false],
    ['{x: bb}', `{"x": [${'"a",'.repeat(1000)}"bb"]}`, true, false],
    // JSON Pointers (RFC 6901)
    ['{/a/b: c}', '{"a": {"b": "c"}}', true, false],
    ['{/a/b: c}', '{"a": {"b": ["d", "c"]}}', true, false],
    ['{/a/b: c}', '{"a": "c"}', false, true],
    ['{/a/b: c}', '{"a/b": "c"}', false, true],
    ['{/a/b: c}', '{"/a/b": "c"}', false, true],
    ['{/a~1b: c}', '{"a/b": "c"}', true, false],
    ['{/a~0b: c}', '{"a~b": "c"}', true, false],
    ['{/a~01b: c}', '{"a~1b": "c"}', true, false],
    ['{/~1a: c}', '{"/a": "c"}', true, false],
    ['{/a/0: c}', '{"a": ["c"]}', true, false],
    ['{/a/1/b: c}', '{"a": [1, {"b": "c"}]}', true, false],
    ['{/a/0: c}', '{"a": {"0": "c"}}', true, false],
    ['{/a/00: c}', '{"a": ["c"]}', false, true],
    ['{/a/-: c}', '{"a": ["c"]}', false, true],
    ['{/a/1: c}', '{"a": ["c"]}', false, true],
    ['{/a/99999999999999999999: c}', '{"a": ["c"]}', false, true],
    ['{/a/length: 1}', '{"a": ["c"]}', false, true],
    ['{/: c}', '{"": "c"}', true, false],
    ['{/a/: c}', '{"a": {"": "c"}}', true, false],
    ['{"": c}', '{"": "c"}', true, false],
    ['{/constructor/name: Object}', '{}', false, true],
    ['{/a/__proto__/x: c}', '{"a": {}}', false, true],
    ['{/kubernetes.io/namespace: prod}', '{"kubernetes.io": {"namespace": "prod"}}', true, false],
    ['{__proto__: {pattern: ".*"}}', '{}', false, true],
    // Registered claims are claims
    ['{aud: sts.example}', '{}', true, false],
    ['{exp: 2000000000}', '{}', true, false],
  ])('%s of %.80s', (rule, payload, allowed, forbidden) => {
    expect(failures(`claims: ${rule}`, payload).length === 0).toBe(allowed)
    expect(failures(`forbidden_claims: ${rule}`, payload).length === 0).toBe(forbidden)
  })

  test('the reasons', () => {
    expect(failures('claims: {a: x, b: x, c: x}', { b: 'y', c: {} })).toEqual([
      'CLAIM_MISSING a',
      'CLAIM_MISMATCH b',
      'CLAIM_MISMATCH c',
    ])
    expect(failures('claims: {__proto__: x, constructor: x, /a/__proto__: x}', { a: {} })).toEqual([
      'CLAIM_MISSING __proto__',
      'CLAIM_MISSING constructor',
      'CLAIM_MISSING /a/__proto__',
    ])
    expect(failures('forbidden_claims: {a: x, b: x}', { a: 'x', b: 'y' })).toEqual(['CLAIM_FORBIDDEN a'])
  })

  test('a whole number beyond 2^53 that is not known as it was written satisfies neither word', () => {
    const rounded = JSON.parse('{"x": 12345678901234567890, "y": [1, 1e400]}') as Record<string, unknown>
    const claims: Claims = { ...PAYLOAD, aud: [PAYLOAD.aud], payload: { ...PAYLOAD, ...rounded } }
    const rules = ['{x: 12345678901234567000}', '{x: {pattern: ".*"}}', '{y: 2}', '{y: {pattern: "2"}}']
    const words = rules.flatMap((rule) => [`claims: ${rule}`, `forbidden_claims: ${rule}`])
    const allowed = words.filter((word) => evaluate(policyOf(`${HEAD}${word}${TAIL}`), claims, CONTEXT).allowed)
    expect(allowed).toEqual([])
  })

  test('under claim_pattern a name with a slash stays a name, and a number no text', () => {
    expect(failures('claim_pattern: {/a: x}', { a: 'x' })).toEqual(['CLAIM_MISSING /a'])
    expect(failures('claim_pattern: {/a: x}', { '/a': 'x' })).toEqual([])
    expect(failures('claim_pattern: {a: "1"}', { a: 1 })).toEqual(['CLAIM_NOT_TEXT a'])
    expect(failures('claim_pattern: {a: .*}', '{"a": 12345678901234567890}')).toEqual(['CLAIM_NOT_TEXT a'])
    expect(failures('claim_pattern: {a: x}', { a: ['x'] })).toEqual(['CLAIM_NOT_TEXT a'])
  })

  test('what a rule allows, the same rule forbids: never both, and for what can be compared never neither', () => {
    const value = fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.array(fc.oneof(fc.string(), fc.integer())))
    fc.assert(
      fc.property(value, fc.oneof(fc.string(), fc.array(fc.string(), { minLength: 1 })), (claim, rule) => {
        const text = JSON.stringify({ x: rule })
        const allowed = failures(`claims: ${text}`, { x: claim }).length === 0
        expect(failures(`forbidden_claims: ${text}`, { x: claim }).length === 0).toBe(!allowed)
      }),
    )
  })

  test('a scalar matches its own JSON text, wherever it stands', () => {
    const scalar = fc.oneof(
      fc.boolean(),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true, max: 2 ** 53 - 1, min: -(2 ** 53) + 1 }),
    )
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), scalar, (path, value) => {
        const pointer = path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
        const payload = path.reduceRight<unknown>((inner, name) => Object.fromEntries([[name, inner]]), value)
        const rule = JSON.stringify({ [pointer]: JSON.stringify(value) })
        expect(failures(`claims: ${rule}`, JSON.stringify({ ...(payload as object) }))).toEqual([])
      }),
    )
  })
})

describe('github_actions', () => {
  const RUN = { repository: 'acme/site', repository_id: '456', repository_owner_id: '123', ref: 'refs/heads/main' }

  test.each<readonly [string, string, Readonly<Record<string, unknown>>, readonly string[]]>([
    ['all holds', '{repository_id: 456, ref: [refs/heads/main, refs/heads/next]}', RUN, []],
    ['one does not', '{repository_id: 456, ref: refs/heads/next}', RUN, ['CLAIM_MISMATCH ref']],
    ['one is absent', '{repository_id: 456, environment: prod}', RUN, ['CLAIM_MISSING environment']],
    ['a pattern', '{job_workflow_ref: {pattern: acme/.+}}', { job_workflow_ref: 'acme/w@main' }, []],
    [
      'another issuer claims the same',
      '{repository_id: 456}',
      { ...RUN, iss: 'https://evil.example' },
      ['ISSUER_MISMATCH iss', 'GITHUB_ISSUER_REQUIRED iss'],
    ],
  ])('%s', (_, rule, payload, expected) => {
    expect(failures(`github_actions: ${rule}`, payload)).toEqual(expected)
  })

  test('is for GitHub alone, however generous the issuer pattern is', () => {
    const policy = policyOf(`issuer_pattern: https://.*\ngithub_actions: {repository_id: 456}${TAIL}`)
    expect(evaluate(policy, claimsOf(RUN), CONTEXT).allowed).toBe(true)
    const forged = evaluate(policy, claimsOf({ ...RUN, iss: 'https://evil.example' }), CONTEXT)
    expect(forged.allowed).toBe(false)
    expect(forged.alternatives[0]?.rules).toContainEqual({
      rule: 'github_actions',
      claim: 'iss',
      failure: 'GITHUB_ISSUER_REQUIRED',
      expected: 'an issuer of GitHub Actions',
      actual: 'https://evil.example',
    })
  })

  test('instead of a subject there is no rule for the subject', () => {
    const policy = policyOf(`issuer: ${GITHUB}\ngithub_actions: {repository_id: 456}${TAIL}`)
    const { allowed, alternatives } = evaluate(policy, claimsOf({ ...RUN, sub: 'anything' }), CONTEXT)
    expect(allowed).toBe(true)
    expect(alternatives[0]?.rules.map(({ rule }) => rule)).toEqual([
      'issuer',
      'audience',
      'github_actions',
      'github_actions',
    ])
  })

  describe('pins for subjects with ids', () => {
    const withIds = { ...RUN, sub: 'repo:acme@123/site@456:ref:refs/heads/main' }

    test.each<readonly [string, string, readonly string[]]>([
      ['nothing', '', ['SUBJECT_HAS_IDS sub']],
      ['an id under github_actions', 'github_actions: {repository_id: 456}', []],
      ["the owner's id", 'github_actions: {repository_owner_id: 123}', []],
      ['an id under claims', 'claims: {repository_id: 456}', []],
      ['by a pointer', 'claims: {/repository_owner_id: 123}', []],
      ['a list of ids', 'claims: {repository_id: [455, 456]}', []],
      ['a literal pattern', 'claims: {repository_id: {pattern: ^456$}}', []],
      ['a list with more than ids', 'claims: {repository_id: [456, x]}', ['SUBJECT_HAS_IDS sub']],
      ['a pattern', 'claims: {repository_id: {pattern: 45.}}', ['SUBJECT_HAS_IDS sub']],
      ['what is forbidden', 'forbidden_claims: {repository_id: 1}', ['SUBJECT_HAS_IDS sub']],
      ['a name', 'github_actions: {repository: acme/site}', ['SUBJECT_HAS_IDS sub']],
      ['another id', 'github_actions: {repository_id: 457}', ['CLAIM_MISMATCH repository_id']],
      [
        'a nested claim of that name',
        'claims: {/x/repository_id: 456}',
        ['SUBJECT_HAS_IDS sub', 'CLAIM_MISSING /x/repository_id'],
      ],
    ])('%s', (_, words, expected) => {
      const policy = policyOf(`issuer: ${GITHUB}\nsubject: ${PAYLOAD.sub}\n${words}${TAIL}`)
      const rules = evaluate(policy, claimsOf(withIds), CONTEXT).alternatives[0]?.rules ?? []
      expect(rules.flatMap(({ failure, claim }) => (failure === undefined ? [] : [`${failure} ${claim}`]))).toEqual(
        expected,
      )
    })
  })
})

describe('a forbidden subject is forbidden in both of its forms', () => {
  const IDS = { repository: 'acme/site', repository_id: '456', repository_owner_id: '123' }
  const NAMED = 'repo:acme/site:ref:refs/heads/main'
  const WITH_IDS = 'repo:acme@123/site@456:ref:refs/heads/main'

  test.each<readonly [string, string, Readonly<Record<string, unknown>>, boolean]>([
    ['the name, of a subject with ids', `{sub: ${NAMED}}`, { ...IDS, sub: WITH_IDS }, false],
    ['the name by a pattern', '{sub: {pattern: "repo:acme/site:.*"}}', { ...IDS, sub: WITH_IDS }, false],
    ['the name in a list', `{sub: [x, "${NAMED}"]}`, { ...IDS, sub: WITH_IDS }, false],
    ['the name by a pointer', `{/sub: ${NAMED}}`, { ...IDS, sub: WITH_IDS }, false],
    ['the ids, of a subject with ids', `{sub: ${WITH_IDS}}`, { ...IDS, sub: WITH_IDS }, false],
    ['the ids, of a subject without', `{sub: ${WITH_IDS}}`, { ...IDS, sub: NAMED }, false],
    ['another name', '{sub: "repo:acme/site:ref:refs/heads/x"}', { ...IDS, sub: WITH_IDS }, true],
    ['ids that are not those of the claims', `{sub: ${NAMED}}`, { ...IDS, repository_id: '9', sub: WITH_IDS }, true],
    ['of another issuer', `{sub: ${NAMED}}`, { ...IDS, iss: 'https://idp.example', sub: WITH_IDS }, true],
    ['a nested claim of that name', `{/x/sub: ${NAMED}}`, { ...IDS, sub: WITH_IDS, x: { sub: WITH_IDS } }, true],
  ])('%s', (_, rule, payload, allowed) => {
    const policy = policyOf(`issuer_pattern: .*\nsubject_pattern: .*\nforbidden_claims: ${rule}${TAIL}`)
    expect(evaluate(policy, claimsOf(payload), CONTEXT).allowed).toBe(allowed)
  })
})

describe('not_before and expires', () => {
  test.each<readonly [string, number, readonly string[]]>([
    ['not_before: 2026-11-23T15:00:00Z', NOW - 1, ['POLICY_NOT_YET_VALID']],
    ['not_before: 2026-11-23T15:00:00Z', NOW, []],
    ['expires: 2026-11-23T15:00:00Z', NOW - 1, []],
    ['expires: 2026-11-23T15:00:00Z', NOW, ['POLICY_EXPIRED']],
    ['expires: 2026-11-23T16:00:00+01:00', NOW, ['POLICY_EXPIRED']],
    ['not_before: 2026-11-23T15:00:00Z\nexpires: 2026-11-23T15:00:01Z', NOW + 999, []],
    ['not_before: 2026-11-23T15:00:00Z\nexpires: 2026-11-23T15:00:01Z', NOW + 1000, ['POLICY_EXPIRED']],
  ])('%s at %d', (words, nowMs, expected) => {
    expect(failures(words, {}, { ...CONTEXT, nowMs })).toEqual(expected)
  })

  test('stand last in each alternative, with the time', () => {
    const rule = `{issuer: ${GITHUB}, subject_pattern: .*}`
    const policy = policyOf(`rules: [${rule}, ${rule}]\nexpires: 2026-01-01T00:00:00Z${TAIL}`)
    const { allowed, alternatives } = evaluate(policy, claimsOf({}), CONTEXT)
    expect(allowed).toBe(false)
    const expired = {
      rule: 'expires',
      claim: '',
      failure: 'POLICY_EXPIRED',
      expected: '2026-01-01T00:00:00Z',
      actual: '2026-11-23T15:00:00.000Z',
    }
    expect(alternatives.map(({ rules }) => rules.at(-1))).toEqual([expired, expired])
  })
})

describe('rules', () => {
  const policy = policyOf(`
rules:
- {issuer: ${GITHUB}, subject: a, claims: {x: 1}}
- {issuer: ${GITHUB}, subject: b, audience: special}
- {issuer: https://idp.example, subject_pattern: c.*}
permissions: {contents: read}
`)
  test.each<readonly [string, Readonly<Record<string, unknown>>, readonly boolean[]]>([
    ['the first', { sub: 'a', x: 1 }, [true, false, false]],
    ['the second', { sub: 'b', aud: 'special' }, [false, true, false]],
    ['the third', { iss: 'https://idp.example', sub: 'cc' }, [false, false, true]],
    ['no one rule as a whole', { sub: 'b', x: 1 }, [false, false, false]],
    ['the audience of one does not hold for another', { sub: 'a', x: 1, aud: 'special' }, [false, false, false]],
  ])('%s', (_, payload, expected) => {
    const { allowed, alternatives } = evaluate(policy, claimsOf(payload), CONTEXT)
    expect(alternatives.map((alternative) => alternative.allowed)).toEqual(expected)
    expect(allowed).toBe(expected.includes(true))
  })

  test('every rule of every alternative has its verdict', () => {
    const { alternatives } = evaluate(policy, claimsOf({ sub: 'a', x: 1 }), CONTEXT)
    expect(alternatives.map(({ rules }) => rules.map(({ rule, failure }) => `${rule} ${failure ?? 'holds'}`))).toEqual([
      ['issuer holds', 'subject holds', 'audience holds', 'claim holds'],
      ['issuer holds', 'subject SUBJECT_MISMATCH', 'audience AUDIENCE_MISMATCH'],
      ['issuer ISSUER_MISMATCH', 'subject SUBJECT_MISMATCH', 'audience holds'],
    ])
  })
})

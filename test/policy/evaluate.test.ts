import { describe, expect, test } from '@jest/globals'
import { evaluate } from '../../src/policy/evaluate.ts'
import type { EvaluationContext } from '../../src/policy/evaluation.ts'
import type { Claims } from '../../src/terms/claims.ts'
import { policyOf } from './policies.ts'

const GITHUB = 'https://token.actions.githubusercontent.com'
const CONTEXT: EvaluationContext = {
  domain: 'sts.example',
  accountId: 123,
  nowMs: Date.UTC(2026, 10, 23),
  isGitHubIssuer: (issuer) => issuer === GITHUB,
}
const PAYLOAD = { iss: GITHUB, sub: 'repo:acme/site:ref:refs/heads/main', aud: 'sts.example', exp: 2_000_000_000 }

function claimsOf(payload: Readonly<Record<string, unknown>>): Claims {
  // As the verifier reads it: `__proto__` is a member of its own.
  const signed = JSON.parse(JSON.stringify({ ...PAYLOAD, ...payload })) as typeof PAYLOAD
  return { ...signed, aud: [signed.aud].flat(), payload: signed }
}

/** The failed rules of a policy with these rules, as `reason claim actual`. */
function failures(
  rules: string,
  payload: Readonly<Record<string, unknown>> = {},
  context = CONTEXT,
): readonly string[] {
  const evaluation = evaluate(policyOf(`${rules}\npermissions: {contents: read}`), claimsOf(payload), context)
  const [alternative] = evaluation.alternatives
  const failed = alternative?.rules.filter(({ failure }) => failure !== undefined) ?? []
  expect(evaluation.allowed).toBe(failed.length === 0)
  expect(alternative?.allowed).toBe(failed.length === 0)
  return failed.map(({ failure, claim, actual }) => `${failure} ${claim} ${actual}`)
}

const ISSUER = `issuer: ${GITHUB}`
const SUBJECT = 'subject: repo:acme/site:ref:refs/heads/main'
const BOTH = `${ISSUER}\n${SUBJECT}`

describe('issuer, subject and audience', () => {
  test.each<readonly [string, string, Readonly<Record<string, unknown>>, readonly string[]]>([
    ['all hold', BOTH, {}, []],
    ['another issuer', BOTH, { iss: 'https://evil.example' }, ['ISSUER_MISMATCH iss https://evil.example']],
    ['the issuer with a slash', BOTH, { iss: `${GITHUB}/` }, [`ISSUER_MISMATCH iss ${GITHUB}/`]],
    [
      'the issuer in another case',
      BOTH,
      { iss: GITHUB.toUpperCase() },
      [`ISSUER_MISMATCH iss ${GITHUB.toUpperCase()}`],
    ],
    [
      'an issuer pattern is the whole value',
      `issuer_pattern: https://token\n${SUBJECT}`,
      {},
      [`ISSUER_MISMATCH iss ${GITHUB}`],
    ],
    [
      'another subject',
      BOTH,
      { sub: 'repo:acme/site:ref:refs/heads/dev' },
      ['SUBJECT_MISMATCH sub repo:acme/site:ref:refs/heads/dev'],
    ],
    ['a subject that only begins so', BOTH, { sub: `${PAYLOAD.sub}2` }, [`SUBJECT_MISMATCH sub ${PAYLOAD.sub}2`]],
    [
      'an alternation does not escape',
      `${ISSUER}\nsubject_pattern: repo:acme/site:.*|repo:acme/api`,
      { sub: 'repo:acme/api-evil:x' },
      ['SUBJECT_MISMATCH sub repo:acme/api-evil:x'],
    ],
    [
      'no line end moves the end',
      `${ISSUER}\nsubject_pattern: (?m)^repo:acme/site$`,
      { sub: 'repo:acme/site\nx' },
      ['SUBJECT_MISMATCH sub repo:acme/site\nx'],
    ],
    ['the audience is the domain', BOTH, { aud: 'other.example' }, ['AUDIENCE_MISMATCH aud other.example']],
    ['one of several audiences is enough', BOTH, { aud: ['a', 'sts.example'] }, []],
    ['none of several', BOTH, { aud: ['a', 'b'] }, ['AUDIENCE_MISMATCH aud a, b']],
    [
      'the audience of the policy instead of the domain',
      `${BOTH}\naudience: a`,
      {},
      ['AUDIENCE_MISMATCH aud sts.example'],
    ],
    ['the audience of the policy', `${BOTH}\naudience: a`, { aud: ['b', 'a'] }, []],
    ['an audience pattern', `${BOTH}\naudience_pattern: a|b`, { aud: ['ab', 'b'] }, []],
    [
      'an audience pattern on the list as one text',
      `${BOTH}\naudience_pattern: a, b`,
      { aud: ['a', 'b'] },
      ['AUDIENCE_MISMATCH aud a, b'],
    ],
    [
      'every rule is looked at',
      `${BOTH}\nclaim_pattern: {x: y}`,
      { iss: 'i', sub: 's', aud: 'a' },
      ['ISSUER_MISMATCH iss i', 'SUBJECT_MISMATCH sub s', 'AUDIENCE_MISMATCH aud a', 'CLAIM_MISSING x undefined'],
    ],
  ])('%s', (_, rules, payload, expected) => {
    expect(failures(rules, payload)).toEqual(expected)
  })

  test('the verdict of every rule, with what was expected', () => {
    const policy = policyOf(`${BOTH}\nclaim_pattern: {ref: refs/.*}\npermissions: {contents: read}`)
    expect(evaluate(policy, claimsOf({ ref: 'refs/heads/main' }), CONTEXT).alternatives[0]?.rules).toEqual([
      { rule: 'issuer', claim: 'iss', failure: undefined, expected: GITHUB, actual: GITHUB },
      { rule: 'subject', claim: 'sub', failure: undefined, expected: PAYLOAD.sub, actual: PAYLOAD.sub },
      { rule: 'audience', claim: 'aud', failure: undefined, expected: 'sts.example', actual: 'sts.example' },
      { rule: 'claim', claim: 'ref', failure: undefined, expected: 'refs/.*', actual: 'refs/heads/main' },
    ])
  })
})

describe('claim_pattern', () => {
  test.each<readonly [string, string, Readonly<Record<string, unknown>>, readonly string[]]>([
    ['a text', '{ref: refs/heads/.*}', { ref: 'refs/heads/x' }, []],
    ['another text', '{ref: refs/heads/.*}', { ref: 'refs/tags/x' }, ['CLAIM_MISMATCH ref refs/tags/x']],
    ['an empty text', '{ref: ""}', { ref: '' }, []],
    ['a boolean', '{x: "true"}', { x: true }, []],
    ['another boolean', '{x: "true"}', { x: false }, ['CLAIM_MISMATCH x false']],
    ['no such claim', '{ref: .*}', {}, ['CLAIM_MISSING ref undefined']],
    ['a name in another case', '{ref: .*}', { Ref: 'x' }, ['CLAIM_MISSING ref undefined']],
    ['null', '{x: .*}', { x: null }, ['CLAIM_NOT_TEXT x null']],
    ['a number', '{x: .*}', { x: 1 }, ['CLAIM_NOT_TEXT x 1']],
    ['a list', '{x: .*}', { x: ['a'] }, ['CLAIM_NOT_TEXT x ["a"]']],
    ['an object', '{x: .*}', { x: { a: 'b' } }, ['CLAIM_NOT_TEXT x {"a":"b"}']],
    ['iss and sub', '{iss: .*, sub: repo.*}', {}, []],
    ['aud as a text', '{aud: sts.*}', {}, []],
    ['aud as a list', '{aud: .*}', { aud: ['sts.example'] }, ['CLAIM_NOT_TEXT aud ["sts.example"]']],
    ['exp', '{exp: .*}', {}, ['CLAIM_NOT_TEXT exp 2000000000']],
    [
      'prototype names',
      '{__proto__: .*, constructor: .*, toString: .*}',
      {},
      ['CLAIM_MISSING __proto__ undefined', 'CLAIM_MISSING constructor undefined', 'CLAIM_MISSING toString undefined'],
    ],
    ['a value over 4096 characters', '{x: a*}', { x: 'a'.repeat(4097) }, [`CLAIM_MISMATCH x ${'a'.repeat(4097)}`]],
    ['a value of 4096 characters', '{x: a*}', { x: 'a'.repeat(4096) }, []],
  ])('%s', (_, claims, payload, expected) => {
    expect(failures(`${BOTH}\nclaim_pattern: ${claims}`, payload)).toEqual(expected)
  })

  test('__proto__ as a claim of the token', () => {
    const payload = JSON.parse('{"__proto__": "x"}') as Record<string, unknown>
    const policy = policyOf(`${BOTH}\nclaim_pattern: {__proto__: x}\npermissions: {contents: read}`)
    expect(evaluate(policy, { ...PAYLOAD, aud: [PAYLOAD.aud], payload }, CONTEXT).allowed).toBe(true)
  })
})

describe("GitHub's immutable subjects", () => {
  const IDS = { repository: 'acme/site', repository_owner_id: '123', repository_id: '456' }
  const SUB = 'repo:acme@123/site@456:ref:refs/heads/main'
  const NEW = { ...IDS, sub: SUB }
  const STRANGER = { ...IDS, repository_owner_id: '666', sub: 'repo:acme@666/site@456:ref:refs/heads/main' }
  const PIN_OWNER = `${BOTH}\nclaim_pattern: {repository_owner_id: "666"}`

  test.each<readonly [string, string, Readonly<Record<string, unknown>>, readonly string[]]>([
    ['a name-only policy, the own account', BOTH, NEW, []],
    [
      'a name-only pattern, the own account',
      `${ISSUER}\nsubject_pattern: repo:acme/site:ref:refs/heads/(main|dev)`,
      NEW,
      [],
    ],
    ['a policy with the ids', `${ISSUER}\nsubject: ${SUB}`, NEW, []],
    ['a policy with the ids, another account', `${ISSUER}\nsubject: ${STRANGER.sub}`, STRANGER, []],
    ['a pattern that takes both forms', `${ISSUER}\nsubject_pattern: repo:acme(@\\d+)?/site(@\\d+)?:.*`, STRANGER, []],
    ['a name that somebody else took over', BOTH, STRANGER, [`SUBJECT_HAS_IDS sub ${STRANGER.sub}`]],
    ['the owner pinned', PIN_OWNER, STRANGER, []],
    ['the owner pinned with anchors', `${BOTH}\nclaim_pattern: {repository_owner_id: ^666$}`, STRANGER, []],
    ['the repository pinned', `${BOTH}\nclaim_pattern: {repository_id: "456"}`, STRANGER, []],
    [
      'a pin that does not hold',
      `${BOTH}\nclaim_pattern: {repository_owner_id: "667"}`,
      STRANGER,
      ['CLAIM_MISMATCH repository_owner_id 666'],
    ],
    [
      'no pin: any id',
      `${BOTH}\nclaim_pattern: {repository_owner_id: .*}`,
      STRANGER,
      [`SUBJECT_HAS_IDS sub ${STRANGER.sub}`],
    ],
    [
      'no pin: two ids',
      `${BOTH}\nclaim_pattern: {repository_id: 456|457}`,
      STRANGER,
      [`SUBJECT_HAS_IDS sub ${STRANGER.sub}`],
    ],
    [
      'no pin: another claim',
      `${BOTH}\nclaim_pattern: {actor_id: "1"}`,
      { ...STRANGER, actor_id: '1' },
      [`SUBJECT_HAS_IDS sub ${STRANGER.sub}`],
    ],
    [
      'the name alone would not match either',
      BOTH,
      { ...STRANGER, sub: 'repo:acme@666/site@456:ref:refs/heads/dev' },
      ['SUBJECT_MISMATCH sub repo:acme@666/site@456:ref:refs/heads/dev'],
    ],
    [
      'another ref, the own account',
      BOTH,
      { ...NEW, sub: 'repo:acme@123/site@456:pull_request' },
      ['SUBJECT_MISMATCH sub repo:acme@123/site@456:pull_request'],
    ],
    [
      'ids in the subject that the claims do not have',
      BOTH,
      { ...NEW, sub: 'repo:acme@123/site@457:ref:refs/heads/main' },
      ['SUBJECT_MISMATCH sub repo:acme@123/site@457:ref:refs/heads/main'],
    ],
    [
      'names in the subject that the claims do not have',
      BOTH,
      { ...NEW, repository: 'evil/site' },
      [`SUBJECT_MISMATCH sub ${SUB}`],
    ],
    ['no ids in the claims', BOTH, { sub: SUB }, [`SUBJECT_MISMATCH sub ${SUB}`]],
    ['ids that are numbers', BOTH, { ...NEW, repository_id: 456 }, [`SUBJECT_MISMATCH sub ${SUB}`]],
    [
      'an id that is no number',
      BOTH,
      { ...NEW, repository_id: '4:56', sub: 'repo:acme@123/site@4:56:ref:refs/heads/main' },
      ['SUBJECT_MISMATCH sub repo:acme@123/site@4:56:ref:refs/heads/main'],
    ],
    ['a repository of three parts', BOTH, { ...NEW, repository: 'acme/site/x' }, [`SUBJECT_MISMATCH sub ${SUB}`]],
    ['the old form is a subject as any other', BOTH, { ...IDS, repository_owner_id: '666' }, []],
    [
      'a rest that looks like a prefix is left alone',
      BOTH,
      { ...NEW, sub: `repo:acme@123/site@456:environment:x ${SUB}` },
      [`SUBJECT_MISMATCH sub repo:acme@123/site@456:environment:x ${SUB}`],
    ],
    [
      'another issuer',
      `issuer: https://idp.example\n${SUBJECT}`,
      { ...NEW, iss: 'https://idp.example' },
      [`SUBJECT_MISMATCH sub ${SUB}`],
    ],
  ])('%s', (_, rules, payload, expected) => {
    expect(failures(rules, payload)).toEqual(expected)
  })

  test.each<readonly [string, string]>([
    ['ref:refs/heads/main', 'subject: repo:acme@666/site@456:ref:refs/heads/main'],
    ['environment:production (eu)', 'subject: "repo:acme@666/site@456:environment:production (eu)"'],
    ['environment:a: b #c', 'subject: "repo:acme@666/site@456:environment:a: b #c"'],
    ['environment:"\\', 'subject: "repo:acme@666/site@456:environment:\\"\\\\"'],
    ['environment:x:', 'subject: "repo:acme@666/site@456:environment:x:"'],
  ])('the line to paste for %s makes a policy that matches', (rest, line) => {
    const payload = { ...STRANGER, sub: `repo:acme@666/site@456:${rest}` }
    const policy = policyOf(`${ISSUER}\nsubject_pattern: 'repo:acme/site:.*'\npermissions: {contents: read}`)
    const subject = evaluate(policy, claimsOf(payload), CONTEXT).alternatives[0]?.rules[1]
    expect(subject).toMatchObject({ failure: 'SUBJECT_HAS_IDS', remedy: line })
    expect(failures(`${ISSUER}\n${line}`, payload)).toEqual([])
  })
})

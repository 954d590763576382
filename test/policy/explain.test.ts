import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import { evaluate } from '../../src/policy/evaluate.ts'
import { type Detail, explain } from '../../src/policy/explain.ts'
import { explainFindings } from '../../src/policy/explain-findings.ts'
import type { Claims } from '../../src/terms/claims.ts'
import { policyOf } from './policies.ts'

const POLICY = policyOf(`
issuer: https://idp.example
subject_pattern: repo:acme/site:secret.*
audience: expected.example
claim_pattern: {secret_name: secret.+, flag: 'true'}
permissions: {contents: read}
`)
const PAYLOAD = {
  iss: 'https://idp.example',
  sub: 'repo:acme/site:secret1',
  aud: 'expected.example',
  secret_name: 'secret!',
  flag: true,
}

function explained(payload: Readonly<Record<string, unknown>>, detail: Detail) {
  const signed: typeof PAYLOAD = { ...PAYLOAD, ...payload }
  const claims: Claims = { ...signed, aud: [signed.aud].flat(), exp: 0, payload: signed }
  const context = { domain: 'sts.example', accountId: 1, nowMs: 0, isGitHubIssuer: () => true }
  return explain(evaluate(POLICY, claims, context), detail)
}

const IDS = { repository: 'acme/site', repository_owner_id: '2', repository_id: '3', sub: 'repo:acme@2/site@3:secret1' }
const HAS_IDS =
  'trust policy: subject "repo:acme@2/site@3:secret1" did not match: it has the ids of its owner and repository, and the policy names them without. ' +
  "If this is the repository that is meant, put this line in place of the policy's subject rule: subject: repo:acme@2/site@3:secret1"

describe('to anybody: the kind of the first rule that failed, with the own value', () => {
  test.each<readonly [string, Readonly<Record<string, unknown>>, string, string]>([
    ['issuer', { iss: 'https://evil.example' }, 'ISSUER_MISMATCH', 'trust policy: issuer did not match'],
    [
      'issuer before subject',
      { iss: 'https://evil.example', sub: 'x' },
      'ISSUER_MISMATCH',
      'trust policy: issuer did not match',
    ],
    ['subject', { sub: 'x\n\u202ey' }, 'SUBJECT_MISMATCH', 'trust policy: subject "x\\n\\u202ey" did not match'],
    ['subject with ids', IDS, 'SUBJECT_HAS_IDS', HAS_IDS],
    ['audience', { aud: ['a', 'b'] }, 'AUDIENCE_MISMATCH', 'trust policy: audience "a, b" did not match'],
    [
      'claim',
      { secret_name: 'x' },
      'CLAIM_MISMATCH',
      'trust policy: claim "secret_name" with the value "x" did not match',
    ],
    [
      'missing claim',
      { secret_name: undefined },
      'CLAIM_MISSING',
      'trust policy: claim did not match: the token lacks a claim that the policy asks for',
    ],
    [
      'claim of another type',
      { secret_name: [1] },
      'CLAIM_NOT_TEXT',
      'trust policy: claim "secret_name" did not match: it is neither a text nor a boolean but "[1]"',
    ],
  ])('%s', (_, payload, reason, message) => {
    const explanation = explained(payload, 'brief')
    expect(explanation).toMatchObject({ reason, message })
    expect(JSON.stringify(explanation)).not.toMatch(/expected\.example|secret\.|secret_name.*secret\./)
  })

  test('metadata names the rule, and the line to paste', () => {
    expect(explained(IDS, 'brief').metadata).toEqual({ rule: 'subject', remedy: 'subject: repo:acme@2/site@3:secret1' })
    expect(explained({ iss: 'x' }, 'brief').metadata).toEqual({ rule: 'issuer' })
  })
})

describe('in full: every rule with its verdict and what it expected', () => {
  test('the first that failed, then all', () => {
    expect(explained({ sub: 'x', flag: undefined }, 'full')).toEqual({
      reason: 'SUBJECT_MISMATCH',
      message:
        'trust policy: subject "x" did not match. Every rule: issuer matched "https://idp.example"; ' +
        'subject expected "repo:acme/site:secret.*", the token has "x"; audience matched "expected.example"; ' +
        'claim "secret_name" matched "secret.+"; claim "flag" expected "true", the token has no such claim',
      metadata: { rule: 'subject', claim: 'sub', expected: 'repo:acme/site:secret.*' },
    })
  })

  test('no longer than a gRPC header can carry', () => {
    const claims = Array.from({ length: 100 }, (_, index) => `  c${index}: ${'x'.repeat(300)}`).join('\n')
    const policy = policyOf(`issuer: x\nsubject: x\nclaim_pattern:\n${claims}\npermissions: {contents: read}`)
    const context = { domain: 'sts.example', accountId: 1, nowMs: 0, isGitHubIssuer: () => false }
    const { message } = explain(evaluate(policy, { iss: 'x', sub: 'x', aud: [], exp: 0, payload: {} }, context), 'full')
    expect(message.length).toBeLessThan(2500)
    expect(message).toMatch(/; and 9\d more$/)
  })
})

describe('of several alternatives the nearest is explained', () => {
  const policy = policyOf(`
rules:
- {issuer: https://secret.example, subject: secret-a}
- {issuer: https://idp.example, subject: secret-b, claims: {x: secret-1}}
- {issuer: https://idp.example, subject: good, audience: secret-c, forbidden_claims: {y: [bad]}}
- {issuer: https://idp.example, subject: good, claims: {x: [secret-2, secret-3]}, forbidden_claims: {y: {pattern: secret-4|bad}}}
permissions: {contents: read}
expires: 2026-01-01T00:00:00Z
`)
  const near = (payload: Readonly<Record<string, unknown>>, detail: Detail) => {
    const signed = { iss: 'https://idp.example', sub: 'good', aud: 'sts.example', ...payload }
    const claims: Claims = { ...signed, aud: [signed.aud], exp: 0, payload: signed }
    const context = { domain: 'sts.example', accountId: 1, nowMs: Date.UTC(2026, 0, 2), isGitHubIssuer: () => true }
    return explain(evaluate(policy, claims, context), detail)
  }

  test.each<readonly [string, Readonly<Record<string, unknown>>, string, string]>([
    ['no issuer', { iss: 'https://other.example' }, 'ISSUER_MISMATCH', 'trust policy: issuer did not match'],
    ['no subject', { sub: 'x' }, 'SUBJECT_MISMATCH', 'trust policy: subject "x" did not match'],
    [
      'the subject of two, the audience of one',
      {},
      'CLAIM_MISSING',
      'trust policy: claim did not match: the token lacks a claim that the policy asks for',
    ],
    ['a claim', { x: 'mine' }, 'CLAIM_MISMATCH', 'trust policy: claim "x" with the value "mine" did not match'],
    [
      'a list, as JSON',
      { x: ['mine', 1] },
      'CLAIM_MISMATCH',
      'trust policy: claim "x" with the value "[\\"mine\\",1]" did not match',
    ],
    [
      'what is forbidden',
      { x: 'secret-2', y: 'bad' },
      'CLAIM_FORBIDDEN',
      'trust policy: claim "y" with the value "bad" is forbidden',
    ],
    ['all but the time', { x: 'secret-2' }, 'POLICY_EXPIRED', 'trust policy: the policy has expired'],
  ])('%s', (_, payload, reason, message) => {
    const explanation = near(payload, 'brief')
    expect(explanation).toMatchObject({ reason, message })
    expect(JSON.stringify(explanation)).not.toMatch(/secret|2026/)
  })

  test('in full, every rule of every alternative', () => {
    expect(near({ x: 'secret-2', y: 'bad' }, 'full').message).toBe(
      [
        'trust policy: claim "y" with the value "bad" is forbidden. Every rule: ' +
          'rules[0] issuer expected "https://secret.example", the token has "https://idp.example"',
        'rules[0] subject expected "secret-a", the token has "good"',
        'rules[0] audience matched "sts.example"',
        'rules[0] expires "2026-01-01T00:00:00Z" does not hold, it is 2026-01-02T00:00:00.000Z',
        'rules[1] issuer matched "https://idp.example"',
        'rules[1] subject expected "secret-b", the token has "good"',
        'rules[1] audience matched "sts.example"',
        'rules[1] claim "x" expected "secret-1", the token has "secret-2"',
        'rules[1] expires "2026-01-01T00:00:00Z" does not hold, it is 2026-01-02T00:00:00.000Z',
        'rules[2] issuer matched "https://idp.example"',
        'rules[2] subject matched "good"',
        'rules[2] audience expected "secret-c", the token has "sts.example"',
        'rules[2] forbidden claim "y" must not be "[\\"bad\\"]", the token has "bad"',
        'rules[2] expires "2026-01-01T00:00:00Z" does not hold, it is 2026-01-02T00:00:00.000Z',
        'rules[3] issuer matched "https://idp.example"',
        'rules[3] subject matched "good"',
        'rules[3] audience matched "sts.example"',
        'rules[3] claim "x" matched "[\\"secret-2\\",\\"secret-3\\"]"',
        'rules[3] forbidden claim "y" must not be "secret-4|bad", the token has "bad"',
        'rules[3] expires "2026-01-01T00:00:00Z" does not hold, it is 2026-01-02T00:00:00.000Z',
      ].join('; '),
    )
  })

  test('a subject that differs by its ids alone is nearer than another subject', () => {
    const either = policyOf(
      'rules: [{issuer: i, subject: x}, {issuer: i, subject: "repo:acme/site:secret1"}]\npermissions: {contents: read}',
    )
    const payload = { ...IDS, iss: 'i', aud: 'sts.example' }
    const context = { domain: 'sts.example', accountId: 1, nowMs: 0, isGitHubIssuer: () => true }
    const evaluation = evaluate(either, { ...payload, aud: ['sts.example'], exp: 0, payload }, context)
    expect(explain(evaluation, 'brief')).toMatchObject({ reason: 'SUBJECT_HAS_IDS', message: HAS_IDS })
  })

  test("a token that is not GitHub's", () => {
    const github = policyOf('issuer_pattern: .*\ngithub_actions: {repository_id: 1}\npermissions: {contents: read}')
    const context = { domain: 'sts.example', accountId: 1, nowMs: 0, isGitHubIssuer: () => false }
    const claims = { iss: 'i', sub: 's', aud: ['sts.example'], exp: 0, payload: {} }
    expect(explain(evaluate(github, claims, context), 'brief')).toEqual({
      reason: 'GITHUB_ISSUER_REQUIRED',
      message: "trust policy: the token is not from an issuer of GitHub's workflows",
      metadata: { rule: 'github_actions' },
    })
  })
})

test('an allowed token needs no explanation', () => {
  expect(() => explained({}, 'full')).toThrow('an allowed token needs no explanation')
})

describe('a policy file that is not valid', () => {
  const explainedText = (text: string, detail: Detail) => {
    const compilation = compilePolicy(text, 'repository')
    if (compilation.ok) throw new Error('the policy is valid')
    return explainFindings(compilation, 'ci\n', detail)
  }
  const INVALID = 'issuer: x\nsubject: y\npermissions:\n  content: read\n  frob: write\n'

  test.each<readonly [string, Detail, string, string]>([
    ['issuer: [', 'brief', 'POLICY_UNPARSABLE', 'unable to parse trust policy found for "ci\\n"'],
    [
      'issuer: x\nbar: x',
      'full',
      'POLICY_UNPARSABLE',
      'unable to parse trust policy found for "ci\\n": line 2: unknown field "bar"',
    ],
    [INVALID, 'brief', 'POLICY_INVALID', 'unable to compile trust policy found for "ci\\n"'],
    [
      INVALID,
      'full',
      'POLICY_INVALID',
      'unable to compile trust policy found for "ci\\n": line 4: "content" is not a permission of GitHub Apps; did you mean "contents"? (and 1 more)',
    ],
  ])('%j %s', (text, detail, reason, message) => {
    expect(explainedText(text, detail)).toMatchObject({ reason, message })
  })

  test('brief has no metadata, full has the place', () => {
    expect(explainedText(INVALID, 'brief').metadata).toEqual({})
    expect(explainedText(INVALID, 'full').metadata).toEqual({ pointer: '/permissions/content', line: '4' })
  })
})

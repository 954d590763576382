import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import { evaluate } from '../../src/policy/evaluate.ts'
import { type Detail, explain } from '../../src/policy/explain.ts'
import { explainFindings } from '../../src/policy/explain-findings.ts'
import { exactly } from '../../src/policy/pattern.ts'
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

test('of several alternatives, the first whose issuer held is explained', () => {
  const [alternative] = POLICY.alternatives
  const policy = {
    ...POLICY,
    alternatives: [{ ...alternative, issuer: exactly('https://other.example') }, alternative] as const,
  }
  const claims = { iss: PAYLOAD.iss, sub: 'x', aud: ['expected.example'], exp: 0, payload: PAYLOAD }
  const evaluation = evaluate(policy, claims, {
    domain: 'sts.example',
    accountId: 1,
    nowMs: 0,
    isGitHubIssuer: () => false,
  })
  expect(explain(evaluation, 'brief')).toMatchObject({
    reason: 'SUBJECT_MISMATCH',
    message: 'trust policy: subject "x" did not match',
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

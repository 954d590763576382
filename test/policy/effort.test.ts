import { describe, expect, test } from '@jest/globals'
import { beginEffort, isMatched } from '../../src/policy/effort.ts'
import { evaluate, evaluation } from '../../src/policy/evaluate.ts'
import type { Alternative, ClaimRule, ClaimWord, Matcher, TrustPolicy } from '../../src/policy/trust-policy.ts'
import type { Claims } from '../../src/terms/claims.ts'
import { policyOf } from './policies.ts'

const CONTEXT = { domain: 'sts.example', accountId: 1, nowMs: 0, isGitHubIssuer: () => false }

/** Says nothing matches, and counts what it is asked: instructions times characters. */
function counting(size: number) {
  const work = { matches: 0, units: 0 }
  const matcher: Matcher = {
    kind: 'pattern',
    source: 'counted',
    size,
    matches(value) {
      work.matches += 1
      work.units += size * value.length
      return false
    },
  }
  return { matcher, work }
}

function claimsOf(payload: Readonly<Record<string, unknown>>): Claims {
  const registered = { iss: 'https://issuer.example', sub: 'me', aud: ['sts.example'], exp: 1 }
  return { ...registered, payload: { ...registered, ...payload } }
}

function policyWith(rules: readonly ClaimRule[]): TrustPolicy {
  const policy = policyOf('issuer: https://issuer.example\nsubject: me\npermissions: {contents: read}\n')
  const alternative: Alternative = { ...policy.alternatives[0], claims: rules }
  return { ...policy, alternatives: [alternative] }
}

const rule = (word: ClaimWord, value: Matcher): ClaimRule => ({ word, name: 'x', path: ['x'], value })

describe('what all patterns of a policy do with all claims of a token is bounded', () => {
  /**
   * Rows: instructions of a pattern, rules, the claim; how many matches, and how much work, that takes: the first rule refuses,
   * and then all have their verdict.
   */
  test.each<readonly [string, number, number, unknown, { matches: number; units: number }]>([
    ['as many patterns as fit, on subjects', 100, 50, 'a'.repeat(100), { matches: 51, units: 510_000 }],
    ['the longest claim, the largest pattern', 900, 20, 'a'.repeat(4096), { matches: 0, units: 0 }],
    ['the longest subject, the largest pattern', 2000, 1, 'a'.repeat(255), { matches: 2, units: 1_020_000 }],
    ['the longest claim, many patterns', 100, 50, 'a'.repeat(4096), { matches: 10, units: 4_096_000 }],
    ['long lists', 5, 400, Array(1000).fill('abc'), { matches: 11_958, units: 179_370 }],
    ['the longest list, the largest pattern', 2000, 1, Array(1000).fill('abc'), { matches: 172, units: 1_032_000 }],
  ])('%s', (_, size, count, x, expected) => {
    const { matcher, work } = counting(size)
    const policy = policyWith(Array.from({ length: count }, () => rule('claims', matcher)))
    const { allowed, alternatives } = evaluate(policy, claimsOf({ x }), CONTEXT)
    expect(allowed).toBe(false)
    expect(alternatives[0]?.rules.filter(({ failure }) => failure === 'CLAIM_MISMATCH')).toHaveLength(count)
    expect(work).toEqual(expected)
  })

  /** Rows: the same; the most matches and work between two turns of the event loop, and how many turns there are. */
  test.each<readonly [string, number, number, unknown, { matches: number; units: number; turns: number }]>([
    ['a usual policy', 30, 20, 'a'.repeat(30), { matches: 21, units: 18_900, turns: 0 }],
    ['as many patterns as fit, on subjects', 100, 50, 'a'.repeat(100), { matches: 6, units: 60_000, turns: 9 }],
    ['the longest claim, many patterns', 100, 50, 'a'.repeat(4096), { matches: 1, units: 409_600, turns: 50 }],
    ['long lists', 5, 400, Array(1000).fill('abc'), { matches: 1000, units: 15_000, turns: 400 }],
  ])('%s, in steps', (_, size, count, x, expected) => {
    const { matcher, work } = counting(size)
    const policy = policyWith(Array.from({ length: count }, () => rule('claims', matcher)))
    const steps = evaluation(policy, claimsOf({ x }), CONTEXT)
    const most = { matches: 0, units: 0, turns: -1 }
    for (let done = false; !done; most.turns += 1) {
      const before = { ...work }
      done = steps.next().done === true
      most.matches = Math.max(most.matches, work.matches - before.matches)
      most.units = Math.max(most.units, work.units - before.units)
    }
    expect(most).toEqual(expected)
  })

  test('once it is spent nothing matches any more, and nothing is known not to be forbidden', () => {
    const { matcher } = counting(1000)
    const spending = Array.from({ length: 8 }, () => rule('forbidden_claims', matcher))
    const { allowed, alternatives } = evaluate(policyWith(spending), claimsOf({ x: 'a'.repeat(500) }), CONTEXT)
    expect(allowed).toBe(false)
    expect(alternatives[0]?.rules.map(({ failure }) => failure)).toEqual([
      ...Array(3).fill(undefined),
      ...Array(7).fill(undefined),
      'CLAIM_FORBIDDEN',
    ])
    const effort = beginEffort(0)
    expect(isMatched({ ...matcher, size: 0, matches: () => true }, 'a', effort)).toBe(false)
  })

  test('a comparison costs nothing', () => {
    const effort = beginEffort()
    const { left } = effort
    expect(isMatched({ kind: 'exact', source: 'a', size: 0, matches: () => true }, 'a', effort)).toBe(true)
    expect(effort.left).toBe(left)
  })
})

test('no verdict is made of a token that is allowed, until somebody asks', () => {
  let asked = 0
  const matches = () => {
    asked += 1
    return true
  }
  const matcher: Matcher = { kind: 'pattern', source: '.', size: 1, matches }
  const evaluation = evaluate(policyWith([rule('claims', matcher)]), claimsOf({ x: 'a' }), CONTEXT)
  expect([evaluation.allowed, asked]).toEqual([true, 1])
  expect(evaluation.alternatives).toBe(evaluation.alternatives)
  expect([evaluation.alternatives[0]?.allowed, asked]).toEqual([true, 2])
})

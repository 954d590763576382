import { describe, expect, test } from '@jest/globals'
import { compilePolicy, policyCompilation } from '../../src/policy/compile.ts'
import { compileTrustedIssuers, trustedIssuersCompilation } from '../../src/policy/compile-trusted-issuers.ts'
import {
  lintPolicy,
  lintTrustedIssuers,
  type PolicyLintContext,
  policyLinting,
  trustedIssuersLinting,
} from '../../src/policy/lint.ts'
import type { Steps } from '../../src/terms/steps.ts'

/** How many steps the work takes, and what comes of it. */
function stepsOf<Result>(steps: Steps<Result>): { readonly count: number; readonly result: Result } {
  let step = steps.next()
  let count = 1
  for (; step.done !== true; step = steps.next()) count += 1
  return { count, result: step.value }
}

const HEAD = 'issuer: https://issuer.example\nsubject: me\npermissions: {contents: read}\n'

function claimPatterns(count: number, pattern: string): string {
  const rules = Array.from({ length: count }, (_, index) => `  c${index}: ${JSON.stringify(pattern)}\n`)
  return `${HEAD}claim_pattern:\n${rules.join('')}`
}

/** Read, made an object, held against the schema, compiled, put in order: without a pattern. */
const STEPS_OF_ANY = 5

describe('the patterns of a policy are compiled in steps', () => {
  /**
   * Rows: how many patterns, which, and the steps they take: one more whenever 500 instructions are exceeded. A pattern counts
   * with 30 beside those of its program, a text with 11 in all, one that is none with 10.
   */
  test.each<readonly [string, number, string, number]>([
    ['none', 0, '', 0],
    ['texts', 45, 'abc', 0],
    ['texts, as many as fit', 400, 'abc', 8],
    ['small ones', 14, 'a.b', 0],
    ['small ones, and more', 16, 'a.b', 1],
    ['as many as fit', 140, 'a.b', 9],
    ['the largest', 2, 'x{1000}', 1],
    ['the largest, as many as fit', 4, 'x{1000}', 3],
    ['those that are refused', 400, '(', 7],
    ['those that are too large', 400, '(?:(?:x{20}){20}){20}', 8],
  ])('%s', (_, count, pattern, expected) => {
    const text = claimPatterns(count, pattern)
    const steps = stepsOf(policyCompilation(text === claimPatterns(0, '') ? HEAD : text, 'repository'))
    expect(steps.count).toBe(STEPS_OF_ANY + expected)
  })

  test('wherever they stand', () => {
    const rule =
      '- {issuer_pattern: "x{1000}", subject_pattern: "x{1000}", audience_pattern: "x{900}", claims: {a: {pattern: "x{900}"}}}'
    const text = `permissions: {contents: read}\nrules:\n${rule}\nrepository_patterns: ["x{900}"]\n`
    expect(stepsOf(policyCompilation(text, 'organization')).count).toBe(STEPS_OF_ANY + 4)
  })

  test('so are those of a list of trusted issuers', () => {
    const list = `issuer_patterns: [${Array.from({ length: 16 }, (_, index) => `"https://[a-z]{1,200}[.]${index}"`)}]\n`
    expect(stepsOf(trustedIssuersCompilation(list)).count).toBe(3 + 5)
  })
})

test('it comes to the same, at once and in steps', () => {
  const context: PolicyLintContext = {
    kind: 'repository',
    guardrails: {
      repoPolicyOrgPermissions: 'read',
      maxPermissions: undefined,
      selfWrite: 'allow',
      policySources: 'both',
    },
  }
  for (const text of [
    claimPatterns(60, 'a.b'),
    claimPatterns(3, '('),
    'issuers: [https://a.example]\nissuer_patterns: ["https://[a-z]+[.]example"]\n',
    '',
    '[',
  ]) {
    const shown = (value: unknown) => JSON.parse(JSON.stringify(value))
    expect(shown(stepsOf(policyCompilation(text, 'repository')).result)).toEqual(
      shown(compilePolicy(text, 'repository')),
    )
    expect(shown(stepsOf(trustedIssuersCompilation(text)).result)).toEqual(shown(compileTrustedIssuers(text)))
    expect(shown(stepsOf(policyLinting(text, context)).result)).toEqual(shown(lintPolicy(text, context)))
    expect(shown(stepsOf(trustedIssuersLinting(text)).result)).toEqual(shown(lintTrustedIssuers(text)))
  }
})

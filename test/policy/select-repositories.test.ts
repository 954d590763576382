import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compilePattern } from '../../src/policy/pattern.ts'
import { repositorySelection, selectRepositories } from '../../src/policy/select-repositories.ts'
import type { Matcher } from '../../src/policy/trust-policy.ts'
import { Denial } from '../../src/terms/denial.ts'

function pattern(source: string): Matcher {
  const compiled = compilePattern(source)
  if (!compiled.ok) throw new Error(compiled.fault)
  return compiled.matcher
}

function selected(named: readonly string[], patterns: readonly [string, ...string[]], visible: readonly string[]) {
  const [first, ...others] = patterns
  try {
    return selectRepositories({ named, patterns: [pattern(first), ...others.map(pattern)] }, visible)
  } catch (error) {
    if (error instanceof Denial) return error.reason
    throw error
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `r${index}`)

test.each<readonly [string, readonly string[], readonly [string, ...string[]], readonly string[], unknown]>([
  ['the whole name', [], ['site'], ['site', 'site2', 'mysite'], ['site']],
  ['any of the patterns', [], ['a', 'b|c'], ['a', 'b', 'c', 'd'], ['a', 'b', 'c']],
  ['named ones beside them', ['x'], ['a'], ['a', 'x', 'y'], ['a', 'x']],
  ['named ones alone when no pattern matches', ['x'], ['a'], ['y'], ['x']],
  ['a named one that is not visible stays: GitHub decides', ['x'], ['a'], ['a'], ['a', 'x']],
  ['one repository in two spellings is one', ['SITE'], ['Site'], ['Site'], ['SITE']],
  ['case matters in a pattern', [], ['site'], ['Site'], 'REPOSITORY_PATTERNS_UNMATCHED'],
  ['nothing visible', [], ['.*'], [], 'REPOSITORY_PATTERNS_UNMATCHED'],
  ['500', [], ['r.*'], numbered(500), numbered(500)],
  ['501', [], ['r.*'], numbered(501), 'REPOSITORIES_TOO_MANY'],
  ['500 and a named one', ['x'], ['r.*'], numbered(500), 'REPOSITORIES_TOO_MANY'],
  [
    '500 of which one is named',
    ['R7'],
    ['r.*'],
    numbered(500),
    numbered(500).map((name) => (name === 'r7' ? 'R7' : name)),
  ],
])('%s', (_, named, patterns, visible, expected) => {
  expect(selected(named, patterns, visible)).toEqual(expected)
})

test('whatever is selected was named, or is visible and matches', () => {
  const name = fc.stringMatching(/^[abc]{1,3}$/)
  fc.assert(
    fc.property(fc.array(name), fc.array(name), name, (named, visible, prefix) => {
      const result = selected(named, [`${prefix}.*`], visible)
      const wanted = new Set([...named, ...visible.filter((each) => each.startsWith(prefix))])
      expect(new Set(Array.isArray(result) ? (result as string[]) : [])).toEqual(wanted)
    }),
  )
})

/** Says nothing matches, and counts what it is asked: instructions times characters. */
function counting(size: number) {
  const work = { matches: 0, units: 0 }
  const matches = (value: string) => {
    work.matches += 1
    work.units += size * value.length
    return false
  }
  return { work, matcher: { kind: 'pattern', source: 'counted', size, matches } as const }
}

/** Rows: instructions, patterns, names and their length; what is done at most between two turns, and the outcome. */
test.each<readonly [string, number, number, readonly [number, number], number, string]>([
  ['usual patterns', 20, 3, [10_000, 20], 16_400, 'REPOSITORY_PATTERNS_UNMATCHED'],
  ['as many patterns as a policy has room for', 25, 90, [100, 100], 20_000, 'REPOSITORY_PATTERNS_UNMATCHED'],
  ['the same on all names that are listed', 25, 90, [10_000, 100], 20_000, 'REPOSITORIES_TOO_MANY'],
  ['the largest patterns', 2000, 2, [10_000, 100], 200_000, 'REPOSITORIES_TOO_MANY'],
])('what the patterns do with all names is bounded, and done in steps: %s', (_, size, count, names, units, outcome) => {
  const { work, matcher } = counting(size)
  const [first, ...others] = Array.from({ length: count }, () => matcher)
  if (first === undefined) throw new Error('no pattern')
  const visible = Array.from({ length: names[0] }, () => 'r'.repeat(names[1]))
  const steps = repositorySelection({ named: [], patterns: [first, ...others] }, visible)
  let most = 0
  const run = () => {
    for (let done = false; !done; ) {
      const before = work.units
      done = steps.next().done === true
      most = Math.max(most, work.units - before)
    }
  }
  expect(run).toThrow(expect.objectContaining({ reason: outcome }))
  expect(most).toBe(units)
  expect(work.units).toBeLessThanOrEqual(200_000_000)
})

test.each([
  ['names', true, ['r1', 'r2']],
  ['a refusal', false, 'REPOSITORY_PATTERNS_UNMATCHED'],
])('%s: what comes of a policy and a list is looked for once', (_, matches, expected) => {
  const asked: string[] = []
  const matcher: Matcher = {
    kind: 'pattern',
    source: 'counted',
    size: 1,
    matches: (name) => asked.push(name) > 0 && matches,
  }
  const selection = { named: [], patterns: [matcher] } as const
  const select = (visible: readonly string[]) => {
    try {
      return selectRepositories(selection, visible)
    } catch (error) {
      return error instanceof Denial ? error.reason : error
    }
  }
  const visible = ['r1', 'r2']
  expect([select(visible), select(visible)]).toEqual([expected, expected])
  expect(asked).toEqual(['r1', 'r2'])
  select(['r1', 'r2', 'r3']) // a newer list
  expect(asked).toEqual(['r1', 'r2', 'r1', 'r2', 'r3'])
})

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RE2Set } from 're2js'
import { matchByStates } from '../../src/policy/automaton.ts'

const MEMORY_BYTES = 65_536

function setOf(pattern: string, memory = MEMORY_BYTES): RE2Set {
  const set = new RE2Set(RE2Set.ANCHOR_BOTH, 0, memory)
  set.add(pattern)
  set.compile()
  return set
}

describe('matching by the states that are there', () => {
  test.each<readonly [string, string, boolean]>([
    ['refs/heads/(main|release/[0-9]+)', 'refs/heads/release/12', true],
    ['refs/heads/(main|release/[0-9]+)', 'refs/heads/other', false],
    ['[0-9a-f]{40}', '0123456789abcdef0123456789abcdef01234567', true],
    ['[0-9a-f]{40}', '0123456789abcdef', false],
    ['x?', '', true],
    ['x+', '', false],
    ['(?m)^a$\n^b$', 'a\nb', true],
    ['caf\u00e9s?', 'caf\u00e9', true],
    ['\\bci\\b.*', 'ci-1', true],
    ['a$|b', 'ab', false],
  ])('%j on %j: asks the engine the first time, and never again', (pattern, value, expected) => {
    const set = setOf(pattern)
    expect(matchByStates(set.dfa, value)).toBeUndefined()
    expect(set.match(value).length > 0).toBe(expected)
    expect(matchByStates(set.dfa, value)).toBe(expected)
  })

  test('a value with a character beyond Latin-1 is for the engine', () => {
    const set = setOf('.+')
    expect(set.match('a\u20ac').length).toBe(1)
    expect(matchByStates(set.dfa, 'a\u20ac')).toBeUndefined()
  })

  test('says what the engine says, or nothing, also where the automaton is too small for all its states', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '(?:ab|b)',
      '(?i:A)',
      '\\b',
      '^',
      '$',
      '\\n',
      '\u00e9',
      '/',
    )
    const repeated = fc
      .tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2,3}', '*?'))
      .map(([one, mark]) => `(?:${one})${mark}`)
    const pattern = fc
      .array(fc.oneof(atom, repeated, fc.constant('|')), { maxLength: 8 })
      .map((parts) => parts.join(''))
    const value = fc.string({ unit: fc.constantFrom(...'aabbA/\n\u00e9\u20ac'), maxLength: 12 })
    let said = 0
    fc.assert(
      fc.property(
        pattern,
        fc.constantFrom('', '(?m)', '(?s)'),
        fc.array(value, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(MEMORY_BYTES, 2000),
        (source, flags, values, memory) => {
          const set = setOf(flags + source, memory)
          for (const one of [...values, ...values]) {
            const byStates = matchByStates(set.dfa, one)
            if (byStates === undefined) set.match(one)
            else {
              said += 1
              expect([flags + source, one, byStates]).toEqual([flags + source, one, isWhole(flags + source, one)])
            }
          }
        },
      ),
      { numRuns: 3000 },
    )
    expect(said).toBeGreaterThan(3000)
  })
})

/** By an engine that has seen nothing else. */
function isWhole(pattern: string, value: string): boolean {
  return setOf(pattern).match(value).length > 0
}

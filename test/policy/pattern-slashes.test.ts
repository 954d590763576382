import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compilePattern } from '../../src/policy/pattern.ts'
import { slashFault } from '../../src/policy/pattern-slashes.ts'

const mayMatch = (what: string) => `has "${what}", which may match "/": leave "/" out of it`
const DOT = 'has ".", which may match "/": write \\. for a dot, or [a-z0-9-] for a part of a name'
const repeated = (operator: string) => `has a "/" under the repetition "${operator}"`
const ALTERNATION = 'has a "/" inside an alternation'

describe('every "/" stands fixed', () => {
  test.each([
    'https://[a-z0-9-]+\\.example\\.com',
    'https://[^/]+\\.example\\.com/[^/]*/x',
    '^https://(a|b)\\.example\\.com$',
    '(?i)(?s)(?m)https://a',
    '(?i:https)(://)(?P<host>[a-z]+)(/)(?<rest>\\d{1,3})',
    '\\x2f\\x{2F}\\x{00002f}\\057\\57\\/',
    '\\Qhttps://a.b/c\\E[0-9]+',
    '[/][//][/-/][\\x2f][\\/]',
    '((a)(/))b?',
    'a(?i)*b\\Q\\E+/c',
    '(?:)/()',
    '\\d\\w\\s\\pL\\p{Lu}\\pN\\P{^Mn}',
    '[^\\D][^\\W][^\\S][^/][^!-/][^[:punct:]][^\\PL]',
    '[[:alpha:]][[:^punct:]][[:digit:][:space:]]',
    '[\\d\\pL_.-]+/[]^-]+',
    '\\b\\B\\A^$\\z/',
    '(/)^+',
    '[\\t-.]+',
    'a{2',
    'a{01}/',
    'x{,2}/',
  ])('%s', (pattern) => {
    expect(compilePattern(pattern).ok).toBe(true)
    expect(slashFault(pattern)).toBeUndefined()
  })
})

describe('a "/" that may be there or not', () => {
  test.each<readonly [string, string]>([
    ['.', DOT],
    ['https://token.actions\\.example', DOT],
    ['(?s).', DOT],
    ['https://.*', DOT],
    ['((a.)?)', DOT],
    ['[^a]', mayMatch('[^a]')],
    ['[^\\d]', mayMatch('[^\\d]')],
    ['[+-9]', mayMatch('[+-9]')],
    ['[--0]', mayMatch('[--0]')],
    ['[]/]', mayMatch('[]/]')],
    ['[/a]', mayMatch('[/a]')],
    ['[\\x2e-\\x30]', mayMatch('[\\x2e-\\x30]')],
    ['[\\056-\\060]', mayMatch('[\\056-\\060]')],
    ['[\\t-a]', mayMatch('[\\t-a]')],
    ['\\S', mayMatch('\\S')],
    ['\\W', mayMatch('\\W')],
    ['\\D', mayMatch('\\D')],
    ['\\PL', mayMatch('\\PL')],
    ['\\p{^L}', mayMatch('\\p{^L}')],
    ['\\pP', mayMatch('\\pP')],
    ['\\p{Any}', mayMatch('\\p{Any}')],
    ['[a\\S]', mayMatch('[a\\S]')],
    ['[[:^alpha:]]', mayMatch('[[:^alpha:]]')],
    ['[[:punct:]]', mayMatch('[[:punct:]]')],
    ['[[:graph:]]', mayMatch('[[:graph:]]')],
    ['[^[:alpha:]]', mayMatch('[^[:alpha:]]')],
    ['\\p{Greek}', mayMatch('\\p{Greek}')], // it can't: but more of Unicode is not known here, and issuers are ASCII
    ['/+', repeated('+')],
    ['/?', repeated('?')],
    ['/*?', repeated('*?')],
    ['/{1}', repeated('{1}')],
    ['/{2,}', repeated('{2,}')],
    ['[/]+', repeated('+')],
    ['(?:a/){1}', repeated('{1}')],
    ['(a(b(/)))?', repeated('?')],
    ['\\x2f*', repeated('*')],
    ['\\Qa/\\E+', repeated('+')],
    ['a/(?i)*', repeated('*')],
    ['/\\Q\\E*', repeated('*')],
    ['(a/b|c)', ALTERNATION],
    ['a/b|a/c', ALTERNATION],
    ['a|/', ALTERNATION],
    ['|/', ALTERNATION],
    ['(?:/|/)', ALTERNATION],
    ['(?=/)', 'has a syntax that can not be checked for slashes: write it more plainly'],
    ['(?#/)', 'has a syntax that can not be checked for slashes: write it more plainly'],
    ['a)', 'has a syntax that can not be checked for slashes: write it more plainly'],
    ['[a', 'has a syntax that can not be checked for slashes: write it more plainly'],
    ['[[:a:]]', 'has a syntax that can not be checked for slashes: write it more plainly'],
    ['\\y', 'has a syntax that can not be checked for slashes: write it more plainly'],
    ['*', 'has a syntax that can not be checked for slashes: write it more plainly'],
  ])('%s', (pattern, fault) => {
    expect(String(slashFault(pattern))).toBe(fault)
  })
})

describe('held against the engine', () => {
  /** All texts of up to five characters that can show a difference. */
  const TEXTS = ['']
  for (let next = 0; (TEXTS[next]?.length ?? 5) < 5; next += 1)
    TEXTS.push(...['/', 'a', '.'].map((c) => TEXTS[next] + c))

  const part = fc.constantFrom(
    ...[
      'a',
      '.',
      '/',
      '\\.',
      '\\/',
      '\\x2f',
      '\\x{2F}',
      '\\057',
      '\\57',
      '[',
      '[^',
      ']',
      '[/]',
      '[^/]',
      '[^a]',
      '[a-z/]',
    ],
    ...['[.-/]', '[--0]', '(', ')', '(?:', '(?i)', '(?i:', '(?P<n>', '(?s)', '(?U)', '(?-s)', '|', '*', '+', '?'],
    ...[
      '{1}',
      '{0,2}',
      '{2',
      '{01}',
      '}',
      '\\Q',
      '\\E',
      '\\d',
      '\\D',
      '\\S',
      '\\W',
      '\\pL',
      '\\PL',
      '\\p{P}',
      '\\p{^L}',
    ],
    ...[
      '[[:^alpha:]]',
      '[[:alpha:]]',
      '[[:punct:]]',
      '[:',
      ':]',
      '-',
      '^',
      '$',
      '\\b',
      '\\A',
      '\\z',
      '\\t',
      '\\0',
      '\\-',
    ],
  )
  const pattern = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''))

  test('what is accepted matches no two texts with a different number of slashes', () => {
    let [accepted, matching] = [0, 0]
    fc.assert(
      fc.property(pattern, (source) => {
        const compiled = compilePattern(source)
        if (!compiled.ok || slashFault(source) !== undefined) return
        const counts = new Set(
          TEXTS.filter((text) => compiled.matcher.matches(text)).map((text) => text.split('/').length - 1),
        )
        accepted += 1
        matching += counts.size
        expect(counts.size).toBeLessThanOrEqual(1)
      }),
      { numRuns: 5000 },
    )
    // Else the property would hold of nothing.
    expect(accepted).toBeGreaterThan(500)
    expect(matching).toBeGreaterThan(200)
  })

  test('what the engine compiles is understood', () => {
    fc.assert(
      fc.property(pattern, (source) => {
        if (compilePattern(source).ok) expect(slashFault(source) ?? '').not.toMatch(/^has a syntax/)
      }),
      { numRuns: 5000 },
    )
  })
})

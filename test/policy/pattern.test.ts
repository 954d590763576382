import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compilePattern, literalOf } from '../../src/policy/pattern.ts'

function matches(pattern: string, value: string): boolean | string {
  const compiled = compilePattern(pattern)
  return compiled.ok ? compiled.matcher.matches(value) : compiled.fault
}

describe('a pattern matches the whole value', () => {
  test.each<readonly [string, string, boolean]>([
    ['a', 'a', true],
    ['a', 'xa', false],
    ['a', 'ax', false],
    ['a', 'a\n', false],
    ['^a$', 'a', true],
    ['^a$', 'a\n', false],
    ['a|b', 'b', true],
    ['a|b', 'bx', false],
    ['a|b', 'xa', false],
    ['a|ab', 'ab', true],
    ['a*?', 'aaa', true],
    ['a??b', 'ab', true],
    ['^a|b$', 'ax', false],
    ['^a|b$', 'xb', false],
    ['(?m)^a$', 'a\nb', false],
    ['(?m)^b$', 'a\nb', false],
    ['(?m)a$', 'a\n', false],
    ['(?m)^a$\n^b$', 'a\nb', true],
    ['(?s).*', 'a\nb', true],
    ['.*', 'a\nb', false],
    ['', '', true],
    ['', 'a', false],
    ['(?:)', '', true],
    ['a$|b', 'b', true],
    ['.', '😀', true],
    ['[^a]', '😀', true],
  ])('%j on %j', (pattern, value, expected) => {
    expect(matches(pattern, value)).toBe(expected)
  })
})

describe("RE2's syntax", () => {
  test.each<readonly [string, string, boolean]>([
    ['\\Qa.b\\E', 'a.b', true],
    ['\\Qa.b\\E', 'axb', false],
    ['\\Qa|b', 'a|b', true],
    ['(?P<n>a)', 'a', true],
    ['(?<n>a)', 'a', true],
    ['a\\z', 'a', true],
    ['\\Aa', 'a', true],
    ['(?i)ab', 'AB', true],
    ['(?i:a)b', 'AB', false],
    ['(?i)k', '\u212a', true],
    ['(?U)a+', 'aaa', true],
    ['(?-s).', '\n', false],
    ['\\pN', '٣', true],
    ['\\d', '٣', false],
    ['\\w', 'é', false],
    ['\\p{Greek}', 'α', true],
    ['\\P{Greek}', 'α', false],
    ['\\p{^Greek}', 'a', true],
    ['[[:alpha:]]', 'a', true],
    ['[[:^alpha:]]', 'a', false],
    ['[]a]', ']', true],
    ['[\\pL&&a]', '&', true],
    ['a{,2}', 'a{,2}', true],
    ['a{2', 'a{2', true],
    ['\\x{1F600}', '😀', true],
    ['\\x{2603}', '\u2603', true],
    ['\\pL{300}', 'é'.repeat(300), true],
    ['\\07', '\u0007', true],
    ['\\-\\/\\_\\ ', '-/_ ', true],
    ['x{1000}', 'x'.repeat(1000), true],
    ['x{0}', '', true],
  ])('%j on %j', (pattern, value, expected) => {
    expect(matches(pattern, value)).toBe(expected)
  })

  const invalid = (what: string, where: string) => `is not a valid RE2 pattern: ${what} at "${where}"`
  const PERL = 'invalid or unsupported Perl syntax'
  const ESCAPE = 'invalid escape sequence'
  test.each<readonly [string, string]>([
    ['a)|(?:b', invalid('unexpected )', 'a)|(?:b')],
    ['a)', invalid('unexpected )', 'a)')],
    ['(a', invalid('missing closing )', '(a')],
    ['[a', invalid('missing closing ]', '[a')],
    ['[]', invalid('missing closing ]', '[]')],
    ['a\\', 'is not a valid RE2 pattern: trailing backslash at end of expression'],
    ['(?=a)', invalid(PERL, '(?=')],
    ['(?!a)', invalid(PERL, '(?!')],
    ['(?<=a)b', invalid('invalid named capture', '(?<=a)b')],
    ['(?<!a)b', invalid('invalid named capture', '(?<!a)b')],
    ['(?>a)', invalid(PERL, '(?>')],
    ['(?#a)', invalid(PERL, '(?#')],
    ['(?x)a', invalid(PERL, '(?x')],
    ['(a)\\1', invalid(ESCAPE, '\\1')],
    ['\\k<n>', invalid(ESCAPE, '\\k')],
    ['a\\Z', invalid(ESCAPE, '\\Z')],
    ['\\u0041', invalid(ESCAPE, '\\u')],
    ['\\C', invalid(ESCAPE, '\\C')],
    ['a**', invalid('invalid nested repetition operator', '**')],
    ['a++', invalid('invalid nested repetition operator', '++')],
    ['*a', invalid('missing argument to repetition operator', '*')],
    ['a{1001}', invalid('invalid repeat count', '{1001}')],
    ['(a{40}){40}', invalid('invalid repeat count', '{40}')],
    ['a{2,1}', invalid('invalid repeat count', '{2,1}')],
    ['[z-a]', invalid('invalid character class range', 'z-a')],
    ['\\p{Nope}', invalid('invalid character class range', '\\p{Nope}')],
    ['(?P<n>a)(?P<n>b)', invalid('duplicate capture group name', 'n')],
    [`${'('.repeat(1001)}${')'.repeat(1001)}`, 'is too large once its repetitions are written out'],
    ['x'.repeat(4097), 'is longer than 4096 characters'],
    ['(?:a?){1900}', 'is too large once its repetitions are written out'],
    ['\\pL{500}', 'is too large once its repetitions are written out'],
    ['\\p{Greek}{500}', 'is too large once its repetitions are written out'],
    ['\\pL{1000}'.repeat(450), 'is too large once its repetitions are written out'],
    ['(?:(?:x?){30}){30}'.repeat(200), 'is too large once its repetitions are written out'],
    ['\\Q)\\E(a{900}\\Q)\\E){1}b{900}[)]c{900}', 'is too large once its repetitions are written out'],
  ])('refuses %.60j', (pattern, fault) => {
    expect(matches(pattern, '')).toBe(fault)
  })

  test('a fault shows no unprintable character of the pattern', () => {
    expect(matches('(\u202e\u0000', '')).toBe('is not a valid RE2 pattern: missing closing ) at "(\\u202e\\u0000"')
  })
})

describe('properties', () => {
  // No metacharacter, so that what it means is known without an engine.
  const word = fc.string({ unit: fc.constantFrom(...'abc/:-_@ é😀\n') })
  const escaped = (text: string) => text.replaceAll(/[\\.+*?()|[\]{}^$]/g, '\\$&')

  test('a text whose metacharacters are escaped matches itself alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (text, other) => {
        expect(matches(escaped(text), text)).toBe(true)
        expect(matches(escaped(text), other)).toBe(other === text)
        expect(matches(`(?:${escaped(text)})`, text)).toBe(true)
      }),
    )
  })

  test('an alternation matches its alternatives alone, however it is anchored', () => {
    fc.assert(
      fc.property(word, word, word, fc.constantFrom('', '^', '(?m)^', '(?s)'), (a, b, value, start) => {
        const expected = value === a || value === b
        expect(matches(`${start}${a}|${b}`, value)).toBe(expected)
        expect(matches(`${start}(?:${a}|${b})$`, value)).toBe(expected)
      }),
    )
  })

  test('a prefix and anything', () => {
    fc.assert(
      fc.property(word, word, (prefix, value) => {
        expect(matches(`${prefix}(?s:.)*`, value)).toBe(value.startsWith(prefix))
        expect(matches(`${prefix}.*`, value)).toBe(
          value.startsWith(prefix) && !value.slice(prefix.length).includes('\n'),
        )
      }),
    )
  })

  test('the literal short cut means what the engine means', () => {
    const piece = fc.constantFrom('a', 'b', '/', ':', '\\.', '\\-', '\\\\', '\\$', '\\^', '\\/', '\\_', ' ', '@', '-')
    const pattern = fc
      .tuple(fc.constantFrom('', '^'), fc.array(piece), fc.constantFrom('', '$'))
      .map(([start, body, end]) => start + body.join('') + end)
    fc.assert(
      fc.property(pattern, fc.string({ unit: fc.constantFrom(...'ab/:.-\\$^_ @') }), (source, value) => {
        const literal = literalOf(source)
        expect(literal).toBeDefined()
        expect(matches(`(?:${source})`, literal ?? '')).toBe(true)
        expect(matches(`(?:${source})`, value)).toBe(value === literal)
        expect(matches(source, value)).toBe(value === literal)
      }),
    )
  })

  test('whatever the pattern and the value, the answer is a verdict or a fault', () => {
    const unit = fc.constantFrom(...'aA1.^$|()[]{}*+?\\-,:<>=!PQEpsdwbzimsU&&#x0é😀\n\ud800'.split(''))
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), fc.string({ unit, maxLength: 20 }), (pattern, value) => {
        expect(['boolean', 'string']).toContain(typeof matches(pattern, value))
      }),
      { numRuns: 2000 },
    )
  })
})

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { codePoints, escapeUnprintable, isPrintable, quote } from '../../src/terms/text.ts'

describe('quote', () => {
  test.each<readonly [string, string]>([
    ['a b', '"a b"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['a\nb\r\0', '"a\\nb\\r\\u0000"'],
    ['\u001b[31m', '"\\u001b[31m"'],
    ['\u202e\u200b\u2028\u00ad', '"\\u202e\\u200b\\u2028\\u00ad"'],
    ['\u{e0001}', '"\\u{e0001}"'],
    ['\ud800', '"\\ud800"'],
    ['é😀', '"é😀"'],
    ['a'.repeat(255), `"${'a'.repeat(255)}"`],
    ['a'.repeat(256), `"${'a'.repeat(255)}…"`],
    ['😀'.repeat(255), `"${'😀'.repeat(255)}"`],
    ['😀'.repeat(256), `"${'😀'.repeat(255)}…"`],
  ])('%#', (text, quoted) => {
    expect(quote(text)).toBe(quoted)
  })

  test('is one printable line, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => isPrintable(quote(text)) && isPrintable(escapeUnprintable(text)),
      ),
    )
  })
})

test.each<readonly [string, number]>([
  ['', 0],
  ['abc', 3],
  ['é', 1],
  ['😀😀', 2],
  ['\ud83d', 1],
  ['\ude00\ud83d', 2],
])('%j has %d code points', (text, count) => {
  expect(codePoints(text)).toBe(count)
  expect([...text]).toHaveLength(count)
})

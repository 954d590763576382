import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { codePoints, escapeUnprintable, isLongerThan, isPrintable, quote } from '../../src/terms/text.ts'

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

/** Rows: units of the text, all of one; how many of them are looked at to know whether it has more than 255 characters. */
test.each<readonly [number, number, boolean, number]>([
  [255, 0x61, false, 0],
  [256, 0x61, true, 256],
  [510, 0x61, true, 510],
  [511, 0x61, true, 0],
  [4_194_304, 0x61, true, 0],
])('of a text of %d units', (length, unit, expected, looks) => {
  let looked = 0
  const text = {
    length,
    charCodeAt() {
      looked += 1
      return unit
    },
  }
  expect([isLongerThan(text as unknown as string, 255), looked]).toEqual([expected, looks])
})

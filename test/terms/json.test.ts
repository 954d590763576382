import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseJsonStrictly, withLargeNumbersAsText } from '../../src/terms/json.ts'

describe('JSON without repeated members', () => {
  test.each([
    '{"sub":"a","sub":"b"}',
    '{"sub":"a","\\u0073ub":"b"}',
    '{"a":{"b":1,"b":2}}',
    '[{"x":[],"x":{}}]',
    '{"a":"\\"","a" \t\n: 1}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":"{","a":"}"}',
    '{"a":{"b":[{"c":1}],"d":2},"a":3}',
    '{"a":":","b":"\\\\","b":"\\\\\\":"}',
    '{"1":0,"1":0}',
    '{"":0,"":0}',
  ])('refuses %s', (text) => {
    expect(() => parseJsonStrictly(text)).toThrow(/occurs twice in one object/)
  })

  test.each([
    '{"sub":"a","Sub":"b"}',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":2}]',
    '{"a":"a","b":"a"}',
    '["a","a"]',
    '{"a":["b","b"],"b":"a\\":"}',
    '{"toString":1,"constructor":2,"__proto__":{"__proto__":3}}',
    '{"a:":"::","b\\\\":"\\\\\\":","c\\"":[":",{}],"":{"":[]}}',
    '[[],{},[{"2":1,"1":2}]]',
    '"a"',
    'null',
  ])('reads %s', (text) => {
    expect(parseJsonStrictly(text)).toEqual(JSON.parse(text))
  })

  test.each(['', '{', '{"a":1,}', "{'a':1}", 'NaN', '\uFEFF{}', '{"a":1}x'])('is no JSON: %j', (text) => {
    expect(() => parseJsonStrictly(text)).toThrow(SyntaxError)
  })

  test.each(['[', '{"a":'])('nesting of 64 is read, of 65 is refused: %s', (open) => {
    const nested = (depth: number) => `${open.repeat(depth)}1${(open === '[' ? ']' : '}').repeat(depth)}`
    expect(parseJsonStrictly(nested(64))).toEqual(JSON.parse(nested(64)))
    expect(() => parseJsonStrictly(nested(65))).toThrow('nested deeper than 64')
    expect(() => parseJsonStrictly(nested(6000))).toThrow('nested deeper than 64')
  })

  test('agrees with JSON.parse on whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(parseJsonStrictly(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  test('a member that is put in twice is found, wherever it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), fc.jsonValue(), fc.nat(3), (name, first, second, depth) => {
        const key = JSON.stringify(name)
        const object = `{${key}:${JSON.stringify(first)}, ${key} :${JSON.stringify(second)}}`
        expect(() => parseJsonStrictly('[{"x":'.repeat(depth) + object + '}]'.repeat(depth))).toThrow(
          `member ${key} occurs twice`,
        )
      }),
    )
  })
})

test('a text without large numbers has no other reading', () => {
  const text = '{"a":1,"b":[1.5,-0,1e3,9007199254740991],"c":"12345678901234567890"}'
  expect(withLargeNumbersAsText(text, JSON.parse(text))).toBeUndefined()
})

test.each([
  ['{"a":12345678901234567890}', '{"a":"12345678901234567890"}'],
  ['{"a":[-9007199254740992, 9007199254740991]}', '{"a":["-9007199254740992", 9007199254740991]}'],
  ['{"a":1E+400,"b":{"c":1.5e300}}', '{"a":"1E+400","b":{"c":"1.5e300"}}'],
  [
    '{"12345678901234567890":12345678901234567890,"\\\\":1}',
    '{"12345678901234567890":"12345678901234567890","\\\\":1}',
  ],
  ['{"x\\"1e999":"\\\\","y":1e999}', '{"x\\"1e999":"\\\\","y":"1e999"}'],
])('large numbers of %s as text', (text, expected) => {
  expect(withLargeNumbersAsText(text, JSON.parse(text))).toEqual(JSON.parse(expected))
})

test('large numbers as text: nothing else changes', () => {
  const value = fc.dictionary(fc.string(), fc.array(fc.oneof(fc.string(), fc.integer(), fc.boolean())))
  fc.assert(
    fc.property(value, fc.bigInt({ min: 2n ** 53n }), (small, large) => {
      const text = JSON.stringify(small)
      const parsed: unknown = JSON.parse(text)
      expect(withLargeNumbersAsText(text, parsed)).toBeUndefined()
      expect(withLargeNumbersAsText(`[${text}, ${large}]`, [parsed, Number(large)])).toEqual([parsed, String(large)])
    }),
  )
})

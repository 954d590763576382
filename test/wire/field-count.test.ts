import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { hasMoreFields } from '../../src/wire/field-count.ts'
import { loadProtos } from '../../src/wire/protos.ts'

const bytes = (hexadecimal: string) => Buffer.from(hexadecimal, 'hex')

/** Rows: the message, and how many fields it has; undefined: it is none, whatever the limit. */
test.each<readonly [string, string, number | undefined]>([
  ['nothing', '', 0],
  ['a text', '120161', 1],
  ['two empty texts', '2a002a00', 2],
  ['a number', '089601', 1],
  ['a number of ten bytes', '08ffffffffffffffffff01', 1],
  ['32 and 64 bits', '0d00000000090000000000000000', 2],
  ['a group, and what is in it', '0b08010c', 3],
  ['an unknown field of a high number', 'f2ffffff0f00', 1],
  ['a text whose end is missing', '120561', 1],
  ['a length whose end is missing', '1280', undefined],
  ['a number that does not end', '08ffffffffffffffffffff', undefined],
  ['a wire type that there is not', '0e', undefined],
])('%s', (_, message, fields) => {
  if (fields !== undefined && fields > 0) expect(hasMoreFields(bytes(message), fields - 1)).toBe(true)
  expect(hasMoreFields(bytes(message), fields ?? 1)).toBe(false)
})

test('each value of a request counts', () => {
  const { requestSerialize } = loadProtos().securityTokenService.Exchange
  const text = fc.string({ minLength: 1 })
  fc.assert(
    fc.property(text, fc.array(text), fc.array(text), (identity, cap, scopes) => {
      const message = requestSerialize({ identity, cap, scopes })
      const count = 1 + cap.length + scopes.length
      expect([hasMoreFields(message, count), hasMoreFields(message, count - 1)]).toEqual([false, true])
    }),
  )
})

test('whatever the bytes, there is an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(5), (message, most) => typeof hasMoreFields(message, most) === 'boolean'),
  )
})

test('no more of the message is looked at than it takes', () => {
  let looks = 0
  const message = new Proxy(Buffer.alloc(4_194_304), {
    get(target, name) {
      looks += 1
      return Reflect.get(target, name)
    },
  })
  expect(hasMoreFields(message, 1000)).toBe(true)
  expect(looks).toBeLessThan(10_000)
})

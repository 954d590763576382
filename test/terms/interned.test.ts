import { expect, test } from '@jest/globals'

import { createInterned } from '../../src/terms/interned.ts'

const made = () => {
  let count = 0
  const interned = createInterned((text) => ({ text, serial: ++count }))
  return { interned, count: () => count }
}

test('what has the same text is the same object', () => {
  const { interned, count } = made()
  expect(interned('a')).toEqual({ text: 'a', serial: 1 })
  expect(interned('a')).toBe(interned('a'))
  expect(interned('b')).toEqual({ text: 'b', serial: 2 })
  expect(count()).toBe(2)
})

test('what is asked for again and again stays, whatever comes between; what is not is forgotten', () => {
  const { interned, count } = made()
  const often = interned('often')
  const once = interned('once')
  for (let index = 0; index < 3000; index += 1) {
    interned(`other ${index}`)
    if (index % 100 === 0) expect(interned('often')).toBe(often)
  }
  expect(count()).toBe(3002)
  expect(interned('often')).toBe(often)
  expect(interned('once')).not.toBe(once)
})

test('a long text is made each time, so that what is kept has a bound', () => {
  const { interned } = made()
  expect(interned('a'.repeat(4096))).toBe(interned('a'.repeat(4096)))
  expect(interned('a'.repeat(4097))).not.toBe(interned('a'.repeat(4097)))
})

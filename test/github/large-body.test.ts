import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BLOCK_BYTES, LargeBody, Shelf } from '../../src/github/large-body.ts'

const text = (body: LargeBody) => Buffer.concat(body.chunks()).toString('latin1')

test('a body is what its chunks were, wherever blocks end', () => {
  const sizes = fc.array(fc.oneof(fc.nat(100), fc.integer({ min: BLOCK_BYTES - 2, max: 2 * BLOCK_BYTES + 2 })), {
    maxLength: 6,
  })
  const shelf = new Shelf(3 * BLOCK_BYTES)
  fc.assert(
    fc.property(sizes, (lengths) => {
      const body = new LargeBody(shelf)
      const chunks = lengths.map((length, index) => Buffer.alloc(length, 97 + index))
      for (const chunk of chunks) {
        body.add(chunk)
        chunk.fill(0) // it is kept as a copy
      }
      const expected = lengths.map((length, index) => String.fromCharCode(97 + index).repeat(length)).join('')
      expect(text(body)).toBe(expected)
      body.free()
      expect(body.chunks()).toEqual([])
    }),
    { numRuns: 50 },
  )
})

test('blocks of one body are used for the next, and no more are kept than were asked for', () => {
  const shelf = new Shelf(2 * BLOCK_BYTES)
  const fill = (blocks: number) => {
    const body = new LargeBody(shelf)
    body.add(Buffer.alloc(blocks * BLOCK_BYTES))
    return { memory: new Set(body.chunks().map(({ buffer }) => buffer)), body }
  }
  const first = fill(3)
  first.body.free()
  const second = fill(3)
  expect([...second.memory].filter((one) => first.memory.has(one))).toHaveLength(2)
})

test('two bodies at a time have blocks of their own', () => {
  const shelf = new Shelf(2 * BLOCK_BYTES)
  const [one, other] = [new LargeBody(shelf), new LargeBody(shelf)]
  one.add(Buffer.from('one'))
  other.add(Buffer.from('other'))
  one.add(Buffer.from(' more'))
  expect([text(one), text(other)]).toEqual(['one more', 'other'])
})

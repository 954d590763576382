import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { framed, MessageReader } from '../../src/wire/grpc-message.ts'

const LIMIT = 1_000

function takeAll(chunks: readonly Buffer[]): { readonly message: Buffer | undefined; readonly faults: unknown[] } {
  const reader = new MessageReader(LIMIT)
  const faults: unknown[] = []
  for (const chunk of chunks) {
    const fault = reader.take(chunk)
    if (fault === undefined) continue
    faults.push(fault)
    break
  }
  return { message: reader.message, faults }
}

/** `bytes` in pieces, cut at places that need be neither in order nor different. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((left, right) => left - right)
  return places.map((place, index) => bytes.subarray(index === 0 ? 0 : places[index - 1], place))
}

describe('the message of a unary call', () => {
  test('is the same in whatever pieces it comes, and what is less than a second one is ignored', () => {
    const parts = fc.record({
      message: fc.uint8Array({ maxLength: LIMIT }),
      flag: fc.nat({ max: 255 }),
      rest: fc.uint8Array({ maxLength: 4 }),
      cuts: fc.array(fc.nat(), { maxLength: 20 }),
    })
    fc.assert(
      fc.property(parts, ({ message, flag, rest, cuts }) => {
        const frame = framed(message)
        frame[0] = flag
        const taken = takeAll(pieces(Buffer.concat([frame, rest]), cuts))
        expect(taken).toEqual({ message: Buffer.from(message), faults: [] })
      }),
    )
  })

  test.each([
    ['nothing', [], undefined, []],
    ['half a prefix', ['0000'], undefined, []],
    ['half a message', ['000000000261'], undefined, []],
    ['one at the limit of its length', ['00000003e8'], undefined, []],
    ['one over the limit', ['00000003e9'], undefined, ['large']],
    ['one over the limit that a byte-wise sum would miss', ['00ff000001'], undefined, ['large']],
    ['two', ['0000000000', '0000000000'], '', ['second']],
    ['two in one chunk', ['00000000016100000000016200'], 'a', ['second']],
    ['one and a half', ['000000000161000000000262'], 'a', []],
    ['one, and one over the limit', ['000000000161', '00ffffffff'], 'a', ['large']],
  ])('%s', (_name, chunks, message, faults) => {
    const taken = takeAll(chunks.map((chunk) => Buffer.from(chunk, 'hex')))
    expect([taken.message?.toString(), taken.faults]).toEqual([message, faults])
  })
})

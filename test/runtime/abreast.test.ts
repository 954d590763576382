import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { abreast, gathered } from '../../src/runtime/abreast.ts'
import { settlement } from '../../src/runtime/settlement.ts'

test('who comes at the same time takes each step together with the others', async () => {
  const steps: string[] = []
  const work = abreast(async (name: string) => {
    steps.push(`${name} 1`)
    await undefined
    steps.push(`${name} 2`)
    return name.toUpperCase()
  })

  const both = Promise.all([work('a'), work('b')])

  expect(steps).toEqual([])
  expect(await both).toEqual(['A', 'B'])
  expect(steps).toEqual(['a 1', 'b 1', 'a 2', 'b 2'])
})

test('a crowd goes on 64 at a time, and the loop turns between', async () => {
  let begun = 0
  const all = Promise.all(Array.from({ length: 130 }, () => gathered().then(() => (begun += 1))))
  const seen: number[] = []
  while (begun < 130) {
    await setImmediate()
    seen.push(begun)
  }
  await all

  expect(seen).toEqual([64, 128, 130])
})

test('heavy work goes on with less beside it', async () => {
  const begun: string[] = []
  const go = (name: string, weight: number) => gathered(weight).then(() => begun.push(name))
  const all = Promise.all([go('a', 40), go('b', 40), go('c', 500), go('d', 1), go('e', 1)])
  const seen: string[] = []
  while (begun.length < 5) {
    await setImmediate()
    seen.push(begun.join(''))
  }
  await all

  expect(seen).toEqual(['ab', 'abc', 'abcde'])
})

describe('while many calls are under way', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
  })
  afterEach(async () => {
    await finish()
    jest.useRealTimers()
  })

  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn += 1) await setImmediate()
  }

  let finish = async () => {}
  /** Go on once `finish` is called. */
  const callsUnderWay = async (count: number) => {
    const end = settlement<void>()
    let begun = 0
    const call = abreast(async () => {
      begun += 1
      await end.promise
    })
    const all = Promise.all(Array.from({ length: count }, () => call()))
    await turns(3)
    expect(begun).toBe(count)
    finish = async () => {
      end.resolve()
      await all
    }
  }

  test('others are waited for, until they are enough', async () => {
    await callsUnderWay(16)
    let begun = 0
    const come = () => void gathered().then(() => (begun += 1))

    come()
    await turns(3)
    expect(begun).toBe(0)
    for (let count = 1; count < 32; count += 1) come()
    await turns(3)
    expect(begun).toBe(32)
  })

  test('who comes alone goes on after 4 ms', async () => {
    await callsUnderWay(16)
    let begun = 0
    void gathered().then(() => (begun += 1))
    await turns(3)
    expect(begun).toBe(0)
    jest.advanceTimersByTime(4)
    await turns(1)
    expect(begun).toBe(1)
  })

  test('of fewer than 16 nobody waits', async () => {
    await callsUnderWay(15)
    let begun = 0
    void gathered().then(() => (begun += 1))
    await turns(3)
    expect(begun).toBe(1)
  })
})

test('what work throws is thrown to its caller alone', async () => {
  const work = abreast(async (number: number) => {
    if (number === 1) throw new Error('no')
    return number
  })

  expect(await Promise.allSettled([work(1), work(2)])).toMatchObject([
    { status: 'rejected', reason: { message: 'no' } },
    { status: 'fulfilled', value: 2 },
  ])
})

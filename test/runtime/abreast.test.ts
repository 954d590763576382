import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { abreast, gathered } from '../../src/runtime/abreast.ts'

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

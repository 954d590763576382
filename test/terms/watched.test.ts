import { expect, test } from '@jest/globals'
import { watched } from '../../src/terms/watched.ts'

function watch() {
  const told: string[] = []
  const ended = () => void told.push('ended')
  const failed = (error: unknown) => void told.push(`failed: ${String(error)}`)
  return { told, ended, failed }
}

test('work that waits for nothing has ended when its result is there', () => {
  const seen = watch()
  expect([watched(() => 42, seen), seen.told]).toEqual([42, ['ended']])
})

test('what it throws is told, and thrown', () => {
  const seen = watch()
  expect(() =>
    watched(() => {
      throw 'no'
    }, seen),
  ).toThrow('no')
  expect(seen.told).toEqual(['failed: no'])
})

test('a promise is handed on itself, and told of before whoever waits for it', async () => {
  const seen = watch()
  const work = Promise.resolve(42)
  const result = watched(() => work, seen)
  expect(result).toBe(work)
  expect(seen.told).toEqual([])
  result.then((value) => seen.told.push(`heard: ${value}`))
  await result
  expect(seen.told).toEqual(['ended', 'heard: 42'])
})

test('so is one that rejects', async () => {
  const seen = watch()
  await expect(watched(() => Promise.reject('no'), seen)).rejects.toBe('no')
  expect(seen.told).toEqual(['failed: no'])
})

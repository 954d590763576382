import { expect, test } from '@jest/globals'
import { durationMs } from '../../src/terms/duration.ts'

test.each<readonly [string, number | undefined]>([
  ['8h', 28_800_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['300ms', 300],
  ['0s', 0],
  ['1us', 0.001],
  ['8', undefined],
  ['0', undefined],
  ['-8h', undefined],
  ['8 h', undefined],
  ['8H', undefined],
  ['1d', undefined],
  ['.5h', undefined],
  ['', undefined],
])('%j is %p ms', (text, expected) => {
  expect(durationMs(text)).toBe(expected)
})

import { execFileSync } from 'node:child_process'
import { expect, test } from '@jest/globals'

const SMALL_HEAP = new URL('../../src/runtime/small-heap.js', import.meta.url).href

/** Much survives for a while, and what ends is old: both generations grow as far as they may. Tells their sizes in MB. */
const PROGRAM = `
import { getHeapSpaceStatistics } from 'node:v8'
if (process.argv[1] === 'small') (await import(${JSON.stringify(SMALL_HEAP)})).keepHeapSmall()
const kept = []
let most = 0
for (let turn = 0; turn < 500; turn += 1) {
  for (let n = 0; n < 4_000; n += 1) kept[(turn * 4_000 + n) % 100_000] = { turn, n, text: [turn, n] }
  await new Promise(setImmediate)
  const sizes = Object.fromEntries(getHeapSpaceStatistics().map((space) => [space.space_name, space]))
  if (turn > 250) most = Math.max(most, sizes.old_space.space_size) // what is kept stays the same from then on
  var young = sizes.new_space.space_used_size + sizes.new_space.space_available_size
}
console.log(JSON.stringify({ young: young / 1024 ** 2, old: most / 1024 ** 2 }))
`

function sizes(...args: string[]): { young: number; old: number } {
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM, ...args], { encoding: 'utf8' })
  return JSON.parse(output)
}

test('both generations stay smaller than V8 would have them', () => {
  const [usual, small] = [sizes(), sizes('small')]
  expect(usual.young).toBeGreaterThan(12)
  expect(small.young).toBeGreaterThan(2) // it may grow
  expect(small.young).toBeLessThanOrEqual(8)
  expect(small.old).toBeLessThan(64) // V8 by itself lets it grow to 70 or 80, but for once in a while
})

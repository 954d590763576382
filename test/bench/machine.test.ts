import { expect, test } from '@jest/globals'
import { busiestPart, canPin, pinnedTo, type Usage } from '../../bench/machine.ts'

/** Of processes by their id, in microseconds of CPU. */
function usage(cpu: Readonly<Record<number, number>>): Usage {
  const memory = { rssBytes: 0, peakRssBytes: 0 }
  const processes = Object.entries(cpu).map(([pid, cpuMicros]) => ({ pid: Number(pid), cpuMicros, ...memory }))
  return { cpuMicros: processes.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0), ...memory, processes }
}

test.each([
  ['one process', { 1: 500 }, { 1: 900 }, 1],
  [
    'a supervisor at rest, and workers of which one does more',
    { 1: 100, 2: 50, 3: 900 },
    { 1: 100, 2: 350, 3: 1000 },
    0.75,
  ],
  ['a worker that was started meanwhile', { 1: 100, 2: 100 }, { 1: 100, 2: 200, 3: 300 }, 0.75],
])('the busiest process of %s', (_, before, after, part) => {
  expect(busiestPart(usage(before), usage(after))).toBe(part)
})

test('a pinned command is the same command, behind taskset where that can be had', () => {
  const [program, ...args] = pinnedTo(['node', 'main.js', 'serve'])
  expect([program, ...args].slice(-3)).toEqual(['node', 'main.js', 'serve'])
  expect([program, ...args].slice(0, -3)).toEqual(canPin() ? ['taskset', '-c', expect.stringMatching(/^\d+$/)] : [])
})

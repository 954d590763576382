import { expect, test } from '@jest/globals'
import type { Measurement, Start } from '../../bench/measure.ts'
import { asMarkdown, faultsOf, type Results } from '../../bench/report.ts'
import { verdictsOf as verdictsOfAll } from '../../bench/targets.ts'

const [OWN, OTHER] = ['v20.20.0', 'v24.1.0']

function measurement(scenario: string, cpuMicrosPerExchange: number, more: Partial<Measurement> = {}): Measurement {
  return {
    ...{
      scenario,
      node: OWN,
      cpuMicrosPerExchange,
      exchanges: 1000,
      perSecond: 1000,
      p50: 1,
      p99: 2,
      p999: 3,
      loopDelayP999: 4,
    },
    ...{ rssMb: 100, peakRssMb: 120, processes: 1, largestRssMb: 100, busiestPart: 1, lookUps: 0 },
    ...more,
  }
}

function results(more: Partial<Results> = {}): Results {
  return {
    measuredAt: '2026-01-02T03:04:05.000Z',
    machine: {
      ...{ cpu: 'Some CPU', cores: 2, memoryGiB: 8, loadBefore: 0.1, platform: 'linux x64' },
      ...{ node: OWN, go: 'go1.26.0', grpcJs: '1.14.0' },
    },
    options: { seconds: 1, warmUpSeconds: 1, repetitions: 1, tokens: 1, organizations: 1, inFlight: 1 },
    ...{ measurements: [], calls: [], cold: [], starts: [], isPinned: true, missing: [], verdicts: [] },
    ...more,
  }
}

function verdictsOf(measurements: readonly Measurement[], starts: readonly Start[] = []) {
  return verdictsOfAll({ measurements, starts, node: OWN })
}

function start(ready: number, more: Partial<Start> = {}): Start {
  return { selfExercise: false, node: OWN, ready, readyCpu: 280, first: 90, second: 30, settled: 2, ...more }
}

const TWO = { processes: 3, busiestPart: 0.517, rssMb: 400, largestRssMb: 171, loopDelayP999: Number.NaN }

/** The table's rows below a heading, without the padding. */
function rowsUnder(heading: string, text: string): string[][] {
  const [, below = ''] = text.split(`\n## ${heading}\n`)
  const [section = ''] = below.split('\n## ')
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

test.each([
  [110, true],
  [111, false],
])('two workers may cost 1.1 times what one costs: %d of 100 µs', (cost, holds) => {
  const [verdict, ...others] = verdictsOf([measurement('one worker', 100), measurement('two workers', cost)])
  expect(verdict).toEqual({
    what: 'two workers : one, CPU per exchange',
    measured: cost / 100,
    atMost: 1.1,
    holds,
  })
  expect(others).toEqual([])
})

test('a ratio is of what was measured side by side, and the median of those', () => {
  const costs = { 'one worker': [100, 200, 400], 'two workers': [100, 210, 800] }
  const all = Object.entries(costs).flatMap(([name, values]) => values.map((value) => measurement(name, value)))
  expect(verdictsOf(all).map(({ measured }) => measured)).toEqual([1.05])
})

test('a target whose scenarios were not measured is left out', () => {
  expect(verdictsOf([measurement('two workers', 100), measurement('many organizations', 100)])).toEqual([])
})

test('memory is the peak of one process in any of the scenarios that it serves', () => {
  const peak = (scenario: string, peakRssMb: number) => measurement(scenario, 1000, { peakRssMb })
  const many = [peak('500 policies in turn', 149), peak('500 policies in turn', 151), peak('500 policies in turn', 153)]
  const others = [peak('warm HTTP RS256', 120), peak('many organizations', 200), peak('two workers', 300)]
  const memory = verdictsOf([...others, ...many]).filter(({ what }) => what.startsWith('memory'))
  expect(memory).toEqual([
    { what: 'memory under load, at its peak (MB of RSS)', measured: 151, atMost: 150, holds: false },
  ])
})

test('workers are reported with their processes, their sum and the largest of them, beside what two floors cost', () => {
  const workers = [measurement('one worker', 100), measurement('two workers', 105.4, TWO)]
  const floors = [measurement('one floor', 80), measurement('two floors', 100, TWO)]
  const text = asMarkdown(results({ measurements: [...workers, ...floors, measurement('two floors', 0, TWO)] }))
  expect(rowsUnder('Workers', text)).toEqual([
    ['one worker', '1', '100', '1.00', '1.00', '100', '100'],
    ['two workers', '3', '105', '1.05', '0.52', '400', '171'],
    ['one floor', '1', '80', '1.00', '1.00', '100', '100'],
    ['two floors', '3', '50', '1.25', '0.52', '400', '171'],
  ])
  expect(text).not.toContain('NaN')
})

test('two processes are reported only where one was measured too', () => {
  const text = asMarkdown(results({ measurements: [measurement('two workers', 105.4, TWO)] }))
  expect(text).not.toContain('## Workers')
})

test.each([
  [[380, 900, 390], 390, true],
  [[380, 410, 900], 410, false],
])('a service is to be ready within 400 ms, by the median of its starts: %j', (times, measured, holds) => {
  const others = [start(2400, { selfExercise: true }), start(10, { node: OTHER })]
  expect(verdictsOf([], [...times.map((ready) => start(ready)), ...others, ...others])).toEqual([
    { what: 'start to ready, without the self-exercise (ms)', measured, atMost: 400, holds },
  ])
})

test('targets are of the own Node.js, the others have a table beside it', () => {
  const pair = (node: string, floor: number, warm: number) => [
    measurement('floor gRPC RS256', floor, { node }),
    measurement('warm gRPC RS256', warm, { node, rssMb: 90 }),
  ]
  const measurements = [...pair(OWN, 100, 150), ...pair(OTHER, 80, 160)]
  expect(verdictsOf(measurements)[0]).toMatchObject({ measured: 1.5, holds: false })
  const starts = [start(300), start(350, { node: OTHER }), start(2500, { selfExercise: true })]
  const text = asMarkdown(results({ measurements, starts }))
  expect(rowsUnder('Node.js versions', text)).toEqual([
    [OWN, 'gRPC RS256', '100', '150', '1.50', '90', '120', '300'],
    [OTHER, 'gRPC RS256', '80', '160', '2.00', '90', '120', '350'],
  ])
  expect(rowsUnder('Kept up', text).map(([scenario, cost]) => [scenario, cost])).toEqual([
    ['floor gRPC RS256', '100'],
    ['warm gRPC RS256', '150'],
  ])
})

test('a release of Node.js that could not be measured is said', () => {
  const text = asMarkdown(results({ missing: ['Node.js 24 was skipped: it could not be installed from npm'] }))
  expect(text).toContain('## Node.js versions')
  expect(text).toContain('Node.js 24 was skipped: it could not be installed from npm.')
})

test.each([
  [true, 'on one core'],
  [false, '**on all cores**'],
])('starts are told apart by the self-exercise: pinned %s', (isPinned, where) => {
  const exercised = start(2400, { selfExercise: true, first: 12.34, second: 3, settled: 1.5 })
  const text = asMarkdown(results({ isPinned, starts: [start(300), start(340), exercised, start(1, { node: OTHER })] }))
  expect(text).toContain(where)
  expect(rowsUnder('Start', text)).toEqual([
    ['false', '320', '280', '90.0', '30.0', '2.0'],
    ['true', '2400', '280', '12.3', '3.0', '1.5'],
  ])
})

test('what was not measured has no heading', () => {
  expect(asMarkdown(results()).match(/^## .*/gm)).toBeNull()
  expect(asMarkdown(results({ measurements: [measurement('warm gRPC RS256', 1)] })).match(/^## .*/gm)).toEqual([
    '## Kept up',
  ])
})

test.each([
  [0.5, false],
  [0.6, true],
])('a load of %d before the run is called out: %s', (loadBefore, loud) => {
  const text = asMarkdown(results({ machine: { ...results().machine, loadBefore } }))
  expect(text).toContain(`Load of the machine before the run: ${loadBefore}`)
  expect(text.includes('not quiet')).toBe(loud)
})

test('a run fails for its counts of calls, and never for its times', () => {
  const slow = { what: 'anything', measured: 9, atMost: 1, holds: false }
  const counts = { mints: 1, readerMints: 1, installations: 1, files: 2, others: 0, appJwts: 2 }
  const good = {
    calls: [{ scenario: 'two workers', node: OWN, measured: 1, wanted: 1 }],
    cold: [{ atOnce: 1, milliseconds: 99_999, calls: counts }],
  }
  expect(faultsOf(results({ ...good, verdicts: [slow] }))).toEqual([])
  expect(faultsOf({ ...good, calls: [{ scenario: 'two workers', node: OTHER, measured: 1.25, wanted: 1 }] })).toEqual([
    'two workers, Node.js v24.1.0: 1.25 GitHub calls an exchange, not 1',
  ])
  expect(faultsOf({ ...good, cold: [{ atOnce: 64, milliseconds: 1, calls: counts }] })).toHaveLength(1)
})

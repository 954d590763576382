import type { Measurement, Start } from './measure.ts'
import {
  floorOf,
  ONE_FLOOR,
  ONE_WORKER,
  type Scenario,
  SERVED_BY_ONE,
  TWO_FLOORS,
  TWO_WORKERS,
  warm,
} from './scenarios.ts'

/** Of what two scenarios cost. */
export interface Quotient {
  readonly of: string
  readonly to: string
}

/** How large one may be. */
interface RatioTarget extends Quotient {
  readonly what: string
  readonly atMost: number
}

const RATIOS: readonly RatioTarget[] = [
  { what: 'warm gRPC exchange, RS256 : floor', of: 'warm gRPC RS256', to: 'floor gRPC RS256', atMost: 1.4 },
  { what: 'warm gRPC exchange, ES256 : floor', of: 'warm gRPC ES256', to: 'floor gRPC ES256', atMost: 1.4 },
  { what: 'warm HTTP exchange, RS256 : floor', of: 'warm HTTP RS256', to: 'floor HTTP RS256', atMost: 1.4 },
  { what: 'warm HTTP exchange, ES256 : floor', of: 'warm HTTP ES256', to: 'floor HTTP ES256', atMost: 1.4 },
  { what: '20 claim patterns : one', of: 'twenty claim patterns', to: 'one claim pattern', atMost: 1.15 },
  { what: 'many organizations and policies : one', of: 'many organizations', to: 'warm gRPC RS256', atMost: 1.05 },
  { what: 'two workers : one, CPU per exchange', of: TWO_WORKERS, to: ONE_WORKER, atMost: 1.1 },
]

/** Two processes beside one: ours, and what a machine takes for any. */
export const SECOND_PROCESSES: readonly Quotient[] = [
  { of: TWO_WORKERS, to: ONE_WORKER },
  { of: TWO_FLOORS, to: ONE_FLOOR },
]

/** True for what a ratio is made of. */
export function isCompared({ name, node }: Scenario): boolean {
  return node === undefined && [...RATIOS, ...SECOND_PROCESSES].some(({ of, to }) => name === of || name === to)
}

/** How often it is measured in each repetition of a run with several: a noisy machine is not the same for long. */
export function comparedTimes(repetitions: number): number {
  return repetitions === 1 ? 1 : 3
}

/** What one exchange may cost at most, on a machine of the class the targets were set on. */
const COSTS = [
  { what: 'warm gRPC exchange, RS256 (µs of CPU)', of: 'warm gRPC RS256', value: 'cpuMicrosPerExchange', atMost: 160 },
  { what: 'warm gRPC exchange, ES256 (µs of CPU)', of: 'warm gRPC ES256', value: 'cpuMicrosPerExchange', atMost: 220 },
  { what: 'warm HTTP exchange, RS256 (µs of CPU)', of: 'warm HTTP RS256', value: 'cpuMicrosPerExchange', atMost: 130 },
] as const satisfies readonly {
  readonly what: string
  readonly of: string
  readonly value: keyof Measurement
  readonly atMost: number
}[]

/** The most that one process holds in any scenario, all of which it serves in turn. */
const MEMORY = { what: 'memory under load, at its peak (MB of RSS)', atMost: 150 } as const

/** On one core, without the self-exercise: what a deployment waits for that scales from nothing. */
const READY = { what: 'start to ready, without the self-exercise (ms)', atMost: 400 } as const

export interface Verdict {
  readonly what: string
  readonly measured: number
  readonly atMost: number
  readonly holds: boolean
}

/** What a run has measured, and the version of Node.js that the targets are for. */
export interface Measured {
  readonly measurements: readonly Measurement[]
  readonly starts: readonly Start[]
  readonly node: string
}

/** Every target that was measured. */
export function verdictsOf({ measurements, starts, node }: Measured): readonly Verdict[] {
  const all = measurements.filter((one) => one.node === node)
  const ratios = RATIOS.flatMap(({ what, of, to, atMost }) => verdict(what, quotientsOf(all, { of, to }), atMost))
  const single = COSTS.flatMap(({ what, of, value, atMost }) => {
    const found = all.filter(({ scenario }) => scenario === of).map((one) => one[value])
    return verdict(what, found, atMost)
  })
  const ready = starts.filter((one) => one.node === node && !one.selfExercise).map((one) => one.ready)
  return [
    ...ratios,
    ...single,
    ...verdict(MEMORY.what, highestPeak(all), MEMORY.atMost),
    ...verdict(READY.what, ready, READY.atMost),
  ]
}

/** None where no scenario of one process was measured. */
function highestPeak(all: readonly Measurement[]): readonly number[] {
  const peaks = SERVED_BY_ONE.map((name) => all.filter(({ scenario }) => scenario === name).map((one) => one.peakRssMb))
  const measured = peaks.filter((values) => values.length > 0).map(median)
  return measured.length === 0 ? [] : [Math.max(...measured)]
}

/** What a warm exchange costs to its floor. */
export function toFloor(exchange: string): Quotient {
  return { of: warm(exchange), to: floorOf(exchange) }
}

/** NaN where it was not measured. */
export function ratioOf(all: readonly Measurement[], quotient: Quotient): number {
  return median(quotientsOf(all, quotient))
}

/** Of each repetition, whose two stand side by side in time: the median of these is the ratio. */
function quotientsOf(all: readonly Measurement[], { of, to }: Quotient): readonly number[] {
  const [above, below] = [costs(all, of), costs(all, to)]
  return above.flatMap((cost, index) => {
    const other = below[index]
    return other === undefined ? [] : [cost / other]
  })
}

/** Of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

function costs(all: readonly Measurement[], name: string): readonly number[] {
  return all.filter(({ scenario }) => scenario === name).map(({ cpuMicrosPerExchange }) => cpuMicrosPerExchange)
}

function verdict(what: string, values: readonly number[], atMost: number): readonly Verdict[] {
  if (values.length === 0) return []
  const measured = median(values)
  return [{ what, measured, atMost, holds: measured <= atMost }]
}

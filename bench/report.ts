import type { GitHubCount } from './front.ts'
import type { Machine } from './machine.ts'
import { GITHUB_MS, LAST_OF_THEM, type Measurement, ONE_BY_ONE, type Start, total } from './measure.ts'
import type { Options } from './options.ts'
import { FLOORED, floorOf, warm } from './scenarios.ts'
import { comparedTimes, median, type Quotient, ratioOf, SECOND_PROCESSES, toFloor, type Verdict } from './targets.ts'

/** All that a run found. */
export interface Results {
  readonly measuredAt: string
  readonly machine: Machine
  readonly options: Pick<Options, 'seconds' | 'warmUpSeconds' | 'repetitions' | 'tokens' | 'organizations' | 'inFlight'>
  readonly measurements: readonly Measurement[]
  readonly calls: readonly CallsVerdict[]
  readonly cold: readonly ColdResult[]
  readonly starts: readonly Start[]
  /** Whether those starts had one core. */
  readonly isPinned: boolean
  /** A sentence about each release of Node.js that was not measured. */
  readonly missing: readonly string[]
  readonly verdicts: readonly Verdict[]
}

/** GitHub calls of one exchange, beside what they must be. */
export interface CallsVerdict {
  readonly scenario: string
  readonly node: string
  readonly measured: number
  readonly wanted: number
}

/** So many equal exchanges at once of a server that has just started. */
export interface ColdResult {
  readonly atOnce: number
  /** Until the last answer: the median of the starts. */
  readonly milliseconds: number
  readonly calls: GitHubCount
}

/** A burst on a fresh server may make as many calls beside its mints: the installation, a reader's token, the file. */
const SHARED_CALLS = 4

/** What counts and not times say is wrong: the part of a run that a noisy machine cannot spoil. */
export function faultsOf({ calls, cold }: Pick<Results, 'calls' | 'cold'>): readonly string[] {
  return [
    ...calls
      .filter(({ measured, wanted }) => measured !== wanted)
      .map(
        ({ scenario, node, measured, wanted }) =>
          `${scenario}, Node.js ${node}: ${measured} GitHub calls an exchange, not ${wanted}`,
      ),
    ...cold
      .filter(({ atOnce, calls: made }) => made.mints !== atOnce || total(made) - made.mints > SHARED_CALLS)
      .map(({ atOnce, calls: made }) => `${atOnce} cold exchanges at once: ${JSON.stringify(made)}`),
  ]
}

/** bench/RESULTS.md, and what is printed. */
export function asMarkdown(results: Results): string {
  const own = onlyOf(results.machine.node, results)
  const parts = [
    ...[head(own), targets(own), keptUp(own), workers(own)],
    ...[nodeVersions(results), starts(own), cold(own)],
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function head({ measuredAt, machine, options }: Results): string {
  return `# What an exchange costs

Written by \`make bench\` on ${measuredAt.slice(0, 10)}: do not edit. Medians of ${options.repetitions} repetitions of ${options.seconds} s (${options.repetitions * comparedTimes(options.repetitions)} of what ratios compare), which take turns, after ${options.warmUpSeconds} s of warming up;
${options.inFlight} requests in flight, ${options.tokens} distinct tokens with 32 claims; load generator, GitHub and server on one machine, which they share.

- Machine: ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.platform}
- Load of the machine before the run: ${machine.loadBefore}${machine.loadBefore > QUIET ? ', which is **not quiet**: even ratios are rough, and all other numbers too high' : ''}
- Versions: Node.js ${machine.node}, grpc-js ${machine.grpcJs}, ${machine.go} (load generator)`
}

function targets({ verdicts }: Results): string {
  return section('Targets', 'Ratios are what counts: they hold on any machine, the other numbers belong to this one.', [
    ['target', 'measured', 'at most', 'holds'],
    ...verdicts.map(verdictRow),
  ])
}

function keptUp(results: Results): string {
  return section(
    'Kept up',
    "CPU is of all threads of the server's processes. The floor is one verification by node:crypto and one POST by undici on the same port, and nothing else.",
    [SCENARIO_HEAD, ...names(results).map((name) => scenarioRow(name, results))],
  )
}

function workers(results: Results): string {
  const measured = ({ of, to }: Quotient) => [of, to].every((name) => names(results).includes(name))
  return section(
    'Workers',
    'One process, and two with their supervisor, over as many connections each. What is used is of all processes; both cores are shared with the load generator and GitHub, so that it is the CPU and not the throughput that compares. The same of floors is what the machine takes for a second process, whatever it runs.',
    [WORKER_HEAD, ...SECOND_PROCESSES.filter(measured).flatMap((two) => workerRows(two, results))],
  )
}

const WORKER_HEAD = ['scenario', 'processes', 'CPU µs', 'to one', "busiest's part of it", 'RSS MB', 'largest MB']

function workerRows({ of, to }: Quotient, results: Results): readonly (readonly string[])[] {
  return [workerRow(to, 1, results), workerRow(of, ratioOf(results.measurements, { of, to }), results)]
}

function workerRow(name: string, toOne: number, results: Results): readonly string[] {
  const middle = middleOf(name, results)
  return [
    name,
    middle('processes', 0),
    middle('cpuMicrosPerExchange', 0),
    shown(toOne, 2),
    middle('busiestPart', 2),
    middle('rssMb', 0),
    middle('largestRssMb', 0),
  ]
}

function onlyOf(node: string, results: Results): Results {
  const isOfIt = (one: { readonly node: string }) => one.node === node
  return {
    ...results,
    measurements: results.measurements.filter(isOfIt),
    calls: results.calls.filter(isOfIt),
    starts: results.starts.filter(isOfIt),
  }
}

function nodeVersions(results: Results): string {
  const versions = [...new Set([results.machine.node, ...results.measurements.map(({ node }) => node)])]
  const rows = versions.length > 1 ? versions.flatMap((node) => versionRows(node, onlyOf(node, results))) : []
  const about = [
    'The same on other releases. Ready is as under Start, without the self-exercise.',
    ...results.missing.map((missing) => `${missing}.`),
  ].join(' ')
  return section('Node.js versions', about, [VERSION_HEAD, ...rows], results.missing.length > 0)
}

const VERSION_HEAD = ['Node.js', 'exchange', 'floor CPU µs', 'warm CPU µs', 'ratio', 'RSS MB', 'peak MB', 'ready ms']

/** The exchanges of one version. */
function versionRows(node: string, results: Results): readonly (readonly string[])[] {
  const ready = results.starts.filter(({ selfExercise }) => !selfExercise).map((start) => start.ready)
  return FLOORED.filter((exchange) => names(results).includes(warm(exchange))).map((exchange) => {
    const [floor, service] = [middleOf(floorOf(exchange), results), middleOf(warm(exchange), results)]
    return [
      ...[node, exchange, floor('cpuMicrosPerExchange', 0), service('cpuMicrosPerExchange', 0)],
      ...[shown(ratioOf(results.measurements, toFloor(exchange)), 2), service('rssMb', 0), service('peakRssMb', 0)],
      shown(median(ready), 0),
    ]
  })
}

function starts({ starts: all, isPinned }: Results): string {
  const rows = [false, true].flatMap((selfExercise) => {
    const found = all.filter((start) => start.selfExercise === selfExercise)
    if (found.length === 0) return []
    const middle = (value: Exclude<keyof Start, 'selfExercise' | 'node'>, digits: number) =>
      shown(median(found.map((start) => start[value])), digits)
    const exchanges = [middle('first', 1), middle('second', 1), middle('settled', 1)]
    return [[String(selfExercise), middle('ready', 0), middle('readyCpu', 0), ...exchanges]]
  })
  const where = isPinned ? 'on one core (taskset)' : '**on all cores**, for there is no taskset'
  const about = `From the start of the process to the first 200 of /readyz, ${where}, and then ${ONE_BY_ONE} exchanges one by one on an open gRPC connection, with GitHub answering at once. The first looks up the installation, the policy and the issuer's keys; the second finds them. The ${ONE_BY_ONE}th is the median of the last ${LAST_OF_THEM}.`
  const head = [
    'SELF_EXERCISE',
    'ready ms',
    'CPU ms until then',
    'first exchange ms',
    'second ms',
    `${ONE_BY_ONE}th ms`,
  ]
  return section('Start', about, [head, ...rows])
}

function cold({ cold: results }: Results): string {
  const head = [
    'equal exchanges at once',
    'ms to the last answer',
    'calls beside the mints',
    'mints',
    'App JWTs signed',
  ]
  return section(
    'Cold',
    `The first exchanges of a server that has just started, at ${GITHUB_MS} ms a call to GitHub.`,
    [head, ...results.map(coldRow)],
  )
}

/** Nothing where a run has not measured it, unless the reason must be said. */
function section(title: string, about: string, rows: readonly (readonly string[])[], isSaid = false): string {
  if (rows.length === 1 && isSaid) return `## ${title}\n\n${about}`
  return rows.length > 1 ? `## ${title}\n\n${about}\n\n${table(rows)}` : ''
}

const SCENARIO_HEAD = [
  'scenario',
  'CPU µs',
  'a second',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'loop p99.9 ms',
  'RSS MB',
  'peak MB',
  'GitHub calls',
]

function scenarioRow(name: string, results: Results): readonly string[] {
  const middle = middleOf(name, results)
  return [
    name,
    middle('cpuMicrosPerExchange', 0),
    middle('perSecond', 0),
    middle('p50', 1),
    middle('p99', 1),
    middle('p999', 1),
    middle('loopDelayP999', 1),
    middle('rssMb', 0),
    middle('peakRssMb', 0),
    String(results.calls.find(({ scenario }) => scenario === name)?.measured ?? ''),
  ]
}

/** The medians of a scenario. */
function middleOf(name: string, { measurements }: Results) {
  const found = measurements.filter(({ scenario }) => scenario === name)
  return (value: Exclude<keyof Measurement, 'scenario' | 'node'>, digits: number) =>
    shown(median(found.map((one) => one[value])), digits)
}

/** What cannot be known here is a dash. */
function shown(value: number, digits: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(digits)
}

function verdictRow({ what, measured, atMost, holds }: Verdict): readonly string[] {
  const digits = atMost < SMALL ? 2 : 0
  return [what, measured.toFixed(digits), String(atMost), holds ? 'yes' : '**no**']
}

function coldRow({ atOnce, milliseconds, calls }: ColdResult): readonly string[] {
  return [atOnce, milliseconds.toFixed(0), total(calls) - calls.mints, calls.mints, calls.appJwts].map(String)
}

function names({ measurements }: Results): readonly string[] {
  return [...new Set(measurements.map(({ scenario }) => scenario))].sort((left, right) => rank(left) - rank(right) || 0)
}

/** The floors first: the others are read against them. */
function rank(name: string): number {
  return name.startsWith('floor') ? 0 : 1
}

/** A table whose columns line up, as the formatter would have it. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? []
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body.map(line)].join('\n')
}

const SMALL = 10
/** Processes that want a core: less than this is what the system itself does. */
const QUIET = 0.5

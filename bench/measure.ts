import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from './bench-policies.ts'
import type { GitHubCount } from './front.ts'
import { busiestPart, forgetPeak, type Usage, usageOf } from './machine.ts'
import type { NodeBinary } from './node-binaries.ts'
import type { Options } from './options.ts'
import type { LoopDelay, ProcessReport } from './probe.ts'
import { ask } from './questions.ts'
import type { Scenario } from './scenarios.ts'
import type { LoadReport, Stage, Subject } from './stage.ts'
import { median } from './targets.ts'

/** One repetition of one scenario. Times are milliseconds unless their name says otherwise. */
export interface Measurement {
  readonly scenario: string
  /** The version of Node.js that the server ran on. */
  readonly node: string
  readonly exchanges: number
  readonly perSecond: number
  /** Of all threads of the server's processes. */
  readonly cpuMicrosPerExchange: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** NaN of several processes: their loops are not watched. */
  readonly loopDelayP999: number
  readonly rssMb: number
  readonly peakRssMb: number
  /** What a supervisor and its workers are together: 1 without one. */
  readonly processes: number
  /** Of the process that has the most. */
  readonly largestRssMb: number
  /** Of the CPU of all processes. */
  readonly busiestPart: number
  /** What GitHub was asked for meanwhile beside the mints: what is in use is looked at anew every few minutes. */
  readonly lookUps: number
}

export interface MeasureNeeds {
  readonly stage: Stage
  readonly subject: Subject
  readonly options: Options
  readonly warmUpSeconds: number
}

/** Keeps a scenario's load up and measures what it costs. Refuses a run in which an answer was not the expected one. */
export async function measure(scenario: Scenario, needs: MeasureNeeds): Promise<Measurement> {
  const { stage, subject, options, warmUpSeconds } = needs
  let before: Usage | undefined
  let after: Usage | undefined
  let lookUps = Number.NaN
  const args = [
    ...(await loadArguments(scenario, needs)),
    ...['-warm-up', String(warmUpSeconds), '-seconds', String(options.seconds), '-in-flight', String(options.inFlight)],
  ]
  const report = await stage.load(args, async (line) => {
    if (line === 'begin') {
      await ask(stage.world, 'calls')
      forgetPeak(subject.pid)
      before = await usage(subject)
      await ask(subject.process, 'watchLoop')
    } else if (line === 'end') {
      after = await usage(subject)
      const calls = await ask<GitHubCount>(stage.world, 'calls')
      lookUps = total(calls) - calls.mints
    }
  })
  const loop = await ask<LoopDelay>(subject.process, 'loopDelay')
  checkCodes(scenario, report)
  if (before === undefined || after === undefined) throw new Error('the load generator did not say when it measured')
  return {
    scenario: scenario.name,
    node: scenario.node?.version ?? process.version,
    exchanges: report.exchanges,
    perSecond: report.perSecond,
    cpuMicrosPerExchange: (after.cpuMicros - before.cpuMicros) / report.exchanges,
    p50: report.p50,
    p99: report.p99,
    p999: report.p999,
    loopDelayP999: after.processes.length > 1 ? Number.NaN : loop.p999,
    rssMb: after.rssBytes / MB,
    peakRssMb: after.peakRssBytes / MB,
    processes: after.processes.length,
    largestRssMb: Math.max(...after.processes.map(({ rssBytes }) => rssBytes)) / MB,
    busiestPart: busiestPart(before, after),
    lookUps,
  }
}

/** What GitHub is asked for each exchange when all is warm: exactly, of a number of exchanges that is known. */
export async function countCalls(scenario: Scenario, needs: Pick<MeasureNeeds, 'stage' | 'subject' | 'options'>) {
  // Of many organizations all: whatever a server has no room for is what was used longest ago.
  const counted = scenario.subject === 'large' ? scenario.targets.length : COUNTED
  await callsOf(counted, scenario, needs) // what is not warm any more gets it here
  return total(await callsOf(counted, scenario, needs)) / counted
}

/**
 * The same where each exchange has a target of its own, of which a server looks at many anew every few minutes: the
 * measurement in which that happened least, at best not at all.
 */
export async function measureAllKnown(scenario: Scenario, needs: MeasureNeeds): Promise<Measurement> {
  const once = async () => {
    await visitAll(scenario, needs)
    return measure(scenario, needs)
  }
  let best = await once()
  for (let round = 1; round < ROUNDS && best.lookUps > 0; round += 1) {
    const next = await once()
    if (next.lookUps < best.lookUps) best = next
  }
  return best
}

/** Makes every exchange of a scenario once, so that a server knows all that it takes. */
export async function visitAll(scenario: Scenario, needs: Pick<MeasureNeeds, 'stage' | 'subject' | 'options'>) {
  await callsOf(scenario.targets.length, scenario, needs)
}

/** What GitHub is asked for so many exchanges. */
async function callsOf(
  exchanges: number,
  scenario: Scenario,
  needs: Pick<MeasureNeeds, 'stage' | 'subject' | 'options'>,
): Promise<GitHubCount> {
  const args = [...(await loadArguments(scenario, needs)), '-requests', String(exchanges)]
  await ask(needs.stage.world, 'calls')
  checkCodes(scenario, await needs.stage.load(args))
  return ask<GitHubCount>(needs.stage.world, 'calls')
}

/** A fresh server's first exchanges, at 20 ms a call to GitHub: so many of them at once, all equal. */
export async function measureCold(
  atOnce: number,
  scenario: Scenario,
  { stage, options }: Pick<MeasureNeeds, 'stage' | 'options'>,
) {
  const subject = await stage.startService()
  try {
    await ask(stage.world, 'delay', GITHUB_MS)
    await ask(stage.world, 'calls')
    const args = [...(await loadArguments(scenario, { stage, subject, options })), '-requests', String(atOnce)]
    const report = await stage.load([...args, '-in-flight', String(atOnce)])
    checkCodes(scenario, report)
    return { milliseconds: report.p999, calls: await ask<GitHubCount>(stage.world, 'calls') }
  } finally {
    await ask(stage.world, 'delay', 0)
    await subject.stop()
  }
}

/** How a service is started that is timed, and how long it takes: milliseconds. */
export interface Start {
  readonly selfExercise: boolean
  readonly node: string
  readonly ready: number
  /** What the process used until then, which is steadier than the time on a machine that is not quiet. */
  readonly readyCpu: number
  /** Of exchanges made one after the other, over a connection that was open. */
  readonly first: number
  readonly second: number
  /** The median of the last, which a single one would say by chance. */
  readonly settled: number
}

/** A fresh server's start, and its first exchanges one by one, while GitHub answers at once. */
export async function measureStart(
  { selfExercise, node }: { readonly selfExercise: boolean; readonly node?: NodeBinary | undefined },
  scenario: Scenario,
  { stage, options }: Pick<MeasureNeeds, 'stage' | 'options'>,
): Promise<Start> {
  await tokensOf(scenario, { stage, options }) // before the server is there, which would wait meanwhile
  const { subject, milliseconds } = await stage.timeStart({ selfExercise, nodePath: node?.path })
  try {
    const { cpuMicros: readyMicros } = usageOf(subject.pid) ?? { cpuMicros: Number.NaN }
    const args = [...(await loadArguments(scenario, { stage, subject, options })), '-requests', String(ONE_BY_ONE)]
    const report = await stage.load([...args, '-connections', '1', '-each'])
    checkCodes(scenario, report)
    const [first = Number.NaN, second = Number.NaN] = report.times ?? []
    const settled = median((report.times ?? []).slice(-LAST_OF_THEM))
    return {
      ...{ selfExercise, node: node?.version ?? process.version },
      ...{ ready: milliseconds, readyCpu: readyMicros / MICROS_PER_MS, first, second, settled },
    }
  } finally {
    await subject.stop()
  }
}

export function total({ mints, readerMints, installations, files, others }: GitHubCount): number {
  return mints + readerMints + installations + files + others
}

/** A mint and what may come before it, at this time each, is what the issue counts with. */
export const GITHUB_MS = 20
const MB = 1024 * 1024
const MICROS_PER_MS = 1000
const COUNTED = 64
/** Some 10 s each: what was once looked at within a minute comes due within one. */
const ROUNDS = 6
export const ONE_BY_ONE = 200
export const LAST_OF_THEM = 20

/** From /proc where it is; elsewhere the process tells what it used, and the memory stays unknown. */
async function usage({ pid, process }: Subject): Promise<Usage> {
  const known = usageOf(pid)
  if (known !== undefined) return known
  const { cpuMicros } = await ask<ProcessReport>(process, 'report')
  const alone = { cpuMicros, rssBytes: Number.NaN, peakRssBytes: Number.NaN }
  return { ...alone, processes: [{ pid, ...alone }] }
}

async function loadArguments(
  scenario: Scenario,
  { stage, subject, options }: Pick<MeasureNeeds, 'stage' | 'subject' | 'options'>,
): Promise<string[]> {
  const { protocol, targets, connections } = scenario
  const tokens = await tokensOf(scenario, { stage, options })
  const file = join(stage.folder, 'targets')
  writeFileSync(file, targets.map(({ scope, identity }: Target) => `${scope} ${identity}\n`).join(''))
  return [
    ...['run', '-protocol', protocol, '-address', subject.address],
    ...['-tokens', tokens, '-targets', file],
    ...(connections === undefined ? [] : ['-connections', String(connections)]),
  ]
}

/** A file of tokens, which are signed when it is asked for the first time. */
async function tokensOf(
  { algorithm, flaw }: Scenario,
  { stage, options }: Pick<MeasureNeeds, 'stage' | 'options'>,
): Promise<string> {
  const tokens = join(stage.folder, `tokens-${algorithm}-${flaw ?? 'good'}`)
  if (!written.has(tokens)) {
    await ask(stage.world, 'sign', { file: tokens, count: options.tokens, algorithm, flaw }, SIGNING_LIMIT_MS)
    written.add(tokens)
  }
  return tokens
}

/** Files of tokens that are there: a run has one folder, and its process ends with it. */
const written = new Set<string>()
const SIGNING_LIMIT_MS = 120_000

function checkCodes({ name, code }: Scenario, { codes }: LoadReport): void {
  const others = Object.entries(codes).filter(([answered]) => answered !== String(code))
  if (others.length === 0) return
  const seen = others.map(([answered, count]) => `${count} of code ${answered}`).join(', ')
  throw new Error(`${name}: every answer must have gRPC code ${code}, but there were ${seen}`)
}

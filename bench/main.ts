/** `make bench`: what an exchange costs. The options are those of options.ts; its status is 1 when a count is wrong. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { hottest } from './hottest.ts'
import { canPin, describeMachine, usageOf } from './machine.ts'
import {
  countCalls,
  type Measurement,
  measure,
  measureAllKnown,
  measureCold,
  measureStart,
  type Start,
  visitAll,
} from './measure.ts'
import { type NodeBinaries, type NodeBinary, namedNodes, otherReleases } from './node-binaries.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { ask } from './questions.ts'
import { asMarkdown, type CallsVerdict, type ColdResult, faultsOf, type Results } from './report.ts'
import { FLOORED, isShared, type Scenario, scenariosFor, scenariosOn } from './scenarios.ts'
import { openStage, type Stage, type Subject } from './stage.ts'
import { comparedTimes, isCompared, median, verdictsOf } from './targets.ts'

async function bench(options: Options, nodes: NodeBinaries): Promise<number> {
  const organizations = { organizations: options.organizations, policiesEach: POLICIES_EACH }
  const wanted = (name: string) =>
    options.scenarios.length === 0 || options.scenarios.some((part) => name.includes(part))
  const own = scenariosFor(organizations).filter((scenario) => wanted(scenario.name) && canMeasure(scenario))
  const [granted] = scenariosFor(organizations).filter(({ subject, code }) => subject === 'service' && code === 0)
  if (granted === undefined) throw new Error('there is no scenario of a warm exchange')
  const machine = describeMachine()
  for (const missing of nodes.missing) say(missing)
  const exchanges = options.short ? FLOORED.slice(0, 1) : FLOORED
  const scenarios = [...own, ...nodes.found.flatMap((node) => scenariosOn(node, { scenarios: own, exchanges }))]
  const stage = await openStage(organizations)
  try {
    const cold = wanted('cold') ? await coldResults(granted, { stage, options }) : []
    const starts = wanted('start') ? await allStarts(granted, { stage, options, nodes: nodes.found }) : []
    const subjectOf = subjectsOf({ stage, options })
    const calls = await allCalls(scenarios, { stage, options, subjectOf })
    if (tellFaults({ calls, cold })) return 1 // of what asks too much of GitHub, nobody need know what it costs
    const measurements = await allMeasurements(scenarios, { stage, options, subjectOf })
    const results: Results = {
      measuredAt: new Date().toISOString(),
      machine,
      options,
      measurements,
      calls,
      cold,
      starts,
      isPinned: canPin(),
      missing: nodes.missing,
      verdicts: verdictsOf({ measurements, starts, node: machine.node }),
    }
    // The probe is asked of a supervisor, and not of its workers.
    const [first = granted] = own.filter((scenario) => !isShared(scenario))
    if (options.profile !== undefined) await profile(first, options.profile, { stage, options, subjectOf })
    conclude(results, options)
    return 0
  } finally {
    await stage.close()
  }
}

/** With the 5,000 organizations of a whole run they are half of what the service keeps. */
const POLICIES_EACH = 2

/** What several processes use can be read only in /proc. */
function canMeasure(scenario: Scenario): boolean {
  return !isShared(scenario) || usageOf(process.pid) !== undefined
}

interface Needs {
  readonly stage: Stage
  readonly options: Options
}

interface RunningNeeds extends Needs {
  readonly subjectOf: (scenario: Scenario) => Promise<Subject>
}

async function coldResults(scenario: Scenario, { stage, options }: Needs): Promise<readonly ColdResult[]> {
  const results: ColdResult[] = []
  for (const atOnce of [1, 64]) {
    say(`cold: ${atOnce} at once`)
    const starts = []
    for (let start = 0; start < options.coldStarts; start += 1)
      starts.push(await measureCold(atOnce, scenario, { stage, options }))
    const [first] = starts
    if (first === undefined) continue
    results.push({ atOnce, milliseconds: median(starts.map(({ milliseconds }) => milliseconds)), calls: first.calls })
  }
  return results
}

/** On this process's own Node.js with the self-exercise and without it, on the others without. */
async function allStarts(
  scenario: Scenario,
  { stage, options, nodes }: Needs & { readonly nodes: readonly NodeBinary[] },
): Promise<readonly Start[]> {
  const kinds = [
    { selfExercise: false },
    { selfExercise: true },
    ...nodes.map((node) => ({ selfExercise: false, node })),
  ]
  const starts: Start[] = []
  for (let round = 0; round < options.coldStarts; round += 1) {
    say(`starts: ${round + 1}/${options.coldStarts}`)
    for (const kind of kinds) starts.push(await measureStart(kind, scenario, { stage, options }))
  }
  return starts
}

/** Starts each when it is first asked for. */
function subjectsOf(needs: Needs): RunningNeeds['subjectOf'] {
  const running = new Map<string, Promise<Subject>>()
  return (scenario) => {
    const name = `${scenario.subject} ${scenario.node?.path}`
    const known = running.get(name)
    if (known !== undefined) return known
    const starting = startSubject(scenario, needs)
    running.set(name, starting)
    return starting
  }
}

async function startSubject(scenario: Scenario, needs: Needs): Promise<Subject> {
  const { stage, options } = needs
  const nodePath = scenario.node?.path
  const how = { workers: isShared(scenario) ? WORKERS : 1, nodePath }
  if (scenario.subject === 'floor' || scenario.subject === 'floors') return stage.startFloor(how)
  const subject = await stage.startService(how)
  if (scenario.subject === 'large') {
    say(`${scenario.targets.length} policies of ${options.organizations} organizations are read`)
    await visitAll(scenario, { ...needs, subject })
  }
  return subject
}

const WORKERS = 2

async function allCalls(scenarios: readonly Scenario[], needs: RunningNeeds): Promise<readonly CallsVerdict[]> {
  const verdicts: CallsVerdict[] = []
  for (const scenario of scenarios) {
    const subject = await needs.subjectOf(scenario)
    const measured = await countCalls(scenario, { ...needs, subject })
    const node = scenario.node?.version ?? process.version
    verdicts.push({ scenario: scenario.name, node, measured, wanted: scenario.calls })
  }
  return verdicts
}

/**
 * Scenarios take turns, every other time in the opposite order, so that what changes on the machine meets all alike. Those
 * that ratios compare are measured three times as often: a machine that others use too is not the same for long.
 */
async function allMeasurements(scenarios: readonly Scenario[], needs: RunningNeeds): Promise<readonly Measurement[]> {
  const { options, subjectOf } = needs
  const measurements: Measurement[] = []
  const each = comparedTimes(options.repetitions)
  const rounds = options.repetitions * each
  for (let round = 0; round < rounds; round += 1) {
    const due = scenarios.filter((scenario) => isCompared(scenario) || round % each === 0)
    for (const scenario of round % 2 === 0 ? due : due.toReversed()) {
      const once = round === 0 ? options.warmUpSeconds : Math.min(options.warmUpSeconds, WARM_AGAIN_S)
      const warmUpSeconds = isShared(scenario) ? WORKERS * once : once // each has a part of the load
      const subject = await subjectOf(scenario)
      const take = scenario.subject === 'large' ? measureAllKnown : measure
      const measured = await take(scenario, { ...needs, subject, warmUpSeconds })
      const name = scenario.node === undefined ? scenario.name : `${scenario.name}, Node.js ${scenario.node.version}`
      say(`${round + 1}/${rounds} ${name}: ${measured.cpuMicrosPerExchange.toFixed(0)} µs`)
      measurements.push(measured)
    }
  }
  return measurements
}

/** What was compiled before is still there; only caches of the processor are cold. */
const WARM_AGAIN_S = 2

async function profile(scenario: Scenario, file: string, needs: RunningNeeds): Promise<void> {
  const subject = await needs.subjectOf(scenario)
  await ask(subject.process, 'startProfile')
  await measure(scenario, { ...needs, subject, warmUpSeconds: 0 })
  const taken = await ask<Parameters<typeof hottest>[0]>(subject.process, 'stopProfile')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(taken))
  process.stdout.write(`${hottest(taken)}\n`)
}

function tellFaults(counted: Parameters<typeof faultsOf>[0]): boolean {
  const faults = faultsOf(counted)
  for (const fault of faults) process.stderr.write(`bench: ${fault}\n`)
  return faults.length > 0
}

function conclude(results: Results, { record, json }: Options): void {
  const text = asMarkdown(results)
  process.stdout.write(`\n${text}\n${JSON.stringify(results)}\n`)
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`)
  if (record) writeFileSync(new URL('../../bench/RESULTS.md', import.meta.url), text)
}

function say(what: string): void {
  process.stderr.write(`${what}\n`)
}

// Last, when all names above have their values.
const options = readOptions(process.argv.slice(2))
if (typeof options === 'string') {
  process.stderr.write(options === '' ? USAGE : `bench: ${options}\n\n${USAGE}`)
  process.exitCode = options === '' ? 0 : 2
} else {
  const nodes = options.nodes === undefined ? otherReleases() : namedNodes(options.nodes)
  if (typeof nodes === 'string') {
    process.stderr.write(`bench: ${nodes}\n`)
    process.exitCode = 2
  } else process.exitCode = await bench(options, nodes)
}

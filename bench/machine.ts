import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'

/** What a process and all that it has started used so far. */
export interface Usage {
  /** Of all threads. */
  readonly cpuMicros: number
  readonly rssBytes: number
  /** The sum of the highest that each was at. */
  readonly peakRssBytes: number
  /** Each of them, the one that was asked for first. */
  readonly processes: readonly ProcessUsage[]
}

interface ProcessUsage {
  readonly pid: number
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly peakRssBytes: number
}

/** Reads Linux's /proc; undefined where there is none. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const processes = treeOf(pid).map(usageOfOne)
    const sum = (value: keyof ProcessUsage) => processes.reduce((total, one) => total + one[value], 0)
    return { cpuMicros: sum('cpuMicros'), rssBytes: sum('rssBytes'), peakRssBytes: sum('peakRssBytes'), processes }
  } catch {
    return undefined
  }
}

/** From now on the peaks of a process and of all that it has started are counted anew (proc(5), clear_refs). */
export function forgetPeak(pid: number): void {
  try {
    for (const each of treeOf(pid)) writeFileSync(`/proc/${each}/clear_refs`, '5')
  } catch {
    // Not Linux, or not allowed: the peak is that of the process's whole life.
  }
}

/** The part that the busiest process had in what all of them used between two looks: 1 where there is but one. */
export function busiestPart(before: Usage, after: Usage): number {
  const used = after.processes.map(({ pid, cpuMicros }) => {
    const earlier = before.processes.find((one) => one.pid === pid)
    return cpuMicros - (earlier?.cpuMicros ?? 0)
  })
  return Math.max(...used) / (after.cpuMicros - before.cpuMicros)
}

/** The process and its descendants. */
function treeOf(root: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const fields = statOf(Number(name))
      return fields === undefined ? [] : [[Number(name), Number(fields[PARENT])] as const]
    })
  const tree = [root]
  for (const found of tree) tree.push(...parents.filter(([, parent]) => parent === found).map(([pid]) => pid))
  return tree
}

function usageOfOne(pid: number): ProcessUsage {
  const fields = statOf(pid)
  if (fields === undefined) throw new Error(`there is no process ${pid}`)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
  const ticks = Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])
  return { pid, cpuMicros: ticks * MICROS_PER_TICK, rssBytes: kilobytes('VmRSS'), peakRssBytes: kilobytes('VmHWM') }
}

/** The fields of /proc/PID/stat after the command's name, which may hold anything; proc(5) numbers them from 3 here. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined // it has ended meanwhile
  }
}

/** A command so that it runs on one core, with all that it starts: the last that this process may use. */
export function pinnedTo([command, ...args]: readonly [string, ...string[]]): readonly [string, ...string[]] {
  const core = lastCore()
  return core === undefined ? [command, ...args] : ['taskset', '-c', core, command, ...args]
}

/** Whether there is what it takes to pin. */
export function canPin(): boolean {
  return lastCore() !== undefined
}

function lastCore(): string | undefined {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return /\d+$/.exec(allowed ?? '')?.[0]
  } catch {
    return undefined // no Linux, or not its tools
  }
}

const [PARENT, USER_TIME, SYSTEM_TIME] = [1, 11, 12] as const
/** USER_HZ is 100 on every Linux of this kind. */
const MICROS_PER_TICK = 10_000

/** What the numbers were measured on: nothing that names the machine. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** Processes that wanted a core in the last minute, before the run: above 0.5 others take part in every number. */
  readonly loadBefore: number
  readonly node: string
  readonly go: string
  readonly grpcJs: string
  readonly platform: string
}

export function describeMachine(): Machine {
  const all = cpus()
  const grpcJs = readFileSync(new URL('../../node_modules/@grpc/grpc-js/package.json', import.meta.url), 'utf8')
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(1)),
    node: process.version,
    go: execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' }).trim(),
    grpcJs: (JSON.parse(grpcJs) as { version: string }).version,
    platform: `${process.platform} ${process.arch}`,
  }
}

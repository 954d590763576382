/**
 * Loaded into a measured process before its own code (`node --import`): it reports what cannot be seen from outside, and
 * changes nothing of what the process does. The floor has it too, so that its cost is in both sides of a ratio.
 */
import cluster from 'node:cluster'
import { Session } from 'node:inspector/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { answerParent } from './questions.ts'

/** Between two looks at the event loop. */
const RESOLUTION_MS = 5
const NANOSECONDS_PER_MS = 1e6

/** Milliseconds by which the event loop was late. */
export interface LoopDelay {
  readonly p999: number
  readonly max: number
}

export interface ProcessReport {
  /** Microseconds of CPU of all threads since the process began. */
  readonly cpuMicros: number
  readonly heapBytes: number
}

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

// A worker is loaded with it too, whose parent is its supervisor: that asks nothing, and must keep the worker running.
if (cluster.isPrimary)
  answerParent({
    watchLoop() {
      delay.enable()
      delay.reset()
      return true
    },
    loopDelay(): LoopDelay {
      delay.disable()
      const late = (nanoseconds: number) => Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS)
      return { p999: late(delay.percentile(99.9)), max: late(delay.max) }
    },
    report(): ProcessReport {
      const { user, system } = process.cpuUsage()
      return { cpuMicros: user + system, heapBytes: process.memoryUsage().heapUsed }
    },
    /** What is left of the heap after the garbage is gone. */
    async collectGarbage(): Promise<ProcessReport> {
      const session = new Session()
      session.connect()
      await session.post('HeapProfiler.collectGarbage')
      session.disconnect()
      const { user, system } = process.cpuUsage()
      return { cpuMicros: user + system, heapBytes: process.memoryUsage().heapUsed }
    },
    async startProfile() {
      profiler.connect()
      await profiler.post('Profiler.enable')
      await profiler.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS })
      await profiler.post('Profiler.start')
      return true
    },
    async stopProfile() {
      const { profile } = await profiler.post('Profiler.stop')
      profiler.disconnect()
      return profile
    },
  })

const profiler = new Session()
const SAMPLE_MICROS = 250

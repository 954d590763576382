import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * Keeps V8 from growing its heap by the machine's memory, which takes 300 MB and more for 30 MB that are used. By flags
 * that V8 reads at each garbage collection, so that the running process is the one to obey: a limit it would only take
 * from the command line, and end the process at it when a stranger fills the caches.
 */
export function keepHeapSmall(): void {
  // Threads that are woken for the megabyte that survives in the young generation cost more than they take over.
  setFlagsFromString('--no-parallel-scavenge')
  if (HAS_MAGLEV) setFlagsFromString('--no-maglev')
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`)
  let current = Number.NaN
  const setYoungGrowth = (factor: number): void => {
    if (factor === current) return
    current = factor
    setFlagsFromString(`--semi-space-growth-factor=${factor}`)
  }
  setYoungGrowth(1)
  // V8 makes the young generation smaller when there is little to do: it may always grow again, and only so far.
  const observer = new PerformanceObserver(() => setYoungGrowth(2 * youngBytes() <= YOUNG_BYTES ? 2 : 1))
  observer.observe({ entryTypes: ['gc'] })
}

/** Of one of the young generation's two halves, which V8 doubles when much in it survives. */
function youngBytes(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  return young === undefined ? 0 : young.space_used_size + young.space_available_size
}

const RELEASE = Number.parseInt(process.versions.node, 10)
/** The compiler between the baseline and TurboFan leaves some 15 MB behind in malloc's arenas. It is on from Node.js 24. */
const HAS_MAGLEV = RELEASE >= 24
/** Of what is in use after a collection. Less would mark all of the old generation again too often, more takes memory. */
const OLD_GROWTH_PERCENT = 30
/** Half of what Node.js 20 takes. */
const YOUNG_BYTES = (HAS_MAGLEV ? 4 : 8) * 1024 * 1024

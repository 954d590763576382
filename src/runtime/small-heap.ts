import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'

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
  const setYoungGrowth = flag('semi-space-growth-factor')
  const setTrigger = flag('incremental-marking-soft-trigger')
  setYoungGrowth(1)
  let { external_memory: outside, used_heap_size: used } = getHeapStatistics()
  const observer = new PerformanceObserver((list) => {
    // V8 makes the young generation smaller when there is little to do: it may always grow again, and only so far.
    setYoungGrowth(2 * youngBytes() <= YOUNG_BYTES ? 2 : 1)
    const now = getHeapStatistics()
    if (list.getEntries().some(isMajor)) ({ external_memory: outside, used_heap_size: used } = now)
    setTrigger(now.external_memory - outside > Math.max(OUTSIDE_BYTES, OUTSIDE_SHARE * used) ? SOON : WHEN_FULL)
  })
  observer.observe({ entryTypes: ['gc'] })
}

/** Sets a flag of V8's, where it is another than it was. */
function flag(name: string): (value: number) => void {
  let current = Number.NaN
  return (value) => {
    if (value === current) return
    current = value
    setFlagsFromString(`--${name}=${value}`)
  }
}

function isMajor(collection: PerformanceEntry): boolean {
  const { detail } = collection as { readonly detail?: { readonly kind?: number } }
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
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
/**
 * Garbage outside of the heap that only a major collection finds, before one is begun: each header of an HTTP/2 request is
 * such, 3 KB of it a token. V8 by itself waits for 64 MB.
 */
const OUTSIDE_BYTES = 5 * 1024 * 1024
/** Or so much of what the heap holds, where that is more: all of it is marked each time. */
const OUTSIDE_SHARE = 0.2
/** In percent of the way to the limit; 0 is V8's own rule. */
const [SOON, WHEN_FULL] = [1, 0]
/** Half of what Node.js 20 takes. */
const YOUNG_BYTES = (HAS_MAGLEV ? 4 : 8) * 1024 * 1024

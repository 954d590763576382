import { constants, type NodeGCPerformanceDetail, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'

/**
 * Keeps V8 from growing its heap by the machine's memory, which takes 300 MB and more for 30 MB that are used: the old
 * generation grows into what all else leaves of `RSS_BYTES`, and beyond only as far as it must. By flags that V8 reads at
 * each garbage collection, so that the running process is the one to obey: a limit it would only take from the command
 * line, and end the process at it when a stranger fills the caches.
 */
export function keepHeapSmall(): void {
  // Threads that are woken for the megabyte that survives in the young generation cost more than they take over.
  setFlagsFromString('--no-parallel-scavenge')
  if (HAS_MAGLEV) setFlagsFromString('--no-maglev')
  const setFlag = (name: string) => {
    let current = Number.NaN
    return (value: number): void => {
      if (value === current) return
      current = value
      setFlagsFromString(`--${name}=${value}`)
    }
  }
  const setYoungGrowth = setFlag('semi-space-growth-factor')
  const setOldGrowth = setFlag('heap-growing-percent')
  setYoungGrowth(1)
  setOldGrowth(LEAST_GROWTH_PERCENT)
  const observer = new PerformanceObserver((list) => {
    const spaces = getHeapSpaceStatistics()
    // V8 makes the young generation smaller when there is little to do: it may always grow again, and only so far.
    setYoungGrowth(2 * youngBytes(spaces) <= YOUNG_BYTES ? 2 : 1)
    if (list.getEntries().some(isMajor)) setOldGrowth(oldGrowthPercent(spaces))
  })
  observer.observe({ entryTypes: ['gc'] })
}

type Spaces = ReturnType<typeof getHeapSpaceStatistics>

/** Of one of the young generation's two halves, which V8 doubles when much in it survives. */
function youngBytes(spaces: Spaces): number {
  const young = spaces.find(({ space_name }) => space_name === 'new_space')
  return young === undefined ? 0 : young.space_used_size + young.space_available_size
}

/** The less often all of the old generation is marked again for what is new in it, the better: that was a tenth of all work. */
function oldGrowthPercent(spaces: Spaces): number {
  let bytes = 0
  for (const { space_name, space_used_size } of spaces) if (!space_name.startsWith('new_')) bytes += space_used_size
  const others = process.memoryUsage.rss() - getHeapStatistics().total_physical_size + 2 * YOUNG_BYTES
  const percent = Math.floor(((RSS_BYTES - others) / bytes - 1) * 100)
  return Math.min(MOST_GROWTH_PERCENT, Math.max(LEAST_GROWTH_PERCENT, percent))
}

function isMajor(entry: PerformanceEntry & { readonly detail?: NodeGCPerformanceDetail }): boolean {
  return entry.detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

const RELEASE = Number.parseInt(process.versions.node, 10)
/** The compiler between the baseline and TurboFan leaves some 15 MB behind in malloc's arenas. It is on from Node.js 24. */
const HAS_MAGLEV = RELEASE >= 24
/** Less than a process is to take: what becomes garbage outside of the heap meanwhile, such as streams and buffers, stays in malloc's hands. */
const RSS_BYTES = 96 * 1024 * 1024
const LEAST_GROWTH_PERCENT = 30
const MOST_GROWTH_PERCENT = 150
/** Half of what Node.js 20 takes. */
const YOUNG_BYTES = (HAS_MAGLEV ? 4 : 8) * 1024 * 1024

import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * Keeps V8 from growing its heap by the machine's memory, which takes 300 MB and more for 30 MB that are used. By flags
 * that V8 reads at each garbage collection, so that the running process is the one to obey: a limit it would only take
 * from the command line, and end the process at it when a stranger fills the caches.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`)
  if (HAS_MAGLEV) setFlagsFromString('--no-maglev')
  setFlagsFromString('--semi-space-growth-factor=1')
  let mayGrow = false
  // V8 makes the young generation smaller when there is little to do: it may always grow again, and only so far.
  const observer = new PerformanceObserver(() => {
    const isSmall = 2 * youngBytes() <= YOUNG_BYTES
    if (isSmall === mayGrow) return
    mayGrow = isSmall
    setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`)
  })
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
/**
 * The old generation is collected when it has grown by this much since the last time, or by V8's own least of 8 MB. The
 * newer Node.js is, the more of it is in memory, and the less room is left.
 */
const OLD_GROWTH_PERCENT = RELEASE >= 24 ? 15 : 30
/** Half of what Node.js 20 takes. */
const YOUNG_BYTES = (HAS_MAGLEV ? 4 : 8) * 1024 * 1024

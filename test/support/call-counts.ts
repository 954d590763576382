import { Session } from 'node:inspector/promises'

/**
 * How often the functions of the built sources were called while `work` ran, by `file name`: `terms/json parseJsonStrictly`.
 * V8 counts (its precise coverage), so that the sources need no hooks; a function that was not called is not there.
 */
export async function callCounts(work: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    // Functions that were compiled before are counted from the next call on.
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    await session.post('Profiler.takePreciseCoverage')
    await work()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    const counts = new Map<string, number>()
    for (const { url, functions } of result) {
      const file = SOURCE.exec(url)?.[1]
      if (file === undefined) continue
      for (const { functionName, ranges } of functions) {
        const count = ranges[0]?.count ?? 0
        const name = `${file} ${functionName}`
        if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count)
      }
    }
    return counts
  } finally {
    await session.post('Profiler.stopPreciseCoverage')
    session.disconnect()
  }
}

const SOURCE = /\/dist\/src\/(.+)\.js$/

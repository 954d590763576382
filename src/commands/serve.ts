import { availableParallelism } from 'node:os'
import { isHeapLeftToV8, supervisorSettingsOfEnvironment } from '../config/environment.ts'
import { ConfigurationError } from '../config/reader.ts'
import { keepHeapSmall } from '../runtime/small-heap.ts'
import { supervisorLine } from '../runtime/supervisor-line.ts'

/**
 * Runs the service until SIGTERM or SIGINT: in this process, or in several that this one supervises (`WORKERS`). Resolves
 * to the exit status: 0, or 1 when it could not start.
 */
export async function serve(): Promise<number> {
  if (!isHeapLeftToV8(process.execArgv)) keepHeapSmall() // before anything big is loaded; each worker does so for itself
  const line = supervisorLine()
  const settings = line === undefined ? supervisorSettings() : undefined
  const workers = settings?.workers === 'auto' ? availableParallelism() : (settings?.workers ?? 1)
  // Each loads what it needs: a supervisor has no use for the service's own code.
  if (settings !== undefined && workers > 1) {
    const { supervise } = await import('./supervise.ts')
    return supervise({ ...settings, workers })
  }
  const { runService } = await import('./run-service.ts')
  return runService(line)
}

/** undefined where something is wrong with them: the service reads all settings, and says it with the rest. */
function supervisorSettings() {
  try {
    return supervisorSettingsOfEnvironment()
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined
    throw error
  }
}

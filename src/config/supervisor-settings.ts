import type { LogLevel } from '../runtime/log.ts'
import { createReader, type ReaderNeeds } from './reader.ts'
import { SUPERVISOR_VARIABLES, VARIABLES } from './variable-table.ts'

/** What a supervisor of workers must know; all else is each worker's own business. */
export interface SupervisorSettings {
  /** `auto`: as many as there are cores. */
  readonly workers: number | 'auto'
  readonly shutdownGraceMs: number
  readonly logLevel: LogLevel
  /** undefined: `METRICS=false`. */
  readonly metrics: { readonly port: number } | undefined
}

/** undefined: something is wrong with them. Whoever reads all settings says what, together with the rest. */
export function readSupervisorSettings(needs: ReaderNeeds): SupervisorSettings | undefined {
  const { values, problems } = createReader(SUPERVISOR_VARIABLES, { ...needs, all: VARIABLES })
  if (problems.length > 0) return undefined
  return {
    workers: values.WORKERS,
    shutdownGraceMs: values.SHUTDOWN_GRACE,
    logLevel: values.LOG_LEVEL,
    metrics: values.METRICS ? { port: values.METRICS_PORT } : undefined,
  }
}

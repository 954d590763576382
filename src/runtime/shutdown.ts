import { settlement } from './settlement.ts'
import type { SupervisorLine } from './supervisor-line.ts'

export interface Stop<Why> {
  readonly signalled: Promise<Why>
  dispose(): void
}

/** Waits for SIGTERM or SIGINT. A second one, when the first takes too long for somebody, ends the process at once. */
export function untilStopped(): Stop<NodeJS.Signals> {
  const { promise: signalled, resolve } = settlement<NodeJS.Signals>()
  let first = true
  const onSignal = (signal: NodeJS.Signals) => {
    if (!first) process.exit(1)
    first = false
    resolve(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return {
    signalled,
    dispose() {
      process.off('SIGTERM', onSignal)
      process.off('SIGINT', onSignal)
    },
  }
}

/**
 * The same for a worker, which stops when its supervisor says so, or at a SIGTERM of its own. A SIGINT, and a SIGTERM to
 * the whole group, come to the supervisor too: it alone decides how long this may take.
 */
export function untilToldToStop(line: Pick<SupervisorLine, 'hear'>): Stop<'supervisor' | 'SIGTERM'> {
  const { promise, resolve } = settlement<'supervisor' | 'SIGTERM'>()
  const unhear = line.hear(({ kind }) => {
    if (kind === 'stop') resolve('supervisor')
  })
  const onTerm = () => resolve('SIGTERM')
  const onInt = () => {}
  process.on('SIGTERM', onTerm)
  process.on('SIGINT', onInt)
  return {
    signalled: promise,
    dispose() {
      unhear()
      process.off('SIGTERM', onTerm)
      process.off('SIGINT', onInt)
    },
  }
}

import type { Logger } from '../runtime/log.ts'
import { asDenial } from '../terms/denial.ts'
import type { RedisClient } from './redis-client.ts'
import { createSteps } from './redis-steps.ts'

export interface Health {
  /** False until it has answered, and from the moment that it is known not to. */
  isHealthy(): boolean
  /** Settles with the first answer. */
  readonly answered: Promise<void>
  close(): void
}

export interface HealthNeeds {
  readonly client: RedisClient
  readonly commandMs: number
  readonly heartbeatMs: number
  readonly log: Logger
}

/**
 * Looks after the connection: once it stands and then regularly a small write, because a server may answer and yet take
 * nothing (a replica, a disk that is full, a permission that is missing). The log has a line for each change, and for each
 * other cause.
 */
export function watchHealth({ client, commandMs, heartbeatMs, log }: HealthNeeds): Health {
  const { ask } = createSteps({ client, commandMs })
  let healthy: boolean | undefined
  let closed = false

  /** What was said to be wrong since it last answered: the first cause that shows is seldom the one that helps. */
  const told = new Set<string>()

  function notice(answers: boolean, cause = 'unknown'): void {
    if (closed) return
    if (answers) {
      if (healthy !== true) log.info('the store answers')
      told.clear()
    } else if (!told.has(cause) && told.size < CAUSES) {
      told.add(cause)
      log.error({ cause }, 'the store cannot be used: trying on')
    }
    healthy = answers
  }
  async function beat(): Promise<void> {
    try {
      await ask((asked) => asked.set('octo-sts:alive', '', 'PX', heartbeatMs))
      notice(true)
    } catch (error) {
      const { reason, cause } = asDenial(error)
      notice(reason === 'STORE_FULL', cause instanceof Error ? cause.message : undefined)
    }
  }

  client.on('error', (error: Error) => notice(false, error.message))
  client.on('close', () => notice(false, 'the connection was closed'))
  const answered = new Promise<void>((resolve) => {
    client.on('ready', () => void beat().then(resolve))
  })
  const timer = setInterval(beat, heartbeatMs).unref()
  return {
    isHealthy: () => !closed && healthy === true,
    answered,
    close() {
      closed = true
      clearInterval(timer)
    },
  }
}

/** Texts of a server are not all alike; the log is not to repeat them for ever. */
const CAUSES = 8

import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '../runtime/log.ts'
import { Denial } from '../terms/denial.ts'

export interface KeyProof {
  /** True once GitHub has accepted the App's key. */
  readonly isProved: () => boolean
  /** Resolves once GitHub has accepted the key; rejects when it refuses it, or when `signal` aborts. */
  readonly proved: Promise<void>
}

interface KeyProver {
  proveKey(signal: AbortSignal): Promise<{ readonly id: number; readonly slug: string }>
}

/** Asks GitHub whether it knows the App by its key, again and again while GitHub does not answer (1 s to 30 s apart). */
export function createKeyProof(github: KeyProver, { log, signal }: { log: Logger; signal: AbortSignal }): KeyProof {
  let done = false
  async function prove(): Promise<void> {
    for (let delayMs = 1_000; ; delayMs = Math.min(delayMs * 2, 30_000)) {
      try {
        const app = await github.proveKey(signal)
        log.info({ app_id: app.id, app_slug: app.slug }, 'GitHub knows the App by its key')
        done = true
        return
      } catch (error) {
        if (signal.aborted || (error instanceof Denial && error.reason === 'APP_CREDENTIALS_REFUSED')) throw error
        log.warn(
          { error: error instanceof Error ? error.message : 'unknown' },
          'GitHub did not answer: not ready until it has',
        )
      }
      await pause(delayMs, undefined, { signal, ref: false })
    }
  }
  const proved = prove()
  proved.catch(() => {}) // whoever waits for it is told
  return { isProved: () => done, proved }
}

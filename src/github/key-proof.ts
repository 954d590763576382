import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from '../runtime/log.ts'
import { Denial } from '../terms/denial.ts'

export interface KeyProof {
  /** True once GitHub has said of each App whether it accepts its key, and accepts one at least. */
  readonly isProved: () => boolean
  /** Resolves then; rejects when GitHub refuses the keys of all Apps, or when `signal` aborts. */
  readonly proved: Promise<void>
}

interface KeyProver {
  readonly id: number
  proveKey(signal: AbortSignal): Promise<{ readonly id: number; readonly slug: string }>
}

interface ProofOptions {
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Asks GitHub whether it knows each App by its key, again and again while there is no answer (1 s to 30 s apart). */
export function createKeyProof(apps: readonly KeyProver[], options: ProofOptions): KeyProof {
  let done = false
  async function proveAll(): Promise<void> {
    const outcomes = await Promise.all(apps.map((app) => proveOne(app, options)))
    const refusal = outcomes.find((outcome) => outcome !== undefined)
    if (refusal !== undefined && outcomes.every((outcome) => outcome !== undefined)) throw refusal
    done = true
  }
  const proved = proveAll()
  proved.catch(() => {}) // whoever waits for it is told
  return { isProved: () => done, proved }
}

/** Undefined when the key is good, or why it is not. */
async function proveOne(app: KeyProver, { log, signal }: ProofOptions): Promise<Denial | undefined> {
  for (let delayMs = 1_000; ; delayMs = Math.min(delayMs * 2, 30_000)) {
    try {
      const { id, slug } = await app.proveKey(signal)
      log.info({ app_id: id, app_slug: slug }, 'GitHub knows the App by its key')
      return undefined
    } catch (error) {
      if (signal.aborted) throw error
      if (error instanceof Denial && FINAL.has(error.reason)) {
        log.error(
          { app_id: app.id, reason: error.reason, err: error.cause },
          error.reason === 'SIGNER_REFUSED'
            ? 'the App cannot be used: check the name of its key and the right to sign with it'
            : 'the App cannot be used: check its id, its key, GITHUB_BASE_URL and the clock of this machine',
        )
        return error
      }
      const message = error instanceof Error ? error.message : 'unknown'
      const who = error instanceof Denial && error.reason === 'SIGNER_UNAVAILABLE' ? SIGNER : 'GitHub'
      log.warn({ app_id: app.id, error: message }, `${who} did not answer: not ready until it has`)
    }
    await pause(delayMs, undefined, { signal, ref: false })
  }
}

const SIGNER = 'the key management service'
const FINAL: ReadonlySet<string> = new Set(['APP_CREDENTIALS_REFUSED', 'SIGNER_REFUSED'])

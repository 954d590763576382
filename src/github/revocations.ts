import type { InstallationToken } from '../exchange/ports.ts'
import type { Logger } from '../runtime/log.ts'
import { describe } from './answer.ts'
import type { Call } from './call.ts'

export interface Revocations {
  /** Gives a token up in the background; returns at once and never fails (contract §11.9). */
  revoke(token: InstallationToken): void
  /** Resolves when nothing is left to revoke; each revocation ends by the limits of its calls. */
  settled(): Promise<void>
}

export function createRevocations(call: Call, log: Logger): Revocations {
  const pending = new Set<Promise<void>>()
  return {
    revoke(token) {
      if (pending.size >= PENDING_LIMIT) {
        log.error({ installation: token.installationId }, 'too many revocations under way: a token is left to expire')
        return
      }
      const work = revokeNow(token, call, log).finally(() => pending.delete(work))
      pending.add(work)
    },
    async settled() {
      while (pending.size > 0) await Promise.all(pending)
    },
  }
}

/** The token is its own credential. 401: it is dead already. */
async function revokeNow({ token, installationId }: InstallationToken, call: Call, log: Logger): Promise<void> {
  try {
    const answer = await call({
      route: 'DELETE /installation/token',
      as: { token },
      owner: undefined,
      doing: 'revoking a token',
      retry: 'safe',
      maxBytes: ANSWER_LIMIT_BYTES,
    })
    if (answer.status === 204 || answer.status === 401) log.info({ installation: installationId }, 'revoked a token')
    else log.warn({ installation: installationId, err: describe(answer) }, 'a token could not be revoked')
  } catch (err) {
    log.warn({ installation: installationId, err }, 'a token could not be revoked')
  }
}

/** Callers who leave by the thousand are an attack or an outage; the tokens end by themselves after an hour. */
const PENDING_LIMIT = 1000
const ANSWER_LIMIT_BYTES = 64 * 1024

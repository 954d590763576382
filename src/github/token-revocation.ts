import type { Clock } from '../exchange/ports.ts'
import { untilAborted } from '../runtime/single-flight.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import type { Call } from './call.ts'
import { unreadable } from './known-failures.ts'

/** What became of a token: GitHub ended it, GitHub does not know it, or GitHub may not be asked just now. */
export type TokenRevocation = 'revoked' | 'unknown' | 'busy'

export interface TokenRevocations {
  /**
   * Ends an installation token at GitHub. Refuses with `GITHUB_*` when GitHub does not answer or answers nonsense, and with
   * the signal's reason.
   */
  revokeToken(token: string, signal: Cancellation): Promise<TokenRevocation>
  /** Resolves when no call is under way; each ends by its own limits. */
  settled(): Promise<void>
}

/**
 * Revocation for strangers. Each string they send would be one more failed log-in from this address, and for many of
 * those GitHub blocks an address; so a call takes from a budget, and has it back only when GitHub knew the token, or said
 * nothing about it. `call` must have a connection pool of its own, that a slow revocation cannot hold up an exchange.
 */
export function createTokenRevocations(call: Call, clock: Pick<Clock, 'monotonic'>): TokenRevocations {
  const budget = createBudget(clock)
  const pending = new Set<Promise<unknown>>()

  const ask = async (token: string): Promise<TokenRevocation> => {
    let outcome: unknown
    try {
      const answer = await call({
        route: 'DELETE /installation/token',
        as: { token },
        owner: undefined,
        doing: DOING,
        retry: 'unreached',
        maxBytes: ANSWER_LIMIT_BYTES,
      })
      outcome = answer.status
      if (answer.status === 204) return 'revoked'
      if (answer.status === 401) return 'unknown'
      throw unreadable(DOING, answer)
    } catch (error) {
      outcome ??= error
      throw error
    } finally {
      if (!isOurFault(outcome)) budget.giveBack()
    }
  }

  return {
    async revokeToken(token, signal) {
      signal.throwIfAborted()
      if (!budget.take()) return 'busy'
      const work = ask(token)
      const tracked = work.catch(() => {}).finally(() => pending.delete(tracked))
      pending.add(tracked)
      return untilAborted(work, signal)
    },
    async settled() {
      while (pending.size > 0) await Promise.all(pending)
    },
  }
}

/** True for what GitHub counts against us: a refusal of the token, and a rate limit. */
function isOurFault(outcome: unknown): boolean {
  if (typeof outcome === 'number') return outcome >= 400
  return outcome instanceof Denial && outcome.reason === 'GITHUB_RATE_LIMITED'
}

interface Budget {
  take(): boolean
  giveBack(): void
}

/** A token bucket whose takings come before the answer: what is under way counts, so that many at once are bounded too. */
function createBudget(clock: Pick<Clock, 'monotonic'>): Budget {
  let level = BURST
  let at = clock.monotonic()
  const refill = () => {
    const now = clock.monotonic()
    level = Math.min(BURST, level + ((now - at) / 60_000) * PER_MINUTE)
    at = now
  }
  return {
    take() {
      refill()
      if (level < 1) return false
      level -= 1
      return true
    },
    giveBack() {
      level = Math.min(BURST, level + 1)
    },
  }
}

const DOING = 'revoking a token'
const ANSWER_LIMIT_BYTES = 64 * 1024
/** A hundred in the first minute at the most, which is far below what GitHub takes for an attack. */
const BURST = 80
const PER_MINUTE = 20

import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import type { Logger } from '../runtime/log.ts'
import { createSingleFlight, untilAborted } from '../runtime/single-flight.ts'
import { type Cancellation, Canceller } from '../terms/cancellation.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import type { Provider } from './discovery.ts'
import type { Limits } from './limits.ts'

/** What an issuer answered, and when (monotonic milliseconds). */
export interface Loaded {
  readonly provider: Provider
  readonly answeredAt: number
}

/** The issuers' keys: fetched once for everybody who asks, kept for a while, asked for again when a key is missing. */
export interface Providers {
  /** What an issuer answered so lately that it need not be asked; it counts as used. Undefined where there is no such answer. */
  fresh(issuer: string): Loaded | undefined
  /** Refuses with `ISSUER_*`. */
  current(issuer: string, signal: Cancellation): Promise<Loaded>
  /**
   * A newer answer than `seen`, for a token whose key is not there: one fetch in 30 s, whoever asks. Undefined when there
   * is none to be had before that; refuses with `ISSUER_*` when it was asked for in vain.
   */
  newerThan(seen: Loaded, issuer: string, signal: Cancellation): Promise<Loaded | undefined>
  /**
   * Asks issuers again whose answer is no longer fresh, if somebody used it, so that the next caller need not wait for it.
   * To be called every `renewEveryMs`; over when all of them have answered or failed.
   */
  renew(): Promise<void>
}

export interface ProvidersOptions {
  /** Asks the issuer; `known` when it answered well before. It must end by itself. */
  readonly load: (issuer: string, known: boolean) => Promise<Provider>
  readonly clock: Clock
  readonly log: Logger
  readonly limits: Limits
}

export function createProviders({ load, clock, log, limits }: ProvidersOptions): Providers {
  const flights = createSingleFlight<Loaded>()
  const good = new LRUCache<string, Entry>({
    max: limits.issuers,
    maxSize: limits.totalBytes,
    sizeCalculation: ({ loaded }) => ENTRY_BYTES + loaded.provider.keys.memoryBytes,
  })
  // Apart from what is good, so that inventing issuers pushes out no real one.
  const failures = new LRUCache<string, { readonly denial: Denial; readonly until: number }>({ max: limits.failures })

  const reload = (issuer: string): Promise<Loaded> => {
    const remembered = recentFailure(issuer)
    const result =
      remembered === undefined ? flights.run(issuer, unending(), () => ask(issuer)) : Promise.reject<Loaded>(remembered)
    result.catch(() => {}) // nobody may be waiting
    return result
  }

  const recentFailure = (issuer: string): Denial | undefined => {
    const leftMs = (failures.get(issuer)?.until ?? 0) - clock.monotonic()
    const denial = failures.get(issuer)?.denial
    return denial !== undefined && leftMs > 0 ? withRetry(denial, leftMs) : undefined
  }

  const ask = async (issuer: string): Promise<Loaded> => {
    const before = good.peek(issuer)
    try {
      const provider = await load(issuer, before !== undefined)
      const loaded = { provider, answeredAt: clock.monotonic() }
      good.set(issuer, { loaded, failing: false, isUsed: false, extra: before?.extra })
      failures.delete(issuer)
      return loaded
    } catch (error) {
      throw remember(issuer, error)
    }
  }

  const remember = (issuer: string, error: unknown): Denial => {
    const denial = asDenial(error)
    if (denial.reason === 'ISSUER_BUSY') return denial // nobody was asked
    const entry = good.peek(issuer)
    // Strangers' issuers fail all day; one that worked before is the operator's business.
    log[entry === undefined ? 'info' : 'warn'](
      { issuer, reason: denial.reason, cause: textOf(denial.cause) },
      denial.message,
    )
    failures.set(issuer, { denial, until: clock.monotonic() + limits.failureMs })
    if (!mayPass(denial))
      good.delete(issuer) // it says that it is no issuer any more
    else if (entry !== undefined) entry.failing = true
    return withRetry(denial, limits.failureMs)
  }

  return {
    fresh(issuer) {
      const entry = good.get(issuer)
      if (entry === undefined || clock.monotonic() - entry.loaded.answeredAt >= limits.freshMs) return undefined
      entry.isUsed = true
      return entry.loaded
    },

    async current(issuer, signal) {
      const entry = good.get(issuer)
      const age = entry === undefined ? 0 : clock.monotonic() - entry.loaded.answeredAt
      if (entry === undefined || age >= limits.keepMs) return untilAborted(reload(issuer), signal)
      entry.isUsed = true
      if (age < limits.freshMs) return entry.loaded
      const reloading = reload(issuer)
      if (age < limits.staleMs || entry.failing) return entry.loaded
      return untilAborted(reloading, signal).catch((error: unknown) => {
        if (!signal.aborted && mayPass(error)) return entry.loaded
        throw error
      })
    },

    async newerThan(seen, issuer, signal) {
      const entry = good.peek(issuer)
      if (entry === undefined) return untilAborted(reload(issuer), signal)
      if (entry.loaded !== seen) return entry.loaded
      const failure = recentFailure(issuer)
      if (failure !== undefined) throw failure
      const now = clock.monotonic()
      if (entry.extra === undefined || now - entry.extra.at >= limits.unknownKeyMs) {
        entry.extra = { at: now, result: reload(issuer) }
      }
      const newest = await untilAborted(entry.extra.result, signal)
      return newest.answeredAt > seen.answeredAt ? newest : undefined
    },

    async renew() {
      const bestBefore = clock.monotonic() - limits.freshMs
      const due = [...good.entries()].filter(([, { isUsed, loaded }]) => isUsed && loaded.answeredAt <= bestBefore)
      // What was used last comes first: a crowd of invented issuers keeps no busy one waiting.
      const renewals = due.slice(0, limits.renewals).map(([issuer, entry]) => {
        entry.isUsed = false // one try for each use, should it fail
        return reload(issuer)
      })
      await Promise.allSettled(renewals)
    },
  }
}

interface Entry {
  readonly loaded: Loaded
  /** Somebody asked for it since it was had, or since it was last asked for in the background. */
  isUsed: boolean
  /** It could not be asked since. */
  failing: boolean
  /** The last fetch for a missing key, which outlives the answer it was made for. */
  extra: { readonly at: number; readonly result: Promise<Loaded> } | undefined
}

/** True when asking again may succeed: until then what it said before still counts. */
function mayPass(error: unknown): boolean {
  return error instanceof Denial && (error.reason === 'ISSUER_UNAVAILABLE' || error.reason === 'ISSUER_BUSY')
}

function withRetry(denial: Denial, retryAfterMs: number): Denial {
  if (denial.reason !== 'ISSUER_UNAVAILABLE') return denial
  return new Denial(denial.reason, denial.message, { cause: denial.cause, retryAfterMs: Math.ceil(retryAfterMs) })
}

function textOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return cause === undefined ? undefined : String(cause)
  return cause.cause === undefined ? cause.message : `${cause.message}: ${textOf(cause.cause)}`
}

/** The signal of work that nobody in particular waits for: one each, as listeners pile up on a shared one. */
const unending = () => new Canceller()

/** What an entry takes beside its keys. */
const ENTRY_BYTES = 4_096

import { type Cancellation, Canceller } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'

/**
 * The time a caller gives us, in milliseconds, from `grpc-timeout`: at most 8 digits and a unit of H M S m u n (gRPC over
 * HTTP/2, "Timeout"). Infinity without the header. Refuses with `REQUEST_MALFORMED`.
 */
export function parseGrpcTimeout(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  const [, amount, unit] = TIMEOUT.exec(text) ?? []
  const unitMs = unit === undefined ? undefined : UNIT_MS[unit]
  if (amount === undefined || unitMs === undefined) {
    throw new Denial('REQUEST_MALFORMED', 'grpc-timeout is not a number of at most 8 digits and one of H M S m u n', {
      field: 'grpc-timeout',
    })
  }
  return Number(amount) * unitMs
}

/** The life of one request: it ends, or is aborted once, with the Denial that says why: `DEADLINE_EXCEEDED` after `ms`. */
export class Lifetime {
  readonly #canceller = new Canceller()
  readonly #timer: NodeJS.Timeout
  #ended = false

  constructor(ms: number) {
    this.#timer = setTimeout(expire, Math.ceil(ms), this, ms)
  }

  get signal(): Cancellation {
    return this.#canceller
  }

  /** Does nothing when it has ended: after an answer nobody listens, and every stream closes some time. */
  abort(why: () => Denial): void {
    if (this.#ended) return
    this.end()
    this.#canceller.abort(why())
  }

  /** The answer is out: stops the clock. */
  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }
}

function expire(lifetime: Lifetime, ms: number): void {
  lifetime.abort(() => deadlineExceeded(ms))
}

/** The caller has gone: nobody reads this one, but the log and the event. */
export function callerLeft(): Denial {
  return new Denial('CANCELLED', 'the caller left before the answer')
}

export function deadlineExceeded(ms: number): Denial {
  return new Denial('DEADLINE_EXCEEDED', `the exchange was not done within ${Math.ceil(ms)} ms: try again`)
}

const TIMEOUT = /^(\d{1,8})([HMSmun])$/
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 }

import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import { type Answer, describe } from './answer.ts'
import type { AppJwt } from './app-jwt.ts'
import { NoAnswer } from './no-answer.ts'
import type { QuotaBook } from './quota-book.ts'
import { rateLimitOf, retryAfterMs } from './rate-limit.ts'
import type { Rest, RestRequest } from './rest.ts'

/** A request with what a refusal has to say about it. */
interface CallRequest extends RestRequest {
  /** Completes "GitHub did not answer while …". */
  readonly doing: string
  /** Whose quota it spends; undefined: the App's alone. */
  readonly owner: string | undefined
  /** `safe`: a second request does no harm. `unreached`: only when the first cannot have been answered. */
  readonly retry: 'safe' | 'unreached'
  /** False when nobody waits any more, so that no second try is made. */
  readonly wanted?: (() => boolean) | undefined
}

/**
 * One call with at most one more try. Answers of 2xx, 3xx and 4xx are returned; refused with a Denial are: no answer
 * (`GITHUB_TIMEOUT`, `GITHUB_UNAVAILABLE`), 5xx (`GITHUB_UNAVAILABLE`), rate limits (`GITHUB_RATE_LIMITED`), and a 401 to
 * the App's own JWT, also to a fresh one (`APP_CREDENTIALS_REFUSED`).
 */
export type Call = (request: CallRequest) => Promise<Answer>

export interface CallOptions {
  readonly rest: Rest
  readonly appId: number
  readonly appJwt: AppJwt
  readonly quota: QuotaBook
  readonly now: () => number
  readonly monotonic: () => number
  readonly callLimitMs: number
}

export function createCall({ rest, appId, appJwt, quota, now, monotonic, callLimitMs }: CallOptions): Call {
  const attempt = async (request: CallRequest, { sent, serial } = begin(request)): Promise<Answer | NoAnswer> => {
    try {
      const answer = await sent
      if (answer.status !== 401 || request.as !== 'app') return answer
      // The clocks may have drifted, or the key been rotated at GitHub: a fresh signature tells.
      appJwt.discard(serial)
      const again = await rest.send(request)
      if (again.status === 401) throw credentialsRefused(again)
      return again
    } catch (error) {
      if (error instanceof NoAnswer) return error
      throw error
    }
  }
  const begin = (request: CallRequest): Begun => ({
    at: monotonic(),
    serial: appJwt.serial(),
    sent: rest.send(request),
  })

  const finish = async (request: CallRequest, begun: Begun): Promise<Answer> => {
    const first = await attempt(request, begun)
    let outcome = first
    const inTime = () => monotonic() - begun.at < callLimitMs / 2 && request.wanted?.() !== false
    if (isWorthAnotherTry(outcome, request.retry) && inTime()) {
      await pause()
      if (inTime()) outcome = await attempt(request)
    }
    if (outcome instanceof NoAnswer) throw unanswered(outcome, request, callLimitMs)
    if (outcome.status >= 500) throw broken(outcome, request)
    if (first instanceof NoAnswer && request.retry === 'unreached' && outcome.status >= 400)
      throw uncertain(outcome, request)
    const limit = rateLimitOf(outcome, now())
    if (limit !== undefined) {
      const { as } = request
      if (as === 'app') quota.limited({ appId, installationId: undefined }, limit)
      else if (as.installationId !== undefined) quota.limited({ appId, installationId: as.installationId }, limit)
      throw rateLimited(limit, outcome, request)
    }
    return outcome
  }

  return (request) => {
    const begun = begin(request)
    const further = () => finish(request, begun)
    // What is no refusal is nearly all there is, and is handed on as it comes.
    return begun.sent.then((answer) => (answer.status < 400 ? answer : further()), further)
  }
}

/** A first try that is under way. */
interface Begun {
  /** On the monotonic clock. */
  readonly at: number
  /** Of the App's JWT that it went out with. */
  readonly serial: number
  readonly sent: Promise<Answer>
}

function isWorthAnotherTry(outcome: Answer | NoAnswer, retry: CallRequest['retry']): boolean {
  if (outcome instanceof NoAnswer) return outcome.kind === 'unreached' || (retry === 'safe' && outcome.kind === 'cut')
  // An answer of 5xx to a mint may still have made a token, and a second one would live beside it, unused, for an hour.
  return retry === 'safe' && outcome.status >= 500 && outcome.headers['retry-after'] === undefined
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS + Math.random() * PAUSE_MS))
}

function unanswered(cause: NoAnswer, { doing }: CallRequest, limitMs: number): Denial {
  return cause.kind === 'timeout'
    ? new Denial('GITHUB_TIMEOUT', `GitHub did not answer within ${limitMs / 1000} s while ${doing}; try again`, {
        cause,
      })
    : new Denial('GITHUB_UNAVAILABLE', `GitHub did not answer while ${doing}; try again`, { cause })
}

/** The connection of the first try may have broken after GitHub had done what it was asked: the second's no is not the last word. */
function uncertain(answer: Answer, { doing }: CallRequest): Denial {
  return new Denial(
    'GITHUB_UNAVAILABLE',
    `GitHub did not answer at first, and then with ${answer.status}, while ${doing}; try again`,
    { cause: describe(answer) },
  )
}

function broken(answer: Answer, { doing }: CallRequest): Denial {
  const retry = retryAfterMs(answer, Number.NaN)
  return new Denial('GITHUB_UNAVAILABLE', `GitHub answered ${answer.status} while ${doing}; try again`, {
    cause: describe(answer),
    ...(retry === undefined ? {} : { retryAfterMs: retry }),
  })
}

function rateLimited(limitMs: number, answer: Answer, { owner }: CallRequest): Denial {
  const whom = owner === undefined ? 'the GitHub App' : quote(owner)
  const seconds = Math.ceil(limitMs / 1000)
  return new Denial('GITHUB_RATE_LIMITED', `GitHub API rate limit exceeded for ${whom}: try again in ${seconds} s`, {
    cause: describe(answer),
    retryAfterMs: limitMs,
  })
}

function credentialsRefused(answer: Answer): Denial {
  return new Denial(
    'APP_CREDENTIALS_REFUSED',
    'failed to get token: GitHub does not accept the credentials of this service; its operator must check the App id and the private key',
    { cause: describe(answer) },
  )
}

/** Long enough for a load balancer to take a dead machine out, short beside the 10 s of an exchange; once more at random. */
const PAUSE_MS = 50

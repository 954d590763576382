import { CLIENT, type Tracer } from '../terms/tracer.ts'
import { type Answer, messageOf, parsed } from './answer.ts'
import type { AppJwt } from './app-jwt.ts'
import type { PoolFetch, Received } from './pool-fetch.ts'

/** A request of the App's with its path and its JSON as they go out. */
export interface Direct {
  readonly path: string
  readonly body: string
  /**
   * What is wanted of the JSON of an answer of 2xx. The rest is gone before any promise has it: those that have waited for
   * GitHub are old to V8, and what they resolve with stays until it next looks at everything.
   */
  readonly wanted: (body: unknown) => unknown
}

interface DirectRequest {
  /** A template. */
  readonly route: string
  readonly maxBytes: number
}

export interface DirectSendOptions {
  readonly pool: Pick<PoolFetch, 'send'>
  readonly appJwt: AppJwt
  readonly userAgent: string
  readonly callLimitMs: number
  readonly tracer: Tracer
  readonly now: () => number
}

type SendDirect = (request: DirectRequest, direct: Direct) => Promise<Answer>

/**
 * The request that each exchange makes, as the App, past Octokit, which costs more than all else in an exchange; one try.
 * What Octokit's App authentication does is done here: the cached JWT is added, and when GitHub refuses that for its times,
 * the request is made once more with one by GitHub's clock. Throws NoAnswer, and what the signer refuses with.
 */
export function createDirectSend(options: DirectSendOptions): SendDirect {
  const { pool, appJwt, userAgent, callLimitMs: ms, tracer, now } = options
  const common = { ...API_HEADERS, 'user-agent': userAgent, 'content-type': 'application/json; charset=utf-8' }
  let built = { jwt: '', headers: [] as readonly string[] }

  /** Put together once for all the requests that a JWT lives for. */
  const headersWith = (jwt: string): readonly string[] => {
    if (built.jwt !== jwt)
      built = { jwt, headers: Object.entries({ ...common, authorization: `Bearer ${jwt}` }).flat() }
    return built.headers
  }

  const send = ({ route, maxBytes }: DirectRequest, direct: Direct, jwt: string): Promise<Answer> => {
    const method = route.slice(0, route.indexOf(' '))
    const request = { method, path: direct.path, headers: headersWith(jwt), body: direct.body }
    return tracer.span(
      `GitHub ${route}`,
      (span) => {
        const read = (received: Received): Answer => {
          span.set('http.response.status_code', received.status)
          return answerOf(received, direct.wanted)
        }
        return pool.send(request, read, { ms, maxBytes })
      },
      CLIENT,
    )
  }

  return (request, direct) => {
    const sendSigned = async (skewSeconds?: number): Promise<Answer> =>
      send(request, direct, (await appJwt.get(skewSeconds)).jwt)
    const jwt = appJwt.current()
    const sent = jwt === undefined ? sendSigned() : send(request, direct, jwt)
    return sent.then((answer) => {
      const skewSeconds = clockSkewOf(answer, now())
      return skewSeconds === undefined ? answer : sendSigned(skewSeconds)
    })
  }
}

/**
 * What was received, its JSON parsed. All that counts in an answer of 2xx is ASCII: a token, a time, names. Read as Latin-1, descriptions in other scripts do not
 * make a text of two bytes a character of it, which takes twice the time of parsing it; such characters come out wrong, so
 * that a name with one is no name that was asked for. What is JSON by the one reading is by the other: only within its
 * strings may it have such bytes. A refusal of more than 256 KiB says nothing that is looked for, and is not parsed.
 */
export function answerOf({ status, headers, chunks }: Received, wanted: Direct['wanted']): Answer {
  const isSuccess = status >= 200 && status < 300
  return { status, headers, body: isSuccess ? wanted(parsed(latin1Of(chunks))) : parsed(refusalOf(chunks)) }
}

/** Joined as text, not as bytes: V8 sees to the garbage of buffers only when there are 32 MB of it. */
function latin1Of(chunks: readonly Buffer[]): string {
  let text = ''
  for (const chunk of chunks) text += chunk.toString('latin1')
  return text
}

function refusalOf(chunks: readonly Buffer[]): string {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return length > REFUSAL_BYTES ? '' : Buffer.concat(chunks).toString('utf8')
}

/** GitHub's clock minus ours in seconds, from its refusal of a JWT for its times (NaN: it does not tell); undefined for any other answer. */
function clockSkewOf(answer: Answer, nowMs: number): number | undefined {
  const { date } = answer.headers
  if (answer.status !== 401 || date === undefined || !OF_TIMES.test(messageOf(answer.body))) return undefined
  return Math.floor((Date.parse(date) - nowMs) / 1000)
}

export const API_HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' } as const

/** GitHub's own have less than a KiB. */
const REFUSAL_BYTES = 262_144
/** The texts that Octokit's App authentication looks for; GitHub says it in no other way. */
const OF_TIMES = /'(?:Expiration time|Issued at)' claim \('(?:exp|iat)'\)/

import { type Dispatcher, Pool } from 'undici'
import { gathered } from '../runtime/abreast.ts'
import { type AnswerRoom, createAnswerRoom, type Resumable } from './answer-room.ts'
import { LargeBody, Shelf } from './large-body.ts'
import { createLine } from './line.ts'
import { NoAnswer } from './no-answer.ts'

/** What Octokit hands to its `fetch` (a part of the Fetch standard's RequestInit). */
export interface FetchInit {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string
}

/** What Octokit reads of an answer. The body is read already, and is always text: `rest` alone parses it. */
export interface FetchedAnswer {
  readonly url: string
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  text(): Promise<string>
}

export interface PoolFetch {
  /** One request on a kept-alive connection. Follows no redirect, knows no proxy. Throws NoAnswer. */
  fetch(url: string, init: FetchInit, limit: FetchLimit): Promise<FetchedAnswer>
  /** The same without Octokit's part: what `read` makes of the answer, as soon as its last byte is there. */
  send<T>(request: DirectInit, read: (received: Received) => T, limit: FetchLimit): Promise<T>
  close(): Promise<void>
}

export interface DirectInit {
  readonly method: string
  /** Behind the base URL's own. */
  readonly path: string
  /** A name, its value, the next name, …: as undici takes them at the least cost. */
  readonly headers: readonly string[]
  readonly body: string
}

export interface Received {
  readonly status: number
  /** Those of use. */
  readonly headers: Readonly<Record<string, string>>
  /** The bytes of the body, in their order, for who reads them at once. */
  readonly chunks: readonly Buffer[]
}

interface FetchLimit {
  /** From the request on to the last byte of the answer. */
  readonly ms: number
  readonly maxBytes: number
}

/**
 * A `fetch` for Octokit over one undici pool: a sixth of the processor time of the global one (which costs more than all
 * else in an exchange), and with an end to the size and the time of what GitHub sends.
 */
export function createPoolFetch(baseUrl: string, connectTimeoutMs: number, connections = CONNECTIONS): PoolFetch {
  const { origin, pathname } = new URL(baseUrl)
  const basePath = pathname.replace(/\/+$/, '')
  const pool = new Pool(origin, {
    connections,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Each call has a limit of its own, from its first moment to its last byte.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const line = createLine(connections)
  const space: Space = { room: createAnswerRoom(ROOM_BYTES), shelf: new Shelf(ROOM_BYTES) }
  const dispatch = <T>(
    options: Dispatcher.DispatchOptions,
    read: (received: Received) => T,
    limit: FetchLimit,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      // Read together with the answers that have come at the same time.
      const answered = (received: Received) =>
        void gathered(reception.weight)
          .then(() => {
            try {
              resolve(read(received))
            } finally {
              reception.done()
            }
          })
          .catch(reject)
      const reception = new Reception(limit, space, { answered, failed: reject, ended: line.next })
      reception.leave = line.enter(() => pool.dispatch(options, reception))
    })
  return {
    async fetch(url, { method, headers, body }, limit) {
      if (!url.startsWith(`${origin}/`))
        throw new NoAnswer('unreached', 'a request for another origin than GITHUB_BASE_URL')
      const options = { path: url.slice(origin.length), method: method as 'GET', headers, body: body ?? null }
      const read = ({ status, headers: received, chunks }: Received): FetchedAnswer => {
        const text = Buffer.concat(chunks).toString('utf8')
        const asText = new Map([...Object.entries(received), ALWAYS_TEXT])
        return { url, status, headers: asText, text: async () => text }
      }
      return dispatch(options, read, limit)
    },
    send: ({ method, path, headers, body }, read, limit) =>
      dispatch({ path: basePath + path, method: method as 'GET', headers: headers as string[], body }, read, limit),
    close: () => pool.destroy(),
  }
}

/** What large answers share. */
interface Space {
  readonly room: AnswerRoom
  readonly shelf: Shelf
}

/** Who is told what came of a request that was made; `ended` first, and always. */
interface Told {
  readonly answered: (received: Received) => void
  readonly failed: (error: unknown) => void
  readonly ended: () => void
}

/**
 * Takes one answer. Who waits for a connection does so in a line of ours: undici would hand a connection to a request that
 * nobody waits for any more, and break it to be rid of the request, so that a server that is late once would have to greet
 * everybody anew, and be late for that.
 *
 * By undici's handler and not by its streams, which cost as much again as the request; and by the older of its two forms,
 * which hands on the headers as they came: the newer makes an object of all two dozen that GitHub sends, a fifth of what a
 * whole call costs, and nine of them are of use.
 */
class Reception implements Dispatcher.DispatchHandler, Resumable {
  /** Leaves the line of those who wait for a connection. */
  leave: () => void = () => {}
  /** Goes on to read, after `onData` has said that it must wait. */
  resume: () => void = () => {}
  readonly #limit: FetchLimit
  readonly #space: Space
  #told: Told
  readonly #timer: NodeJS.Timeout
  #abort: ((error: Error) => void) | undefined
  #late: NoAnswer | undefined
  #status = 0
  #headers: Received['headers'] | undefined
  #length = 0
  #chunks: Buffer[] = []
  /** Of an answer that is not small, instead of its chunks. */
  #large: LargeBody | undefined

  constructor(limit: FetchLimit, space: Space, told: Told) {
    this.#limit = limit
    this.#space = space
    this.#told = told
    this.#timer = setTimeout(expire, limit.ms, this)
  }

  expire(): void {
    this.#late = new NoAnswer('timeout', `no whole answer within ${this.#limit.ms} ms`)
    this.#told.failed(this.#late) // it may not even have a connection yet
    this.leave()
    this.#abort?.(this.#late)
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort
    if (this.#late !== undefined) abort(this.#late)
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void): boolean {
    this.resume = resume
    this.#status = status
    this.#headers = kept(headers)
    return true
  }

  onData(chunk: Buffer): boolean {
    const { maxBytes } = this.#limit
    this.#length += chunk.length
    if (this.#length > maxBytes) {
      // Closes the connection, and tells of it at once: nothing more is received, and no room taken.
      this.#abort?.(new NoAnswer('oversized', `the answer is larger than ${maxBytes} bytes`))
      return true
    }
    if (this.#length <= SMALL_BYTES) {
      this.#chunks.push(chunk)
      return true
    }
    this.#large ??= this.#enlarged()
    this.#large.add(chunk)
    return this.#space.room.take(this, chunk.length)
  }

  #enlarged(): LargeBody {
    const large = new LargeBody(this.#space.shelf)
    for (const early of this.#chunks) large.add(early)
    this.#chunks = []
    return large
  }

  onComplete(): void {
    clearTimeout(this.#timer)
    this.#told.ended()
    const chunks = this.#large?.chunks() ?? this.#chunks
    if (this.#headers !== undefined) this.#told.answered({ status: this.#status, headers: this.#headers, chunks })
  }

  onError(cause: Error): void {
    clearTimeout(this.#timer)
    this.#told.ended()
    this.#told.failed(cause instanceof NoAnswer ? cause : failureOf(cause, this.#headers !== undefined))
    this.done()
  }

  /** What it takes to read it: 1 for an answer that names one or two repositories. */
  get weight(): number {
    return 1 + Math.floor(this.#length / USUAL_BYTES)
  }

  /** Nothing of it is needed any more: it lets go of all, since V8 may keep what has waited so long for some time more. */
  done(): void {
    this.#told = NOBODY
    this.#headers = undefined
    this.#chunks = []
    if (this.#large === undefined) return
    this.#large.free()
    this.#large = undefined
    this.#space.room.leave(this)
  }
}

function expire(reception: Reception): void {
  reception.expire()
}

function failureOf(cause: Error, answered: boolean): NoAnswer {
  return answered
    ? new NoAnswer('cut', 'the answer broke off', cause)
    : new NoAnswer('unreached', 'the connection failed', cause)
}

/** Those of use, by their names in lower case; of several with one name the first. */
function kept(raw: readonly Buffer[]): Readonly<Record<string, string>> {
  const result: Record<string, string> = {}
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [sent, value] = [raw[at], raw[at + 1]]
    if (sent === undefined || value === undefined) continue
    for (const { name, bytes } of KEPT_HEADERS[sent.length] ?? NONE)
      if (isNamed(sent, bytes)) result[name] ??= value.toString('latin1')
  }
  return result
}

/** Of one length; what was sent is a token (RFC 9110 §5.1), where the bit that is set here tells letters' cases alone apart. */
function isNamed(sent: Buffer, lowerCase: Buffer): boolean {
  for (let at = 0; at < lowerCase.length; at += 1) if (((sent[at] ?? 0) | 0x20) !== lowerCase[at]) return false
  return true
}

const NOBODY: Told = { answered: () => {}, failed: () => {}, ended: () => {} }
/** Octokit parses what calls itself JSON and throws on some of it; as text it passes through untouched. */
const ALWAYS_TEXT = ['content-type', 'text/plain'] as const
/** By their lengths, so that most of the others need not be read to be known as such. */
const KEPT_HEADERS = byLength([
  'date',
  'etag',
  'location',
  'retry-after',
  'x-github-request-id',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-ratelimit-resource',
])
const NONE: readonly KeptHeader[] = []

interface KeptHeader {
  readonly name: string
  readonly bytes: Buffer
}

function byLength(names: readonly string[]): readonly (readonly KeptHeader[])[] {
  const longest = Math.max(...names.map(({ length }) => length))
  return Array.from({ length: longest + 1 }, (_, length) =>
    names.filter((name) => name.length === length).map((name) => ({ name, bytes: Buffer.from(name) })),
  )
}

/** More at once than an exchange server has in flight on two cores; GitHub's secondary limit is 100 concurrent requests. */
const CONNECTIONS = 100
/** A dozen answers that name 50 repositories each, which is all that a core can read in the time it takes them to come. */
const ROOM_BYTES = 4 * 1024 * 1024
const USUAL_BYTES = 16_384
/** Most answers are no larger, and need not wait. */
const SMALL_BYTES = 65_536
/** GitHub keeps idle connections for about a minute; half of it never meets its close. */
const KEEP_ALIVE_MS = 30_000

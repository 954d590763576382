import { randomBytes } from 'node:crypto'
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What GitHub was asked since the last look. */
export interface GitHubCount {
  readonly mints: number
  readonly readerMints: number
  readonly installations: number
  readonly files: number
  readonly others: number
  /** How many different App JWTs came: each is a signature that the service made. */
  readonly appJwts: number
}

export interface Front {
  readonly url: string
  /** Counts from now on. */
  take(): GitHubCount
  /** Each answer comes so much later. */
  delay(ms: number): void
}

/**
 * Stands before the embedded GitHub with TLS, as a network would. It answers by itself only what the embedded GitHub has
 * answered before: a mint with an App JWT that it accepted, and a path and a body that it granted, gets that answer again,
 * with a new token and a new end. So everything new is really checked, the bytes are the same, and the counterpart costs less than the server.
 */
export async function startFront(tls: { readonly cert: string; readonly key: string }, target: string): Promise<Front> {
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(target)
  const known = new Map<string, Template>()
  const accepted = new Set<string>()
  let count = newCount()
  let delayMs = 0

  const forward = (incoming: IncomingMessage, body: Buffer): Promise<Received> =>
    new Promise((resolve, reject) => {
      const { method, url: path, headers } = incoming
      const outgoing = request({ hostname, port, agent, method, path, headers }, async (answer) => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: await bytesOf(answer) })
      })
      outgoing.on('error', reject).end(body)
    })

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bytesOf(incoming)
    const { authorization = '' } = incoming.headers
    const kind = kindOf(incoming, body)
    count[kind] += 1
    if (kind === 'mints' || kind === 'readerMints' || kind === 'installations') count.appJwts.add(authorization)
    if (delayMs > 0) await sleep(delayMs)
    const key = kind === 'mints' ? `${incoming.url}\n${body.toString('latin1')}` : undefined
    const template = key === undefined ? undefined : known.get(key)
    if (template !== undefined && accepted.has(authorization)) {
      const text = template.before + newToken() + template.between + ends() + template.after
      response.writeHead(201, { ...template.headers, 'content-length': Buffer.byteLength(text) }).end(text)
      return
    }
    const answer = await forward(incoming, body)
    if (key !== undefined && answer.status === 201) {
      accepted.add(authorization)
      if (known.size < MOST_KNOWN) known.set(key, templateOf(answer))
    }
    response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  const server = createServer({ ...tls, keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, response) => {
    serve(incoming, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    take() {
      const taken = { ...count, appJwts: count.appJwts.size }
      count = newCount()
      return taken
    },
    delay(ms) {
      delayMs = ms
    },
  }
}

interface Received {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** The text of a mint's answer around its token and its end. */
interface Template {
  readonly before: string
  readonly between: string
  readonly after: string
  readonly headers: IncomingMessage['headers']
}

function templateOf({ headers, body }: Received): Template {
  const text = body.toString()
  const { token, expires_at: end } = JSON.parse(text) as { token: string; expires_at: string }
  const [before = '', afterToken = ''] = text.split(token)
  const [between = '', after = ''] = afterToken.split(end)
  return { before, between, after, headers }
}

const ends = () => `${new Date(Date.now() + TOKEN_LIFE_MS).toISOString().slice(0, 19)}Z`
/** GitHub's older form: `ghs_` and 36 characters. */
const newToken = () => `ghs_${randomBytes(18).toString('hex')}`

function newCount() {
  return { mints: 0, readerMints: 0, installations: 0, files: 0, others: 0, appJwts: new Set<string>() }
}

function kindOf({ method, url = '' }: IncomingMessage, body: Buffer) {
  if (method === 'POST' && url.endsWith('/access_tokens')) return isReader(body) ? 'readerMints' : 'mints'
  if (url.endsWith('/installation')) return 'installations'
  return url.includes('/contents/') ? 'files' : 'others'
}

/** What the service asks to read policies with; the embedded GitHub must know such a token, so it is always asked. */
function isReader(body: Buffer): boolean {
  return body.includes('"permissions":{"contents":"read"}')
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const TOKEN_LIFE_MS = 3_600_000
const KEEP_ALIVE_MS = 120_000
/** One for each installation and kind of policy of the largest world, with room. */
const MOST_KNOWN = 50_000

import { createHmac } from 'node:crypto'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { pino } from 'pino'
import type { Change } from '../../src/exchange/changes.ts'
import type { ChangedFiles, Range } from '../../src/terms/changed-files.ts'
import type { CheckRun } from '../../src/terms/check-run.ts'
import type { PolicyChange } from '../../src/terms/policy-change.ts'
import type { Repository, WebhookPorts } from '../../src/webhook/ports.ts'
import { listenForWebhooks } from '../../src/webhook/server.ts'
import { createWebhook, type WebhookOptions } from '../../src/webhook/webhook.ts'
import { manualClock } from '../support/manual-clock.ts'

export const SECRET = 'a secret'
export const APP = 29310

export interface Fixture extends AsyncDisposable {
  readonly port: number
  readonly announced: Change[]
  readonly runs: CheckRun[]
  readonly events: PolicyChange[]
  readonly ranges: Range[]
  readonly logged: Record<string, unknown>[]
  /** What was scheduled, until it is run. */
  readonly scheduled: { readonly milliseconds: number; readonly work: () => void }[]
  readonly clock: ReturnType<typeof manualClock>
  post(event: string, payload: unknown, options?: PostOptions): Promise<WebhookReply>
  close(graceMs: number): Promise<void>
}

export interface FixtureOptions extends Partial<Omit<WebhookOptions, 'ports'>> {
  readonly ports?: Partial<WebhookPorts>
  readonly repository?: Partial<Repository>
  readonly changed?: ChangedFiles | 'gone'
  readonly files?: Readonly<Record<string, string>>
}

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Instead of the payload as JSON. */
  readonly body?: string | Buffer
  readonly secret?: string
  readonly path?: string
}

export interface WebhookReply {
  readonly status: number
  readonly message: string
  readonly headers: IncomingHttpHeaders
}

/** The webhook over HTTP on a free port, in a world of one repository: what it asks for is answered as told. */
export async function startWebhook({
  ports,
  repository,
  changed,
  files = {},
  ...options
}: FixtureOptions = {}): Promise<Fixture> {
  const announced: Change[] = []
  const runs: CheckRun[] = []
  const events: PolicyChange[] = []
  const ranges: Range[] = []
  const logged: Record<string, unknown>[] = []
  const scheduled: Fixture['scheduled'] = []
  const clock = manualClock()
  const paths = Object.keys(files)
  const opened: Repository = {
    installation: {
      id: 1,
      account: { id: 21031067, login: 'Codertocat', type: 'User' },
      app: { id: APP, slug: 'octo-sts' },
    },
    granted: new Map([['contents', 'write']]),
    reachesAll: true,
    mayWriteChecks: true,
    async changedFiles(range) {
      ranges.push(range)
      return changed ?? { files: paths.map((path) => ({ path, action: 'modified' })), complete: true }
    },
    async readFile(file) {
      const text = files[`.github/chainguard/${file}`]
      return text === undefined ? { ok: false, fault: 'there is none' } : { ok: true, text, sha: `sha of ${file}` }
    },
    lastSummary: async () => undefined,
    async writeCheckRun(run) {
      runs.push(run)
      return run.id ?? runs.length
    },
    ...repository,
  }
  const invalid = { valid: false, errors: [{ message: 'no', pointer: '/x', line: 3, column: 5 }], warnings: [] }
  const lint = async (text: string) => (text.includes('invalid') ? invalid : { valid: true, errors: [], warnings: [] })
  const webhook = createWebhook({
    secrets: [SECRET],
    allowSha1: false,
    organizations: [],
    policyRepository: '.github',
    isOurApp: (id) => id === APP,
    log: pino({ level: 'debug', base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
    ...options,
    ports: {
      openRepository: async () => opened,
      listRepositories: async () => [],
      loadTrustedIssuers: async () => undefined,
      announce: async (change) => void announced.push(change),
      lintPolicy: lint,
      lintTrustedIssuers: lint,
      policyEvents: { send: (event) => void events.push(event) },
      clock,
      schedule(milliseconds, work) {
        const entry = { milliseconds, work }
        scheduled.push(entry)
        return () => void scheduled.splice(scheduled.indexOf(entry), 1)
      },
      ...ports,
    },
  })
  const server = await listenForWebhooks({ webhook, port: 0, host: '127.0.0.1', isReady: () => true })
  let ids = 0
  return {
    port: server.port,
    announced,
    runs,
    events,
    ranges,
    logged,
    scheduled,
    clock,
    post(event, payload, over = {}) {
      ids += 1
      return post(server.port, event, payload, {
        ...over,
        headers: { 'x-github-delivery': `delivery-${ids}`, ...over.headers },
      })
    },
    close: (graceMs) => server.close(graceMs),
    [Symbol.asyncDispose]: () => server.close(0),
  }
}

/** One delivery as GitHub sends it, signed; headers given as undefined are left out. */
function post(port: number, event: string, payload: unknown, options: PostOptions = {}): Promise<WebhookReply> {
  const body = options.body ?? JSON.stringify(payload)
  const headers = definedOf({
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'x-github-event': event,
    'x-github-hook-installation-target-type': 'integration',
    'x-github-hook-installation-target-id': String(APP),
    'x-hub-signature-256': signature(body, options.secret),
    ...options.headers,
  })
  return new Promise((resolve, reject) => {
    const path = options.path ?? '/'
    const request = httpRequest(
      { port, host: '127.0.0.1', path, method: 'POST', headers, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, message: messageIn(text), headers: response.headers }),
        )
        response.on('error', reject)
      },
    )
    request.on('error', reject).end(body)
  })
}

export function signature(body: string | Buffer, secret = SECRET): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}

function definedOf(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

function messageIn(text: string): string {
  const value: unknown = JSON.parse(text)
  return typeof value === 'object' && value !== null && 'message' in value ? String(value.message) : text
}

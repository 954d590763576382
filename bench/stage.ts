import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { createPrivateKey, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { selfSignedCertificate } from '../test/support/certificate.ts'
import { PERMISSIONS, type Size } from './bench-policies.ts'
import type { FloorOrder } from './floor.ts'
import { pinnedTo } from './machine.ts'
import { ask } from './questions.ts'
import type { WorldFacts, WorldOrder } from './world.ts'

export const DOMAIN = 'sts.bench.example'

/** A process that is measured. */
export interface Subject {
  readonly process: ChildProcess
  readonly pid: number
  readonly address: string
  stop(): Promise<void>
}

/** The processes of a run, and a folder for what they hand to each other. All of it ends with `close`. */
export interface Stage {
  readonly world: ChildProcess
  readonly facts: WorldFacts
  readonly folder: string
  /** `octo-sts serve` as a deployment starts it; resolves once it says that it is ready, with all of its workers. */
  startService(how?: { readonly workers?: number; readonly nodePath?: string | undefined }): Promise<Subject>
  startFloor(how?: { readonly workers?: number; readonly nodePath?: string | undefined }): Promise<Subject>
  /** The service without the probe, on one core where that can be had, and the time until it says that it is ready. */
  timeStart(how: TimedStart): Promise<{ readonly subject: Subject; readonly milliseconds: number }>
  /** Runs the load generator; `heard` is told its lines that are not the report. */
  load(args: readonly string[], heard?: (line: string) => Promise<void> | void): Promise<LoadReport>
  close(): Promise<void>
}

export interface TimedStart {
  readonly selfExercise: boolean
  readonly nodePath?: string | undefined
}

/** What the load generator says: milliseconds, and answers by their gRPC code. */
export interface LoadReport {
  readonly exchanges: number
  readonly seconds: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly codes: Readonly<Record<string, number>>
  /** Of each exchange, where they were made one by one. */
  readonly times?: readonly number[]
  /** Of the soak: the same of each kind of request. */
  readonly kinds?: Readonly<Record<string, Omit<LoadReport, 'kinds'>>>
}

export async function openStage(organizations: Size): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'octo-sts-bench-'))
  const file = (name: string) => join(folder, name)
  const { cert, key } = selfSignedCertificate('localhost')
  writeFileSync(file('cert.pem'), cert)
  writeFileSync(file('key.pem'), key)
  const loader = buildLoader()
  const subjects = new Set<Subject>()

  const order: WorldOrder = { certFile: file('cert.pem'), keyFile: file('key.pem'), organizations, domain: DOMAIN }
  const world = fork(here('world.js'), [JSON.stringify(order)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const facts = await ask<WorldFacts>(world, 'facts')
  writeFileSync(file('issuers.json'), JSON.stringify({ issuers: [{ issuer: facts.issuer, github: 'true' }] }))

  const base = { PATH: process.env['PATH'], NODE_ENV: 'production', NODE_EXTRA_CA_CERTS: file('cert.pem') }
  const begin = (nodePath: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
    spawn(nodePath, ['--import', here('probe.js'), ...args], {
      env: { ...base, ...env },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
  const enlist = (child: ChildProcess, port: number): Subject => {
    const subject: Subject = {
      process: child,
      pid: child.pid ?? 0,
      address: `127.0.0.1:${port}`,
      async stop() {
        subjects.delete(subject)
        if (child.exitCode !== null || child.signalCode !== null) return
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        await ended
      },
    }
    subjects.add(subject)
    return subject
  }

  return {
    world,
    facts,
    folder,
    async startService({ workers = 1, nodePath = process.execPath } = {}) {
      const environment = serviceEnvironment(facts, { issuersFile: file('issuers.json'), workers })
      const child = begin(nodePath, [here('../src/main.js'), 'serve'], environment)
      const { port, metrics_port: metricsPort } = await portsOf(child)
      const subject = enlist(child, port)
      // A worker's /readyz is its own; the supervisor's metric is true of all of them.
      if (workers === 1) await until(child, { url: `http://127.0.0.1:${port}/readyz` })
      else await until(child, { url: `http://127.0.0.1:${metricsPort}/metrics`, text: /^octo_sts_ready 1$/m })
      return subject
    },
    async startFloor({ workers = 1, nodePath = process.execPath } = {}) {
      const child = begin(nodePath, [here('floor.js'), JSON.stringify(floorOrder(facts, workers))], {})
      return enlist(child, (await portsOf(child)).port)
    },
    async timeStart({ selfExercise, nodePath = process.execPath }) {
      const port = await freePort() // known beforehand: the log says it later than it is open
      const environment = serviceEnvironment(facts, { issuersFile: file('issuers.json'), workers: 1 })
      const [command, ...args] = pinnedTo([nodePath, here('../src/main.js'), 'serve'])
      const began = performance.now()
      const child = spawn(command, args, {
        env: { ...base, ...environment, PORT: String(port), SELF_EXERCISE: String(selfExercise) },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const subject = enlist(child, port)
      await until(child, { url: `http://127.0.0.1:${port}/readyz`, pauseMs: TIMED_PAUSE_MS })
      return { subject, milliseconds: performance.now() - began }
    },
    load: (args, heard) => runLoad(loader, args, heard),
    async close() {
      await Promise.all([...subjects].map((subject) => subject.stop()))
      world.disconnect()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** As a deployment would have it: see deploy/Dockerfile. */
function serviceEnvironment(
  { app, github }: WorldFacts,
  { issuersFile, workers }: { readonly issuersFile: string; readonly workers: number },
): Record<string, string> {
  return {
    PORT: '0',
    STS_DOMAIN: DOMAIN,
    GITHUB_APP_IDS: String(app.id),
    GITHUB_BASE_URL: github,
    APP_SECRET_CERTIFICATE_ENV_VAR: app.privateKeyPem,
    ISSUERS_FILE: issuersFile,
    ALLOW_LOOPBACK_ISSUERS: 'true',
    // Of several without a store it would not be true, and the service would say so and end.
    ...(workers === 1 ? { SINGLE_PROCESS: 'true' } : { WORKERS: String(workers) }),
    METRICS_PORT: '0',
    UV_THREADPOOL_SIZE: '16',
    MALLOC_TRIM_THRESHOLD_: '131072',
  }
}

/** The mint that the service makes for the policy `ci`, byte for byte, with an App JWT that the world has not seen. */
function floorOrder({ app, github, installation, publicKeys }: WorldFacts, workers: number): FloorOrder {
  const now = Math.floor(Date.now() / 1000)
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode({ iat: now - 60, exp: now + 540, iss: String(app.id) })}`
  const signature = sign('sha256', Buffer.from(input), createPrivateKey(app.privateKeyPem)).toString('base64url')
  return {
    github,
    workers,
    publicKeys,
    mint: {
      path: `/app/installations/${installation}/access_tokens`,
      body: JSON.stringify({ permissions: PERMISSIONS, repositories: ['app'] }),
      headers: {
        accept: 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
        'user-agent': 'octo-sts-floor',
        authorization: `bearer ${input}.${signature}`,
        'content-type': 'application/json; charset=utf-8',
      },
    },
  }
}

/** As the line that says it has them. */
interface Ports {
  readonly port: number
  readonly metrics_port?: number
}

/** Hears the service say on which ports it listens, and from then on nothing. */
function portsOf(child: ChildProcess): Promise<Ports> {
  const lines = createInterface({ input: child.stdout ?? process.stdin })
  const last: string[] = []
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      last.push(line)
      if (last.length > LINES_KEPT) last.shift()
      if (!line.includes('"listening"')) return
      lines.close()
      child.stdout?.resume()
      resolve(JSON.parse(line) as Ports)
    })
    child.once('exit', () => reject(new Error(`the service ended:\n${last.join('\n')}`)))
  })
}

interface Awaited {
  readonly url: string
  /** What the answer must say. */
  readonly text?: RegExp
  readonly pauseMs?: number
}

/** Asks again and again, until the answer is 200. Throws when that takes too long, or the process has ended. */
async function until(child: ChildProcess, { url, text = /(?:)/, pauseMs = READY_PAUSE_MS }: Awaited): Promise<void> {
  const giveUp = performance.now() + READY_LIMIT_MS
  while (performance.now() < giveUp && child.exitCode === null) {
    const answer = await fetch(url).catch(() => undefined)
    const said = await answer?.text()
    if (answer?.ok === true && text.test(said ?? '')) return
    await sleep(pauseMs)
  }
  throw new Error('the service did not get ready')
}

/** Free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function runLoad(
  loader: string,
  args: readonly string[],
  heard: ((line: string) => Promise<void> | void) | undefined,
): Promise<LoadReport> {
  const child = spawn(loader, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  let report: LoadReport | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) report = JSON.parse(line) as LoadReport
    else await heard?.(line)
  }
  await ended
  if (report === undefined) throw new Error('the load generator has no report')
  return report
}

/** Builds bench/load into .cache/: `make bench` has seen to it that Go is there. */
function buildLoader(): string {
  const root = here('../..')
  const binary = join(root, '.cache', 'bench', 'load')
  mkdirSync(join(root, '.cache', 'bench'), { recursive: true })
  const env = { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' }
  execFileSync('go', ['build', '-o', binary, '.'], { cwd: join(root, 'bench', 'load'), stdio: 'inherit', env })
  return binary
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}

const LINES_KEPT = 20
const READY_LIMIT_MS = 30_000
const READY_PAUSE_MS = 20
/** By so much at most a start is timed too long. */
const TIMED_PAUSE_MS = 2

import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { createPrivateKey, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { selfSignedCertificate } from '../test/support/certificate.ts'
import { PERMISSIONS, type Size } from './bench-policies.ts'
import type { FloorOrder } from './floor.ts'
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
  /** `octo-sts serve` as a deployment starts it; resolves once it says that it is ready. */
  startService(change?: Readonly<Record<string, string>>): Promise<Subject>
  startFloor(): Promise<Subject>
  /** Runs the load generator; `heard` is told its lines that are not the report. */
  load(args: readonly string[], heard?: (line: string) => Promise<void> | void): Promise<LoadReport>
  close(): Promise<void>
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

  const begin = (script: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
    spawn(process.execPath, ['--import', here('probe.js'), script, ...args], {
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', NODE_EXTRA_CA_CERTS: file('cert.pem'), ...env },
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
    async startService(change = {}) {
      const child = begin(here('../src/main.js'), ['serve'], {
        ...serviceEnvironment(facts, file('issuers.json')),
        ...change,
      })
      const port = await portOf(child)
      const subject = enlist(child, port)
      await untilReady(port)
      return subject
    },
    async startFloor() {
      const child = begin(here('floor.js'), [JSON.stringify(floorOrder(facts))], {})
      return enlist(child, await portOf(child))
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
function serviceEnvironment({ app, github }: WorldFacts, issuersFile: string): Record<string, string> {
  return {
    PORT: '0',
    STS_DOMAIN: DOMAIN,
    GITHUB_APP_IDS: String(app.id),
    GITHUB_BASE_URL: github,
    APP_SECRET_CERTIFICATE_ENV_VAR: app.privateKeyPem,
    ISSUERS_FILE: issuersFile,
    ALLOW_LOOPBACK_ISSUERS: 'true',
    SINGLE_PROCESS: 'true',
    METRICS_PORT: '0',
    UV_THREADPOOL_SIZE: '16',
  }
}

/** The mint that the service makes for the policy `ci`, byte for byte, with an App JWT that the world has not seen. */
function floorOrder({ app, github, installation, publicKeys }: WorldFacts): FloorOrder {
  const now = Math.floor(Date.now() / 1000)
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode({ iat: now - 60, exp: now + 540, iss: String(app.id) })}`
  const signature = sign('sha256', Buffer.from(input), createPrivateKey(app.privateKeyPem)).toString('base64url')
  return {
    github,
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

/** Hears the service say on which port it listens, and from then on only keeps what it says last. */
function portOf(child: ChildProcess): Promise<number> {
  const lines = createInterface({ input: child.stdout ?? process.stdin })
  const last: string[] = []
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      last.push(line)
      if (last.length > LINES_KEPT) last.shift()
      const port = line.includes('"listening"') ? (JSON.parse(line) as { port?: number }).port : undefined
      if (port === undefined) return
      lines.close()
      child.stdout?.resume()
      resolve(port)
    })
    child.once('exit', () => reject(new Error(`the service ended:\n${last.join('\n')}`)))
  })
}

async function untilReady(port: number): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries += 1) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    if (ready?.ok === true) return
    await sleep(READY_PAUSE_MS)
  }
  throw new Error('the service did not get ready')
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
const READY_TRIES = 500
const READY_PAUSE_MS = 20

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { createStsClient } from '../../src/commands/sts-client.ts'
import { readStsUrl, type StsUrl } from '../../src/commands/sts-url.ts'
import type { Bench } from '../../src/commands/trial.ts'
import { createTokenHolder } from '../../src/commands/won-token.ts'

/** A folder of its own with files in it. */
export interface Folder {
  readonly path: string
  /** Writes a file and tells where it is. */
  put(name: string, text: string): string
  remove(): void
}

export function createFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'octo-sts-commands-'))
  return {
    path,
    put(name, text) {
      writeFileSync(join(path, name), text)
      return join(path, name)
    },
    remove: () => rmSync(path, { recursive: true }),
  }
}

export interface BenchOptions {
  readonly port: number
  readonly gitHubUrl: string
  readonly folder: string
  readonly timeoutMs?: number
  readonly stop?: AbortSignal
}

/** What trials are made with, against a service on loopback; a token that GitHub refuses is not tried again. */
export function createBench({ port, gitHubUrl, folder, timeoutMs = 10_000, ...options }: BenchOptions): Bench {
  return {
    sts: createStsClient(stsUrl(`http://127.0.0.1:${port}`)),
    holder: createTokenHolder({ gitHubUrl, pausesMs: [] }),
    tokens: { env: () => undefined, folder },
    limits: { timeoutMs, stop: options.stop ?? new AbortController().signal },
  }
}

function stsUrl(text: string): StsUrl {
  const reading = readStsUrl(text, false)
  if ('problem' in reading) throw new Error(String(reading.problem))
  return reading.value
}

export interface SmallServer {
  readonly port: number
  /** How many are open. */
  connections(): number
  close(): Promise<void>
}

/** Answers as it is told. */
export function serveHttp(listener: RequestListener): Promise<SmallServer> {
  return listen(createServer(listener))
}

/** Takes connections and says nothing. */
export function serveSilence(): Promise<SmallServer> {
  return listen(createTcpServer())
}

/** What a failed test leaves open holds the process no longer than its other work does. */
async function listen(server: Server): Promise<SmallServer> {
  const sockets = new Set<{ destroy(): void }>()
  server.unref().on('connection', (socket) => {
    sockets.add(socket)
    socket
      .unref()
      .on('error', () => {})
      .on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => sockets.size,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      return closed
    },
  }
}

/** A port at which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = await serveSilence()
  await server.close()
  return server.port
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  /** The first match in standard output or error, once it is there. */
  seen(pattern: RegExp): Promise<RegExpMatchArray>
  signal(name: NodeJS.Signals): void
  readonly finished: Promise<Finished>
}

/** `octo-sts` as a process, with exactly these variables. */
export function octoSts(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  const looks = new Set<() => void>()
  const follow = (name: keyof typeof said, stream: Readable) =>
    stream.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
      for (const look of looks) look()
    })
  follow('stdout', child.stdout)
  follow('stderr', child.stderr)
  const finished = new Promise<Finished>((resolve) => child.on('close', (code) => resolve({ code, ...said })))
  return {
    finished,
    signal: (name) => void child.kill(name),
    seen: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(said.stdout) ?? pattern.exec(said.stderr)
          if (match !== null) resolve(match)
        }
        looks.add(look)
        look()
        void finished.then((end) => reject(new Error(`it ended without ${pattern}: ${JSON.stringify(end)}`)))
      }),
  }
}

const MAIN = new URL('../../src/main.js', import.meta.url).pathname

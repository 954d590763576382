import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A real redis-server (Debian's package of that name) of its own, on a free port of 127.0.0.1, with a directory of its own. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number
  /** What STORE_URL would say. */
  readonly url: string
  /** One command with its answer's lines, by a connection of redis-cli. */
  cli(...command: readonly string[]): string
  /** kill -9, and waits for the end. */
  kill(): Promise<void>
  /** Starts again on the same port and files. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay, and nothing answers. */
  freeze(): void
  thaw(): void
}

/** False without the program: its tests are skipped then, which CI counts as a failure. */
export const HAS_REDIS = spawnSync('redis-server', ['--version']).status === 0
if (!HAS_REDIS) console.warn('redis-server is not installed: the tests of the shared store are skipped')

/** `settings` as on the command line of redis-server: `['--maxmemory', '2mb']`. */
export async function startRedis(
  settings: readonly string[] = [],
  { tls = false, program = () => [] }: StartOptions = {},
): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'octo-sts-redis-'))
  const port = await freePort()
  const place = tls ? ['--port', '0', '--tls-port', `${port}`] : ['--port', `${port}`]
  const run = () => launch([...program(directory), ...place, '--bind', '127.0.0.1', '--dir', directory, ...settings])
  let server = await run()
  return {
    port,
    url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    cli(...command) {
      const { stdout, stderr, status } = spawnSync('redis-cli', ['-p', `${port}`, ...command], {
        encoding: 'utf8',
        timeout: 5_000,
      })
      if (status !== 0) throw new Error(`redis-cli ${command[0]}: ${stderr}${stdout}`)
      return stdout.trim()
    },
    kill: () => end(server),
    async restart() {
      await end(server)
      server = await run()
    },
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await end(server)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

interface StartOptions {
  readonly tls?: boolean
  /** What stands first on the command line, for a server with this directory. */
  readonly program?: (directory: string) => readonly string[]
}

/** A sentinel that alone decides over one master, named `main`; it hands over when it is told to. */
export function startSentinel(master: RedisServer): Promise<RedisServer> {
  return startRedis([], {
    program(directory) {
      const file = join(directory, 'sentinel.conf') // which the sentinel writes, too
      writeFileSync(
        file,
        `sentinel monitor main 127.0.0.1 ${master.port} 1\nsentinel down-after-milliseconds main 60000\n`,
      )
      return [file, '--sentinel']
    },
  })
}

/** Waits until it says that it takes connections. */
function launch(args: readonly string[]): Promise<ChildProcess> {
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  return new Promise((resolve, reject) => {
    let said = ''
    server.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      // Of a server, and of a sentinel.
      if (said.includes('Ready to accept connections') || said.includes('Sentinel ID is')) resolve(server)
    })
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`redis-server did not start:\n${said}`)))
  })
}

function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    server.kill('SIGKILL')
  })
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // A cluster node also listens 10,000 above: both below 32,768, where systems take the ports of connections from.
    server.listen(12_000 + Math.floor(Math.random() * 10_000), '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** moto's server, which speaks AWS's APIs and really signs, on a free port of 127.0.0.1. */
export interface Moto extends AsyncDisposable {
  readonly url: string
}

/** Where .ci/run installs it, or the one of the machine. undefined: its tests are skipped, which CI counts as a failure. */
export const MOTO = [
  fileURLToPath(new URL('../../../.cache/python/bin/moto_server', import.meta.url)),
  'moto_server',
].find((program) => (program.includes('/') ? existsSync(program) : spawnSync(program, ['--help']).status === 0))
if (MOTO === undefined)
  console.warn("moto is not installed (pip install 'moto[server]'): the tests of AWS's services against it are skipped")

export async function startMoto(): Promise<Moto> {
  if (MOTO === undefined) throw new Error('moto is not installed')
  const server = spawn(MOTO, ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] })
  return { url: await urlOf(server), [Symbol.asyncDispose]: () => end(server) }
}

/** Waits until it says where it listens. */
function urlOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1]
      if (url !== undefined) resolve(url)
    })
    server.once('error', reject)
    server.once('exit', () => reject(new Error(`moto_server did not start:\n${said}`)))
  })
}

function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    server.kill('SIGKILL')
  })
}

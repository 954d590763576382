import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { eventually } from '../support/eventually.ts'
import { type KeyServer, startKeyServer } from '../support/key-server.ts'

const MAIN = new URL('../../src/main.js', import.meta.url).pathname

let github: SandboxGitHub
let folder: string
let processes: Started[]

beforeEach(async () => {
  github = await createSandboxGitHub()
  folder = mkdtempSync(join(tmpdir(), 'octo-sts-serve-'))
  processes = []
})
afterEach(async () => {
  for (const { child } of processes) child.kill('SIGKILL')
  await github.close()
  rmSync(folder, { recursive: true })
})

interface Started {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly exited: Promise<{ readonly code: number | null; readonly output: string }>
  /** The first line of the log that has this message, once it is there. */
  line(message: string): Promise<Record<string, unknown>>
}

function start(env: Record<string, string>, args = ['serve']): Started {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const look = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      for (const each of look) each()
    })
  }
  const exited = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, output }))
  })
  const started: Started = {
    child,
    exited,
    line: (message) =>
      new Promise((resolve, reject) => {
        const find = () => {
          const found = output.split('\n').find((line) => line.includes(`"message":"${message}"`))
          if (found !== undefined) resolve(JSON.parse(found))
        }
        look.add(find)
        find()
        void exited.then((end) =>
          reject(new Error(`it ended without saying ${JSON.stringify(message)}: ${end.output}`)),
        )
      }),
  }
  processes.push(started)
  return started
}

function good(): Record<string, string> {
  return {
    PORT: '0',
    METRICS_PORT: '0',
    SELF_EXERCISE: 'false',
    STS_DOMAIN: 'sts.example.com',
    GITHUB_APP_IDS: String(github.app.id),
    GITHUB_BASE_URL: github.url,
    APP_SECRET_CERTIFICATE_ENV_VAR: github.app.privateKeyPem,
  }
}

function signingWith(vault: KeyServer): Record<string, string> {
  const { APP_SECRET_CERTIFICATE_ENV_VAR: _, ...env } = good()
  return { ...env, KMS_PROVIDER: 'vault', KMS_KEYS: 'octo-sts', VAULT_ADDR: vault.url, VAULT_TOKEN: 'x' }
}

const readiness = async (port: unknown) => (await fetch(`http://127.0.0.1:${port}/readyz`)).status

test('it starts with the variables of the reference, proves its key, and ends with 0 on SIGTERM', async () => {
  writeFileSync(join(folder, 'key.pem'), github.app.privateKeyPem)
  const { APP_SECRET_CERTIFICATE_ENV_VAR: _, ...env } = good()
  const server = start({ ...env, APP_SECRET_CERTIFICATE_FILE: join(folder, 'key.pem') })
  const { port } = await server.line('listening')
  expect(await server.line('GitHub knows the App by its key')).toMatchObject({
    app_id: github.app.id,
    app_slug: 'octo-sts',
  })
  expect(await readiness(port)).toBe(200)
  server.child.kill('SIGTERM')
  expect((await server.exited).code).toBe(0)
})

test('it tries itself beside the open port, and is ready when it has', async () => {
  const server = start({ ...good(), SELF_EXERCISE: 'true', LOG_LEVEL: 'debug' })
  const { port } = await server.line('listening')
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  const { exchanges } = await server.line('the service has tried itself')
  expect(exchanges).toBeGreaterThan(0)
  await server.line('GitHub knows the App by its key')
  await eventually(async () => expect(await readiness(port)).toBe(200))
  // The real GitHub was asked for nothing else.
  expect(new Set(github.calls.map(({ route }) => route))).toEqual(new Set(['/app']))
  server.child.kill('SIGTERM')
  expect((await server.exited).code).toBe(0)
})

test('a port of the metrics that is taken stops the start where it was chosen, and is done without where it is the usual one', async () => {
  const taken = createServer().listen(2112)
  await once(taken, 'listening').catch(() => {}) // whoever has it, it is taken
  try {
    const { METRICS_PORT: _, ...env } = good()
    const { port, metrics_port: metricsPort } = await start(env).line('listening')
    expect(metricsPort).toBeUndefined()
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
    const { code, output } = await start({ ...env, METRICS_PORT: '2112' }).exited
    expect(code).toBe(1)
    expect(output).toContain('the port of the metrics, 2112, cannot be had (EADDRINUSE)')
  } finally {
    taken.close()
  }
})

test('SIGINT ends it as well, and so does a key with its line breaks written out start it', async () => {
  const env = { ...good(), APP_SECRET_CERTIFICATE_ENV_VAR: github.app.privateKeyPem.replaceAll('\n', '\\n') }
  const server = start(env)
  await server.line('GitHub knows the App by its key')
  server.child.kill('SIGINT')
  expect((await server.exited).code).toBe(0)
})

test('every missing or wrong setting is named, all at once, and no secret is repeated', async () => {
  const { code, output } = await start({ PORT: 'eighty', APP_SECRET_CERTIFICATE_ENV_VAR: 'hunter2' }).exited
  expect(code).toBe(1)
  for (const name of ['PORT', 'STS_DOMAIN', 'GITHUB_APP_IDS', 'APP_SECRET_CERTIFICATE_ENV_VAR']) {
    expect(output).toMatch(new RegExp(`^  ${name} `, 'm'))
  }
  expect(output).not.toContain('hunter2')
})

test('a key that GitHub refuses ends it with what to check', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const { code, output } = await start({ ...good(), APP_SECRET_CERTIFICATE_ENV_VAR: pem }).exited
  expect(code).toBe(1)
  expect(output).toMatch(/check that GITHUB_APP_IDS is the id of the App/)
})

test('a key management service that refuses is not called GitHub', async () => {
  await using vault = await startKeyServer(() => ({ status: 403, body: { errors: ['permission denied'] } }))
  const { code, output } = await start(signingWith(vault)).exited
  expect(code).toBe(1)
  expect(output).toContain('the key management service refuses to sign: check KMS_PROVIDER')
  expect(output).not.toContain('GITHUB_APP_IDS')
})

test('neither is one that is away', async () => {
  await using vault = await startKeyServer(() => ({ status: 500, body: { errors: [] } }))
  const { port } = await start(signingWith(vault)).line('listening')
  await processes[0]?.line('the key management service did not answer: not ready until it has')
  expect(await readiness(port)).toBe(503)
})

test('without an answer of GitHub it goes on, and is ready only once the key was proved', async () => {
  const fault = github.fault({ route: '/app' }, { kind: 'answer', status: 503 })
  const server = start(good())
  const { port } = await server.line('listening')
  await server.line('GitHub did not answer: not ready until it has')
  expect(await readiness(port)).toBe(503)
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  fault.clear()
  await server.line('GitHub knows the App by its key')
  expect(await readiness(port)).toBe(200)
})

test('a port that is taken is a clear error', async () => {
  const first = start(good())
  const { port } = await first.line('listening')
  const { code, output } = await start({ ...good(), PORT: String(port) }).exited
  expect(code).toBe(1)
  expect(output).toContain('EADDRINUSE')
})

test('the port of the metrics, when taken, is a clear error too, and the process ends', async () => {
  const first = start(good())
  const { metrics_port: taken } = await first.line('listening')
  const answer = await fetch(`http://127.0.0.1:${taken}/metrics`)
  expect(await answer.text()).toMatch(/^octo_sts_build_info\{version="\d+\.\d+\.\d+"\} 1$/m)
  const { code, output } = await start({ ...good(), METRICS_PORT: String(taken) }).exited
  expect(code).toBe(1)
  expect(output).toContain(`the port of the metrics, ${taken}, cannot be had (EADDRINUSE)`)
})

test('METRICS=false opens no port for them', async () => {
  const server = start({ ...good(), METRICS: 'false' })
  expect(await server.line('listening')).not.toHaveProperty('metrics_port')
})

test.each([
  [[], 0],
  [['--help'], 0],
  [['help'], 0],
  [['toString'], 2],
  [['sevre'], 2],
])('the command line %j ends with %d', async (args, code) => {
  expect(await start({}, args).exited).toMatchObject({ code, output: expect.stringContaining('octo-sts serve') })
})

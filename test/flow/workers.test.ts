import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { askGrpc, askHttp } from '../support/ask.ts'
import { eventually } from '../support/eventually.ts'
import { APP_KEY, type SpawnedService, spawnService } from '../support/spawned-service.ts'

/** Ten processes are started, one after the other. */
const LIMIT_MS = 60_000
const SECRET = 'the secret of the webhook'
const ISSUED = 'octo_sts_exchanges_total{kind="exchange",protocol="http",outcome="issued",reason="none"}'

let folder: string
let service: SpawnedService | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'octo-sts-workers-'))
})
afterEach(async () => {
  await service?.close()
  service = undefined
  rmSync(folder, { recursive: true })
})

async function start(env: Readonly<Record<string, string>> = {}): Promise<SpawnedService> {
  service = await spawnService({ WORKERS: '2', ...env })
  await eventually(() => expect(workers().length).toBe(2))
  await eventually(async () => expect(await metric('octo_sts_ready')).toBe(1))
  return service
}

/** The lines of the log that have this message. */
function lines(message: string): Record<string, unknown>[] {
  const all = (service?.output() ?? '').split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'))
  return all.map((line) => JSON.parse(line)).filter((line) => line.message === message)
}

/** Every worker that has come to listen, in order. */
const workers = () => lines('a worker listens') as { worker: number; pid: number }[]

async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${service?.metricsPort}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}

async function exchange(ask = askHttp) {
  if (service === undefined) throw new Error('there is no service')
  return ask(service.port, { token: await service.workflowToken(), scope: 'acme/app', identity: 'ci' })
}

/** That many exchanges, each over a connection of its own, so that the workers take turns. */
async function exchangeTimes(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) expect(await exchange()).toMatchObject({ code: 0 })
}

test('two workers share the port and the sums, and SIGTERM ends both', async () => {
  const { github, stop } = await start()
  await exchangeTimes(6)
  expect(await exchange(askGrpc)).toMatchObject({ code: 0 })
  expect(await metric(ISSUED)).toBe(6)
  // Each has asked GitHub who it is.
  expect(github.calls.filter(({ route }) => route === '/app').length).toBe(2)
  expect(lines('listening')).toMatchObject([{ workers: 2 }])
  expect(await stop()).toBe(0)
  // Each process writes its lines some at a time.
  expect(
    lines('stopping')
      .map(({ why }) => String(why))
      .sort(),
  ).toEqual(['SIGTERM', 'supervisor', 'supervisor'])
})

test('a worker that dies is replaced, and what it has counted stays', async () => {
  await start()
  await exchangeTimes(4)
  expect(await metric(ISSUED)).toBe(4)
  process.kill(workers()[0]?.pid ?? 0, 'SIGKILL')
  await eventually(() => expect(workers().map(({ worker }) => worker)).toEqual([1, 2, 3]))
  expect(lines('a worker ended: another takes its place')).toMatchObject([{ worker: 1, signal: 'SIGKILL' }])
  await exchangeTimes(4)
  expect(await metric(ISSUED)).toBe(8)
})

test('SIGHUP replaces each worker when its successor is ready; no exchange fails meanwhile, and none is lost to the sums', async () => {
  const { kill } = await start()
  kill('SIGHUP')
  let exchanges = 0
  while (lines('the workers were replaced').length === 0) {
    await exchangeTimes(1)
    exchanges += 1
  }
  expect(workers().map(({ worker }) => worker)).toEqual([1, 2, 3, 4])
  expect(lines('the workers were replaced')).toMatchObject([{ workers: 2 }])
  expect(await metric(ISSUED)).toBe(exchanges)
})

test(
  'where a successor cannot start the old ones stay; where none can any more, the service ends',
  async () => {
    const file = join(folder, 'key.pem')
    writeFileSync(file, APP_KEY)
    const { kill, exited, github } = await start({
      APP_SECRET_CERTIFICATE_ENV_VAR: '',
      APP_SECRET_CERTIFICATE_FILE: file,
    })
    writeFileSync(file, 'no key')
    kill('SIGHUP')
    await eventually(() => expect(lines('a new worker did not get ready: the old ones stay').length).toBe(1))
    await exchangeTimes(2)

    for (const { pid } of workers()) process.kill(pid, 'SIGKILL')
    expect(await exited).toBe(1)
    expect(lines('workers end as soon as they are started, again and again')).toMatchObject([{ code: 1 }])
    expect(github.calls.filter(({ route }) => route === '/app').length).toBe(2)
  },
  LIMIT_MS,
)

test('a push that one worker hears of counts for all of them', async () => {
  const { github, issuer, port } = await start({ GITHUB_WEBHOOK_SECRET: SECRET })
  await exchangeTimes(4) // both know the policy
  const policy = { issuer: issuer.url, subject: 'nobody', permissions: { contents: 'read' } }
  github.setWebhook(github.app.id, { url: `http://127.0.0.1:${port}/webhook`, secret: SECRET })
  const push = github.commit('acme', 'app', { files: { '.github/chainguard/ci.sts.yaml': JSON.stringify(policy) } })
  const payload = github.payloads.push('acme', 'app', push)
  expect(await github.deliver({ event: 'push', payload })).toMatchObject({ status: 200 })
  await eventually(async () => {
    for (let connection = 0; connection < 4; connection += 1) expect((await exchange()).code).not.toBe(0)
  })
})

test.each([
  ['SINGLE_PROCESS', { SINGLE_PROCESS: 'true' }, /SINGLE_PROCESS is true, but WORKERS asks for several processes/g],
  ['a key that is none', { APP_SECRET_CERTIFICATE_ENV_VAR: 'none' }, /the configuration has a problem/g],
  ['a number that is none', { WORKERS: 'many' }, /WORKERS must be auto or a whole number from 1 to 256/g],
])('%s keeps it from starting, and is said once', async (_, env, problem) => {
  const failure = await spawnService({ WORKERS: '2', ...env }).then(
    () => 'it started',
    (error: Error) => error.message,
  )
  expect(failure).toMatch(/^it ended with 1: /)
  expect(failure.match(problem)?.length).toBe(1)
})

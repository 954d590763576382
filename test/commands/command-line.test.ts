import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { createCertificate } from '../support/certificate-files.ts'
import { eventually } from '../support/eventually.ts'
import { type Flow, startFlow } from '../support/flow.ts'
import { closedPort, createFolder, type Folder, octoSts, type Running, serveSilence } from './bench.ts'

let flow: Flow
let folder: Folder
let token: string
let running: Running[]

beforeAll(async () => {
  flow = await startFlow()
  flow.policy('acme/app', 'ci')
})
afterAll(() => flow.close())
beforeEach(async () => {
  folder = createFolder()
  token = await flow.workflowToken()
  folder.put('token', token)
  running = []
})
afterEach(async () => {
  for (const each of running) each.signal('SIGKILL')
  await Promise.all(running.map(({ finished }) => finished))
  folder.remove()
})

function start(args: readonly string[], env?: Readonly<Record<string, string>>): Running {
  const process = octoSts(args, env)
  running.push(process)
  return process
}

function probeArgs(port: number, ...more: readonly string[]): readonly string[] {
  const service = ['--url', `http://127.0.0.1:${port}`, '--github-url', flow.github.url]
  return ['probe', ...service, '--scope', 'acme/app', '--identity', 'ci', ...more]
}

const file = () => ['--token-file', `${folder.path}/token`]

/** Neither the token that was sent nor one that was won. */
function expectNoToken(text: string): void {
  expect(text).not.toContain(token)
  for (const won of flow.github.tokens.keys()) expect(text).not.toContain(won)
}

test('probe, once: 0, and a line for each check without any token', async () => {
  const { code, stdout, stderr } = await start(probeArgs(flow.service.port, ...file())).finished
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.trim().split('\n')
  expect(lines.map((line) => line.split(' ').slice(1, 4))).toEqual([
    ['ok', '', ''],
    ['ok', '', ''],
    ['ok', '', ''],
    ['ok', '', ''],
  ])
  expect(lines.map((line) => /(exchange|refusal) (grpc|http) acme\/app/.exec(line)?.slice(1))).toEqual([
    ['exchange', 'grpc'],
    ['refusal', 'grpc'],
    ['exchange', 'http'],
    ['refusal', 'http'],
  ])
  expectNoToken(stdout)
})

test('probe --json: 1 where one check fails, and the token can come from a variable', async () => {
  const args = probeArgs(
    flow.service.port,
    '--token-env',
    'T',
    '--refused-identity',
    'ci',
    '--protocol',
    'grpc',
    '--json',
  )
  const { code, stdout } = await start(args, { T: token }).finished
  expect(code).toBe(1)
  const results = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(results).toMatchObject([
    { check: 'exchange', protocol: 'grpc', ok: true },
    { check: 'refusal', protocol: 'grpc', ok: false, step: 'outcome' },
  ])
  expectNoToken(stdout)
})

test('probe over TLS, with an authority of its own', async () => {
  const certificate = createCertificate()
  const { certFile, keyFile } = certificate
  const secure = await startFlow({ settings: { tls: { certFile, keyFile } } })
  secure.policy('acme/app', 'ci')
  folder.put('token', await secure.workflowToken())
  const service = ['--url', `https://localhost:${secure.service.port}`, '--github-url', secure.github.url]
  const args = ['probe', ...service, '--scope', 'acme/app', '--identity', 'ci', ...file()]
  const trusting = await start(args, { NODE_EXTRA_CA_CERTS: certFile }).finished
  const distrusting = await start(args).finished
  await secure.close()
  certificate.remove()
  expect(trusting).toMatchObject({ code: 0, stderr: '' })
  expect(distrusting.code).toBe(1)
  expect(distrusting.stdout).toMatch(/FAILED exchange http .* exchange: no answer: self-signed certificate/)
})

test('probe --every goes on after a failure, counts, and ends with 0 on SIGTERM', async () => {
  const loop = start(
    probeArgs(flow.service.port, ...file(), '--every', '1s', '--metrics-port', '0', '--protocol', 'http'),
  )
  const [, address = ''] = await loop.seen(/metrics at (\S+)/)
  await loop.seen(/ok {5}refusal/)
  const series = async () => (await (await fetch(address)).text()).split('\n').filter((line) => !line.startsWith('#'))
  expect(await series()).toEqual(
    expect.arrayContaining([
      'octo_sts_probe_successes_total{check="exchange",protocol="http"} 1',
      'octo_sts_probe_successes_total{check="refusal",protocol="http"} 1',
      'octo_sts_probe_failures_total{check="exchange",protocol="http",step="token"} 0',
      'octo_sts_probe_duration_seconds_count{check="exchange",protocol="http"} 1',
      expect.stringMatching(
        /^octo_sts_probe_last_success_timestamp_seconds\{check="refusal",protocol="http"\} 1\d{9}(\.\d+)?$/,
      ),
    ]),
  )
  folder.put('token', '')
  await loop.seen(/FAILED refusal/)
  const failed = await eventually(async () => {
    const found = (await series()).find((line) =>
      /^octo_sts_probe_failures_total\{check="exchange".*step="token"\} [1-9]/.test(line),
    )
    if (found === undefined) throw new Error('not counted')
    return found
  })
  expect(failed).toMatch(/ [1-9]\d*$/)
  folder.put('token', token)
  await loop.seen(/FAILED refusal[\s\S]*ok {5}refusal/)
  loop.signal('SIGTERM')
  const { code, stdout } = await loop.finished
  expect(code).toBe(0)
  expectNoToken(stdout)
})

test('probe --every in the middle of a call ends at once on SIGTERM, and records nothing of it', async () => {
  const silent = await serveSilence()
  const loop = start(probeArgs(silent.port, ...file(), '--every', '1h', '--timeout', '10m', '--metrics-port', '0'))
  await eventually(() => expect(silent.connections()).toBe(1))
  loop.signal('SIGTERM')
  expect(await loop.finished).toMatchObject({ code: 0, stdout: '' })
  await silent.close()
})

test('probe: a port of metrics that is taken is a clear error', async () => {
  const args = probeArgs(flow.service.port, ...file(), '--every', '1s', '--metrics-port', String(flow.service.port))
  const { code, stderr } = await start(args).finished
  expect(code).toBe(1)
  expect(stderr).toMatch(/^octo-sts probe: --metrics-port cannot be had: .*EADDRINUSE/)
})

test.each([
  [['probe', '--help'], 0, /^octo-sts probe: /, ''],
  [['probe'], 2, '', /^octo-sts probe: --url must be given\n/],
  [['smoketest', '--help'], 0, /^octo-sts smoketest: /, ''],
  [['smoketest'], 2, '', /^octo-sts smoketest: give one FILE/],
  [['smoketest', 'a', 'b'], 2, '', /^octo-sts smoketest: give one FILE/],
  [['smoketest', '--jsno', 'a'], 2, '', /^octo-sts smoketest: Unknown option '--jsno'/],
  [['smoketest', '/absent.yaml'], 2, '', /^octo-sts smoketest: \/absent.yaml cannot be read: ENOENT/],
])('%j ends with %d', async (args, code, stdout, stderr) => {
  const match = (pattern: string | RegExp) => (pattern === '' ? '' : expect.stringMatching(pattern))
  expect(await start(args).finished).toEqual({ code, stdout: match(stdout), stderr: match(stderr) })
})

function list(port: number, ...exchanges: readonly string[]): string {
  const head = `url: http://127.0.0.1:${port}\ngithub_url: ${flow.github.url}\ntoken: {file: token}\nexchanges:\n`
  return folder.put('list.yaml', head + exchanges.map((each) => `  - ${each}\n`).join(''))
}

const WORKS = '{name: works, scope: acme/app, identity: ci, expect: {ok: true, repositories: [app]}}'
const REFUSED = '{name: none, scope: acme/app, identity: no, protocol: grpc, expect: {reason: POLICY_NOT_FOUND}}'
const WRONG = '{name: wrong, scope: acme/app, identity: ci, expect: {code: NOT_FOUND}}'

test('smoketest: 0 when all came out as expected, with a table; files are found beside the list', async () => {
  const { code, stdout, stderr } = await start(['smoketest', list(flow.service.port, WORKS, REFUSED)]).finished
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.replace(/ +\d+ ms/g, ' N ms')).toMatch(
    /^ok {6}works {2}http N ms {2}a token was issued until \S+, used and revoked\nok {6}none {3}grpc N ms {2}refused: NOT_FOUND POLICY_NOT_FOUND: .*\nAll 2 came out as expected\.\n$/,
  )
  expectNoToken(stdout)
})

test('smoketest --json: 1 when one did not', async () => {
  const { code, stdout } = await start(['smoketest', '--json', list(flow.service.port, WORKS, WRONG)]).finished
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    passed: 1,
    failed: 1,
    not_run: 0,
    exchanges: [
      { name: 'works', ok: true },
      { name: 'wrong', ok: false, step: 'outcome' },
    ],
  })
  expectNoToken(stdout)
})

test('smoketest: 1 when nobody is there', async () => {
  const { code, stdout } = await start(['smoketest', list(await closedPort(), WORKS, REFUSED)]).finished
  expect(code).toBe(1)
  expect(stdout).toMatch(/\n2 of 2 did not come out as expected\.\n$/)
})

test('smoketest: 2 for a malformed list, with every line that is at fault, and nothing is sent', async () => {
  const calls = await flow.calls(async () => {
    const path = list(flow.service.port, WORKS, '{name: x, scope: acme/app}', WRONG.replace('NOT_FOUND', 'NOTFOUND'))
    const { code, stderr } = await start(['smoketest', path]).finished
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /list\.yaml is no list of exchanges:\n {2}line 6: an exchange must have identity\n {2}line 6: an exchange must have expect\n {2}line 7: code must be .* did you mean NOT_FOUND\?\n$/,
    )
  })
  expect(calls).toEqual([])
})

test('smoketest: a signal ends it, and what was not run is no success', async () => {
  const silent = await serveSilence()
  const path = list(silent.port, WORKS, REFUSED)
  const process = start(['smoketest', path])
  await eventually(() => expect(silent.connections()).toBe(1))
  process.signal('SIGINT')
  const { code, stdout } = await process.finished
  await silent.close()
  expect(code).toBe(1)
  expect(stdout).toMatch(/\n2 of 2 did not come out as expected, 1 of them because it was stopped\.\n$/)
})

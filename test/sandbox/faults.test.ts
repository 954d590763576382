import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Fault } from '../../src/sandbox/faults.ts'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, member, type Reply, rsaKeyPem } from '../support/github-client.ts'

const clock = createControlledClock()
let github: SandboxGitHub
let client: GitHubClient
let installation: number

const privateKeyPem = rsaKeyPem()

beforeEach(async () => {
  github = await createSandboxGitHub({ clock, app: { privateKeyPem } })
  client = createGitHubClient(github, clock.now)
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addRepository('acme', 'app', { files: { 'a.txt': 'a' } })
  installation = github.install('acme', { permissions: { contents: 'write', issues: 'read' }, repositories: 'all' })
})
afterEach(() => github.close())

const mint = (body: unknown = { permissions: { contents: 'read' }, repositories: ['app'] }) =>
  client.send('POST', `/app/installations/${installation}/access_tokens`, { bearer: client.appJwt(), body })
const app = () => client.send('GET', '/app', { bearer: client.appJwt() })

test.each<[string, Fault, object]>([
  [
    'a status',
    { kind: 'answer', status: 502, body: { message: 'Server Error' } },
    { status: 502, body: { message: 'Server Error' } },
  ],
  ['an empty list', { kind: 'answer', status: 200, body: [] }, { status: 200, body: [] }],
  ['null', { kind: 'answer', status: 200, body: null }, { status: 200, body: null }],
  ['nothing', { kind: 'answer', status: 204 }, { status: 204, body: undefined }],
  ['a page', { kind: 'html' }, { status: 200, body: '<!DOCTYPE html><title>Unicorn!</title>' }],
  ['a huge body', { kind: 'huge-body', bytes: 3 }, { status: 200, body: { padding: 'xxx' } }],
])('instead of its answer: %s', async (_, fault, expected) => {
  github.fault({}, fault)
  expect(await mint()).toMatchObject(expected)
  expect(github.tokens.size).toBe(0)
})

test.each<[string, Fault, number, Record<string, string>]>([
  [
    'the primary rate limit',
    { kind: 'primary-rate-limit', resetInSeconds: 90 },
    403,
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(clock.now() / 1000 + 90) },
  ],
  ['the primary rate limit as 429', { kind: 'primary-rate-limit', status: 429 }, 429, { 'x-ratelimit-remaining': '0' }],
  ['the secondary rate limit', { kind: 'secondary-rate-limit', retryAfterSeconds: 7 }, 403, { 'retry-after': '7' }],
  ['a redirect', { kind: 'redirect', location: '/elsewhere', status: 307 }, 307, { location: '/elsewhere' }],
])('instead of its answer, with its headers: %s', async (_, fault, status, expected) => {
  github.fault({}, fault)
  const reply = await mint()
  const headers = Object.fromEntries(Object.keys(expected).map((name) => [name, reply.headers.get(name)]))
  expect({ status: reply.status, headers }).toEqual({ status, headers: expected })
})

test('half the JSON, as if it were all', async () => {
  const whole = JSON.stringify((await app()).body)
  github.fault({}, { kind: 'truncated-json' })
  expect((await app()).body).toBe(whole.slice(0, Math.floor(whole.length / 2)))
})

test.each<[string, Fault, string, number]>([
  ['before it takes effect', { kind: 'reset' }, 'fetch failed', 0],
  ['after it took effect', { kind: 'reset', processed: true }, 'fetch failed', 1],
  ['in the middle of the answer', { kind: 'reset-mid-body' }, 'terminated', 1],
])('the connection is reset %s', async (_, fault, message, tokens) => {
  github.fault({}, fault)
  await expect(mint()).rejects.toMatchObject({ message })
  expect(github.tokens.size).toBe(tokens)
})

test('a hanging request ends with its caller, or with the sandbox', async () => {
  const fault = github.fault({ times: 1 }, { kind: 'hang' })
  const refused = expect(app()).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } })
  await fault.met
  await github.close()
  await refused
  expect(github.calls).toEqual([expect.objectContaining({ method: 'GET', route: '/app', status: undefined })])
})

test('a delayed answer is the right one', async () => {
  github.fault({}, { kind: 'delay', ms: 1 })
  expect(await app()).toMatchObject({ status: 200, body: { id: github.app.id } })
})

test('a slow body comes byte by byte, and is whole in the end', async () => {
  github.fault({ times: 1 }, { kind: 'slow-body', msPerByte: 0 })
  expect(await client.send('GET', '/nowhere')).toMatchObject({ status: 404, body: { message: 'Not Found' } })
})

test('a held answer waits; its request takes effect after that, or before', async () => {
  for (const processed of [false, true]) {
    let release = () => {}
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    const issued = github.tokens.size
    const fault = github.fault({ route: ACCESS_TOKENS, times: 1 }, { kind: 'hold', until, processed })
    const pending = mint()
    await fault.met
    if (processed) while (github.tokens.size === issued) await app()
    else await app()
    expect(github.tokens.size).toBe(issued + (processed ? 1 : 0))
    release()
    expect((await pending).status).toBe(201)
    expect(github.tokens.size).toBe(issued + 1)
  }
})

const ACCESS_TOKENS = '/app/installations/{installation_id}/access_tokens'

test.each<[string, Fault, object]>([
  [
    'a permission',
    { kind: 'wider-token', permissions: { issues: 'read' } },
    { permissions: { contents: 'read', issues: 'read', metadata: 'read' } },
  ],
  [
    'a level',
    { kind: 'wider-token', permissions: { contents: 'write' } },
    { permissions: { contents: 'write', metadata: 'read' } },
  ],
  ['all repositories', { kind: 'wider-token', repositorySelection: 'all' }, { repository_selection: 'all' }],
  [
    'a repository',
    { kind: 'wider-token', repositories: ['vault'] },
    { repositories: [{ name: 'app' }, { name: 'vault' }] },
  ],
])('a token wider than asked, by %s', async (_, fault, expected) => {
  github.fault({}, fault)
  const { status, body } = await mint()
  expect({ status, body }).toMatchObject({ status: 201, body: expected })
  expect(github.tokens.has(String(member(body, 'token')))).toBe(true)
})

test('meets only the requests it is meant for: by method, route, path, number', async () => {
  const fault: Fault = { kind: 'answer', status: 500 }
  const handle = github.fault({ method: 'GET', route: '/app', after: 1, times: 2 }, fault)
  github.fault({ path: /installation$/ }, fault)
  github.fault({ path: '/rate_limit' }, fault)
  const statuses: unknown[] = []
  for (const path of ['/app', '/app', '/app', '/app', '/orgs/acme/installation', '/rate_limit', '/rate_limit/x']) {
    statuses.push((await client.send('GET', path, { bearer: client.appJwt() })).status)
  }
  statuses.push((await mint()).status)
  expect(statuses).toEqual([200, 500, 500, 200, 500, 500, 404, 201])
  expect(handle.hits).toBe(2)
})

test('is over when it is cleared; the first of two that match wins', async () => {
  const first = github.fault({}, { kind: 'answer', status: 500 })
  const second = github.fault({}, { kind: 'answer', status: 501 })
  expect((await app()).status).toBe(500)
  first.clear()
  expect((await app()).status).toBe(501)
  second.clear()
  expect((await app()).status).toBe(200)
})

test.each<[string, string, (writer: string, sha: string) => Promise<Reply>]>([
  ['GET', '/repos/{owner}/{repo}/compare/{basehead}', (bearer) => get('/compare/main...main', bearer)],
  ['GET', '/repos/{owner}/{repo}/git/trees/{tree_sha}', (bearer) => get('/git/trees/main?recursive=1', bearer)],
  ['GET', '/repos/{owner}/{repo}/git/blobs/{file_sha}', (bearer, sha) => get(`/git/blobs/${sha}`, bearer)],
  ['GET', '/repos/{owner}/{repo}/commits/{ref}', (bearer) => get('/commits/main', bearer)],
  ['GET', '/repos/{owner}/{repo}/commits/{ref}/check-runs', (bearer) => get('/commits/main/check-runs', bearer)],
  ['GET', '/repos/{owner}/{repo}/pulls/{pull_number}/files', (bearer) => get('/pulls/1/files', bearer)],
  [
    'POST',
    '/repos/{owner}/{repo}/check-runs',
    (bearer, sha) =>
      client.send('POST', '/repos/acme/app/check-runs', { bearer, body: { name: 'lint', head_sha: sha } }),
  ],
  [
    'PATCH',
    '/repos/{owner}/{repo}/check-runs/{check_run_id}',
    (bearer) => client.send('PATCH', '/repos/acme/app/check-runs/1', { bearer, body: { status: 'queued' } }),
  ],
])('%s %s meets faults by its template', async (method, route, ask) => {
  github.regrant(installation, { permissions: { contents: 'read', checks: 'write', pull_requests: 'read' } })
  const bearer = await client.mint(installation)
  const fault = github.fault({ method, route, times: 1 }, { kind: 'secondary-rate-limit', status: 429 })
  const { status, headers } = await ask(bearer, github.headOf('acme', 'app'))
  expect([status, headers.get('retry-after'), fault.hits]).toEqual([429, '60', 1])
  expect((await ask(bearer, github.headOf('acme', 'app'))).status).not.toBe(429)
  expect(github.checkRuns).toHaveLength(method === 'POST' ? 1 : 0)
})

const get = (path: string, bearer: string) => client.send('GET', `/repos/acme/app${path}`, { bearer })

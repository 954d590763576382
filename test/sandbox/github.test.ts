import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub, type SandboxGitHubOptions } from '../../src/sandbox/github.ts'
import type { Observation } from '../../src/sandbox/github-server.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, member, rsaKeyPem } from '../support/github-client.ts'

const clock = createControlledClock()
let github: SandboxGitHub
let client: GitHubClient

const privateKeyPem = rsaKeyPem()

const start = async (options: SandboxGitHubOptions = {}) => {
  github = await createSandboxGitHub({ clock, app: { privateKeyPem }, ...options })
  client = createGitHubClient(github, clock.now)
  github.addAccount({ login: 'Acme', type: 'Organization', id: 11 })
  github.addAccount({ login: 'octocat', type: 'User', id: 12 })
  github.addRepository('acme', 'app', { id: 21, files: { 'a.txt': 'a' } })
  github.addRepository('acme', 'docs', { private: false })
}
afterEach(() => github.close())

describe('an installation', () => {
  beforeEach(() => start())
  const permissions = { contents: 'write' } as const

  test.each([
    ['/orgs/ACME/installation', 200],
    ['/users/acme/installation', 200],
    ['/repos/acme/APP/installation', 200],
    ['/repos/acme/docs/installation', 404],
    ['/users/octocat/installation', 200],
    ['/orgs/octocat/installation', 404],
    ['/orgs/nobody/installation', 404],
  ])('is looked up at %s: %i', async (path, status) => {
    github.install('acme', { permissions, repositories: ['app'] })
    github.install('octocat', { permissions, repositories: 'all' })
    expect((await client.send('GET', path, { bearer: client.appJwt() })).status).toBe(status)
  })

  test('says whom it is for, what it has, and since when it is suspended', async () => {
    const id = github.install('acme', { permissions, repositories: ['app'] })
    const look = async () => (await client.send('GET', '/orgs/acme/installation', { bearer: client.appJwt() })).body
    expect(await look()).toMatchObject({
      id,
      account: { id: 11, login: 'Acme', type: 'Organization' },
      app_id: github.app.id,
      app_slug: 'octo-sts',
      repository_selection: 'selected',
      permissions: { contents: 'write', metadata: 'read' },
      suspended_at: null,
    })
    github.suspend(id)
    expect(member(await look(), 'suspended_at')).toBe('2026-11-01T12:00:00.000Z')
  })

  test("is the App's to see: a token of its own does not do", async () => {
    const token = await client.mint(github.install('acme', { permissions, repositories: 'all' }))
    const { status, body } = await client.send('GET', '/orgs/acme/installation', { bearer: token })
    expect([status, member(body, 'message')]).toEqual([401, 'A JSON web token could not be decoded'])
  })

  test('is one of a paged list', async () => {
    const ids = Array.from({ length: 5 }, (_, index) => {
      github.addAccount({ login: `org-${index}`, type: 'Organization' })
      return github.install(`org-${index}`, { permissions, repositories: 'all' })
    })
    const pages: unknown[] = []
    let next: string | undefined = '/app/installations?per_page=2'
    while (next !== undefined) {
      const reply = await client.send('GET', next, { bearer: client.appJwt() })
      pages.push(Array.isArray(reply.body) ? reply.body.map((one) => member(one, 'id')) : reply.body)
      next = /<([^>]+)>; rel="next"/.exec(reply.headers.get('link') ?? '')?.[1]?.slice(github.url.length)
    }
    expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)])
  })
})

describe('the quota', () => {
  test('is counted for each installation and for the App, and told in headers', async () => {
    await start({ quotaPerHour: 2 })
    const token = await client.mint(github.install('acme', { permissions: { contents: 'read' }, repositories: 'all' }))
    const replies = []
    for (let index = 0; index < 3; index += 1) {
      replies.push(await client.send('GET', '/repos/acme/app/contents/a.txt', { bearer: token }))
    }
    expect(replies.map(({ status, headers }) => [status, headers.get('x-ratelimit-remaining')])).toEqual([
      [200, '1'],
      [200, '0'],
      [403, '0'],
    ])
    const reset = String(clock.now() / 1000 + 3600)
    expect(replies[2]?.headers.get('x-ratelimit-reset')).toBe(reset)
    expect((await client.send('GET', '/rate_limit', { bearer: token })).body).toMatchObject({
      rate: { limit: 2, remaining: 0, used: 2, reset: Number(reset) },
    })
    expect((await client.send('GET', '/app', { bearer: client.appJwt() })).status).toBe(200)
    expect((await client.send('GET', '/app', { bearer: client.appJwt() })).status).toBe(403)
  })
})

describe('the record', () => {
  beforeEach(() => start())

  test('has every request with its route, credential and status', async () => {
    const token = await client.mint(github.install('acme', { permissions: { contents: 'read' }, repositories: 'all' }))
    github.forgetCalls()
    await client.send('GET', '/app?x=1', { bearer: client.appJwt() })
    await client.send('DELETE', '/installation/token', { headers: { authorization: `token ${token}` } })
    await client.send('PUT', '/nowhere')
    expect(github.calls).toEqual([
      { method: 'GET', path: '/app', query: 'x=1', route: '/app', authorization: 'app', status: 200 },
      {
        method: 'DELETE',
        path: '/installation/token',
        query: '',
        route: '/installation/token',
        authorization: 'installation',
        status: 204,
      },
      { method: 'PUT', path: '/nowhere', query: '', route: undefined, authorization: 'none', status: 404 },
    ])
  })

  test('is told to an observer with both bodies, until that ends', async () => {
    const seen: Observation[] = []
    const stop = github.observe((observation) => seen.push(observation))
    await client.send('POST', '/app/installations/1/access_tokens', {
      bearer: client.appJwt(),
      body: { permissions: {} },
    })
    stop()
    await client.send('GET', '/app')
    expect(seen).toEqual([
      expect.objectContaining({
        route: '/app/installations/{installation_id}/access_tokens',
        status: 404,
        requestBody: { permissions: {} },
        responseBody: expect.objectContaining({ message: 'Not Found' }),
        fault: undefined,
      }),
    ])
  })
})

describe('the server', () => {
  test('speaks as GitHub does: JSON, a request id, no client without a name', async () => {
    await start()
    const { headers } = await client.send('GET', '/repos/acme/docs')
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(headers.get('x-github-request-id')).toMatch(/^[0-9A-F]{24}$/)
    expect(headers.get('x-ratelimit-resource')).toBe('core')
    expect(await statusOfAnonymousClient(`${github.url}/repos/acme/docs`)).toBe(403)
  })

  test.each([
    ['2022-11-28', 200],
    ['2026-03-10', 200],
    ['2020-01-01', 400],
  ])('knows the versions of its API: %s %i', async (version, status) => {
    await start()
    const headers = { 'x-github-api-version': version }
    expect((await client.send('GET', '/repos/acme/docs', { headers })).status).toBe(status)
  })

  test('compresses for those who can read that', async () => {
    await start()
    const plain = await client.send('GET', '/repos/acme/docs', { headers: { 'accept-encoding': 'identity' } })
    const packed = await client.send('GET', '/repos/acme/docs', { headers: { 'accept-encoding': 'gzip' } })
    expect([plain, packed].map(({ headers }) => headers.get('content-encoding'))).toEqual([null, 'gzip'])
    expect(packed.body).toEqual(plain.body)
  })

  test('has its API below another path, as GitHub Enterprise Server has', async () => {
    await start({ basePath: '/api/v3' })
    expect(github.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/api\/v3$/)
    const { body } = await client.send('GET', '/repos/acme/docs')
    expect(member(body, 'url')).toBe(`${github.url}/repos/Acme/docs`)
    expect((await fetch(`${new URL(github.url).origin}/repos/acme/docs`)).status).toBe(404)
  })

  test('closes, and closes again', async () => {
    await start()
    await github.close()
    await github.close()
    await expect(client.send('GET', '/app')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })
})

/** fetch always names its client; Node's own request does not. */
function statusOfAnonymousClient(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpRequest(url, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { SandboxApp } from '../../src/sandbox/apps.ts'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, member, rsaKeyPem, signAppJwt } from '../support/github-client.ts'

const clock = createControlledClock()
const [FIRST_KEY, SECOND_KEY] = [rsaKeyPem(), rsaKeyPem()]
const contents = { contents: 'write' } as const
let github: SandboxGitHub
let second: SandboxApp
let asFirst: GitHubClient
let asSecond: GitHubClient

beforeEach(async () => {
  github = await createSandboxGitHub({ clock, quotaPerHour: 5, app: { privateKeyPem: FIRST_KEY } })
  second = await github.addApp({ privateKeyPem: SECOND_KEY })
  asFirst = createGitHubClient(github, clock.now)
  asSecond = createGitHubClient(github, clock.now, second)
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addRepository('acme', 'app', { files: { 'a.txt': 'a' } })
  github.addRepository('acme', 'docs', { files: { 'a.txt': 'a' } })
})
afterEach(() => github.close())

describe('several Apps', () => {
  test('have ids and slugs of their own, in the order in which they came', async () => {
    await github.addApp({ id: 7, slug: 'seventh', privateKeyPem: SECOND_KEY })
    expect(github.apps.map(({ id, slug, clientId }) => ({ id, slug, clientId }))).toEqual([
      { id: 424_242, slug: 'octo-sts', clientId: 'Iv23li424242' },
      { id: 424_243, slug: 'octo-sts-2', clientId: 'Iv23li424243' },
      { id: 7, slug: 'seventh', clientId: 'Iv23li7' },
    ])
    expect(github.app).toEqual(github.apps[0])
  })

  test.each([
    [{ id: 424_243, slug: 'new' }, '424243 or new'],
    [{ slug: 'octo-sts' }, '424244 or octo-sts'],
  ])('are not registered twice: %j', async (options, message) => {
    await expect(github.addApp({ ...options, privateKeyPem: SECOND_KEY })).rejects.toThrow(message)
  })

  test.each<[string, (app: SandboxApp) => unknown]>([
    ['its id as a number', ({ id }) => id],
    ['its id as text', ({ id }) => String(id)],
    ['its client id', ({ clientId }) => clientId],
  ])('are told apart by %s in `iss`, and each has its own key', async (_, issuerOf) => {
    for (const [app, pem, status] of [
      [github.app, FIRST_KEY, 200],
      [second, SECOND_KEY, 200],
      [second, FIRST_KEY, 401],
    ] as const) {
      const now = clock.now() / 1000
      const bearer = signAppJwt({ iss: issuerOf(app), iat: now, exp: now + 60 }, pem)
      const reply = await asFirst.send('GET', '/app', { bearer })
      expect([reply.status, member(reply.body, 'id')]).toEqual([status, status === 200 ? app.id : undefined])
    }
  })
})

describe('an installation', () => {
  test('belongs to the App that was named, and is none to another', async () => {
    const id = github.install('acme', { permissions: contents, repositories: 'all', app: second.id })
    const path = '/orgs/acme/installation'
    expect((await asFirst.send('GET', path, { bearer: asFirst.appJwt() })).status).toBe(404)
    expect((await asSecond.send('GET', path, { bearer: asSecond.appJwt() })).body).toMatchObject({
      id,
      app_id: second.id,
      app_slug: 'octo-sts-2',
      client_id: second.clientId,
    })
    const mint = `/app/installations/${id}/access_tokens`
    expect((await asFirst.send('POST', mint, { bearer: asFirst.appJwt() })).status).toBe(404)
    expect((await asSecond.send('POST', mint, { bearer: asSecond.appJwt() })).status).toBe(201)
    expect([github.findInstallationOf('acme', github.app.id), github.findInstallationOf('ACME')?.id]).toEqual([
      undefined,
      id,
    ])
  })

  test('of each App for one owner has its own repositories, listing and count', async () => {
    const one = github.install('acme', { permissions: contents, repositories: ['app'] })
    const two = github.install('acme', { permissions: contents, repositories: ['docs'], app: second.id })
    const seen = async (client: GitHubClient) => {
      const bearer = client.appJwt()
      const [list, app, docs] = [
        await client.send('GET', '/app/installations', { bearer }),
        await client.send('GET', '/repos/acme/app/installation', { bearer }),
        await client.send('GET', '/repos/acme/docs/installation', { bearer }),
      ]
      const ids = Array.isArray(list.body) ? list.body.map((found) => member(found, 'id')) : list.body
      return { ids, app: app.status, docs: docs.status }
    }
    expect(await seen(asFirst)).toEqual({ ids: [one], app: 200, docs: 404 })
    expect(await seen(asSecond)).toEqual({ ids: [two], app: 404, docs: 200 })
    expect((await asSecond.send('GET', '/app', { bearer: asSecond.appJwt() })).body).toMatchObject({
      installations_count: 1,
    })
    const token = await asSecond.mint(two)
    expect((await asSecond.send('GET', '/repos/acme/docs/contents/a.txt', { bearer: token })).status).toBe(200)
    expect((await asSecond.send('GET', '/repos/acme/app/contents/a.txt', { bearer: token })).status).toBe(404)
  })

  test('of an App that is not there is a mistake of the test', () => {
    expect(() => github.install('acme', { permissions: contents, repositories: 'all', app: 9 })).toThrow(
      'the sandbox has no App 9',
    )
  })
})

describe('the quota', () => {
  const left = async (client: GitHubClient, bearer: string) => {
    const { status, headers } = await client.send('GET', '/repos/acme/app/contents/a.txt', { bearer })
    return [status, headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]
  }

  test('of each App and of each installation is its own', async () => {
    const one = await asFirst.mint(github.install('acme', { permissions: contents, repositories: 'all' }))
    const two = await asSecond.mint(
      github.install('acme', { permissions: contents, repositories: 'all', app: second.id }),
    )
    expect(await left(asFirst, one)).toEqual([200, '5', '4'])
    expect(await left(asFirst, one)).toEqual([200, '5', '3'])
    expect(await left(asSecond, two)).toEqual([200, '5', '4'])
    const apps = await Promise.all([asFirst, asSecond].map((one) => one.send('GET', '/app', { bearer: one.appJwt() })))
    expect(apps.map(({ headers }) => headers.get('x-ratelimit-remaining'))).toEqual(['3', '3'])
  })

  test('can be set: what is left of the hour, and the limit for good', async () => {
    const installation = github.install('acme', { permissions: contents, repositories: 'all' })
    const token = await asFirst.mint(installation)
    github.setQuota({ installation }, { remaining: 1 })
    expect(await left(asFirst, token)).toEqual([200, '5', '0'])
    expect(await left(asFirst, token)).toEqual([403, '5', '0'])
    github.setQuota({ installation }, { limit: 12_500, remaining: 2000 })
    expect(await left(asFirst, token)).toEqual([200, '12500', '1999'])
    github.setQuota({ app: github.app.id }, { remaining: 0 })
    expect((await asFirst.send('GET', '/app', { bearer: asFirst.appJwt() })).body).toMatchObject({
      message: 'API rate limit exceeded for app ID 424242.',
    })
    expect((await asSecond.send('GET', '/app', { bearer: asSecond.appJwt() })).status).toBe(200)
  })
})

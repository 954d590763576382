import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Fault } from '../../src/sandbox/faults.ts'
import { createWorld, grantFor, never, ORG, poolOf, reason, refusal, USER, type World } from './world.ts'

let world: World
afterEach(() => world.close())

const find = (owner = 'acme') => world.github.findInstallation(owner, never())
const LOOK = { route: '/orgs/{org}/installation' }
const MINUTE = 60_000

describe('an installation', () => {
  test('has its account and its App', async () => {
    world = await createWorld()
    const { id, account, app } = await find('ACME')
    expect({ id, account, app }).toEqual({
      id: world.installationId,
      account: { id: world.sandbox.findAccount('acme')?.id, login: 'acme', type: 'Organization' },
      app: { id: 424_242, slug: 'octo-sts' },
    })
    expect((await find('bob')).account.type).toBe('User')
  })

  test("is that of the App which asked, whatever GitHub's answer calls it", async () => {
    world = await createWorld()
    const account = { id: world.sandbox.findAccount('acme')?.id, login: 'acme', type: 'Organization' }
    const body = { id: world.installationId, app_id: 7, app_slug: 'renamed', account, permissions: {} }
    world.sandbox.fault(LOOK, { kind: 'answer', status: 200, body })
    const installation = await find()
    expect(installation.app).toEqual({ id: 424_242, slug: 'renamed' })
    expect(await world.github.mint(grantFor(installation), never())).toMatchObject({ appId: 424_242 })
  })

  test('is asked for once by all who want it at once', async () => {
    world = await createWorld()
    await Promise.all(Array.from({ length: 50 }, () => find()))
    expect(world.calls()).toEqual([ORG])
  })

  test('is looked at again after ten minutes, since names change hands', async () => {
    world = await createWorld()
    await find()
    world.clock.advance(10 * MINUTE - 1)
    await find()
    expect(world.calls()).toEqual([ORG])
    world.clock.advance(1)
    world.sandbox.renameAccount('acme', 'acme-new')
    expect(await reason(find())).toBe('APP_NOT_INSTALLED')
    expect((await find('acme-new')).id).toBe(world.installationId)
  })

  test('is believed a while longer when GitHub is down, but not when it answers nonsense', async () => {
    world = await createWorld()
    await find()
    world.clock.advance(10 * MINUTE)
    const handle = world.sandbox.fault(LOOK, { kind: 'answer', status: 502 })
    expect((await find()).id).toBe(world.installationId)
    world.clock.advance(60 * MINUTE)
    expect(await reason(find())).toBe('GITHUB_UNAVAILABLE')
    handle.clear()
    await find()
    world.clock.advance(10 * MINUTE)
    world.sandbox.fault(LOOK, { kind: 'html' })
    expect(await reason(find())).toBe('GITHUB_UNAVAILABLE')
  })

  test('that is suspended is refused, for a quarter of a minute without asking', async () => {
    world = await createWorld()
    world.sandbox.suspend(world.installationId)
    expect(await refusal(find())).toBe(
      'INSTALLATION_SUSPENDED: the installation of the GitHub App for "acme" is suspended: its administrators can unsuspend it in the account\'s settings',
    )
    world.sandbox.unsuspend(world.installationId)
    expect(await reason(find())).toBe('INSTALLATION_SUSPENDED')
    expect(world.calls()).toEqual([ORG])
    world.clock.advance(15_000)
    expect((await find()).id).toBe(world.installationId)
  })

  test('of an account that GitHub knows by another name is refused', async () => {
    world = await createWorld()
    const installation = world.sandbox.installations.get(world.installationId)
    const answer = {
      id: world.installationId,
      account: { id: installation?.account.id, login: 'acme-new', type: 'Organization' },
      app_id: 1,
      app_slug: 'octo-sts',
      suspended_at: null,
    }
    world.sandbox.fault(LOOK, { kind: 'answer', status: 200, body: answer })
    expect(await refusal(find())).toBe(
      'REPOSITORY_RENAMED: no installation found for "acme": the account has another name now; ask with that, old names are not followed',
    )
  })

  test.each<readonly [string, Fault, string, number]>([
    ['500', { kind: 'answer', status: 500 }, 'GITHUB_UNAVAILABLE', 2],
    ['a reset', { kind: 'reset' }, 'GITHUB_UNAVAILABLE', 2],
    ['silence', { kind: 'hang' }, 'GITHUB_TIMEOUT', 1],
    ['null', { kind: 'answer', status: 200, body: 'null' }, 'GITHUB_UNAVAILABLE', 1],
    ['[]', { kind: 'answer', status: 200, body: [] }, 'GITHUB_UNAVAILABLE', 1],
    ['a page', { kind: 'html' }, 'GITHUB_UNAVAILABLE', 1],
    ['half the JSON', { kind: 'truncated-json' }, 'GITHUB_UNAVAILABLE', 1],
    ['204', { kind: 'answer', status: 204 }, 'GITHUB_UNAVAILABLE', 1],
    ['304', { kind: 'answer', status: 304 }, 'GITHUB_UNAVAILABLE', 1],
    ['an id that is a text', { kind: 'answer', status: 200, body: { id: '7' } }, 'GITHUB_UNAVAILABLE', 1],
    ['301', { kind: 'redirect', location: '/organizations/1/installation' }, 'REPOSITORY_RENAMED', 1],
    ['401, also to a fresh JWT', { kind: 'answer', status: 401, body: { message: 'x' } }, 'APP_CREDENTIALS_REFUSED', 2],
    ['403', { kind: 'answer', status: 403, body: { message: 'x' } }, 'APP_CREDENTIALS_REFUSED', 1],
    ['400', { kind: 'answer', status: 400, body: { message: 'x' } }, 'MINT_REFUSED', 1],
    ['a rate limit', { kind: 'primary-rate-limit' }, 'GITHUB_RATE_LIMITED', 1],
    ['a secondary rate limit', { kind: 'secondary-rate-limit', status: 429 }, 'GITHUB_RATE_LIMITED', 1],
  ])('that GitHub answers with %s is refused', async (_, fault, expected, requests) => {
    world = await createWorld({ callLimitMs: 500 })
    const handle = world.sandbox.fault(LOOK, fault)
    expect(await reason(find())).toBe(expected)
    expect(handle.hits).toBe(requests)
  })

  test('is looked for with a JWT that GitHub takes all day, signed anew in time', async () => {
    world = await createWorld()
    for (let minute = 0; minute < 60; minute += 1) {
      await reason(find(`o${minute % 3}`))
      world.clock.advance(MINUTE)
    }
    expect(world.sandbox.calls.filter(({ status }) => status === 401)).toEqual([])
    expect(world.sandbox.calls.length).toBeGreaterThan(60)
  })

  test('of a prototype name is that of an ordinary owner without one', async () => {
    world = await createWorld()
    for (const owner of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(await reason(find(owner))).toBe('APP_NOT_INSTALLED')
    }
    expect(world.calls()).toEqual([ORG, USER, ORG, USER, ORG, USER, ORG, USER])
  })
})

describe('the key of the App', () => {
  const prove = () => world.app().proveKey(never())

  test('is proved by what GitHub says of its App', async () => {
    world = await createWorld()
    expect(await prove()).toEqual({ id: 424_242, slug: 'octo-sts' })
  })

  test('of another App is refused', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const privateKey = other.export({ type: 'pkcs8', format: 'pem' }).toString()
    world = await createWorld({ pools: poolOf({ id: 424_242, privateKey }) })
    expect(await refusal(prove())).toBe(
      'APP_CREDENTIALS_REFUSED: failed to get token: GitHub does not accept the credentials of this service; its operator must check the App id and the private key',
    )
  })

  test('of an App that does not exist is refused', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    world = await createWorld({ pools: poolOf({ id: 7, privateKey: pem }) })
    expect(await refusal(prove())).toBe(
      'APP_CREDENTIALS_REFUSED: failed to get token: GitHub knows no App with the id that this service was given; its operator must check it',
    )
  })

  test.each<readonly [string, Fault, string]>([
    ['503', { kind: 'answer', status: 503 }, 'GITHUB_UNAVAILABLE'],
    ['silence', { kind: 'hang' }, 'GITHUB_TIMEOUT'],
    ['a page', { kind: 'html' }, 'GITHUB_UNAVAILABLE'],
    ['404', { kind: 'answer', status: 404, body: {} }, 'GITHUB_UNAVAILABLE'],
  ])('is not judged when GitHub answers with %s', async (_, fault, expected) => {
    world = await createWorld({ callLimitMs: 300 })
    world.sandbox.fault({}, fault)
    expect(await reason(prove())).toBe(expected)
  })

  test('is not judged where nobody listens', async () => {
    world = await createWorld()
    await world.sandbox.close()
    expect(await reason(prove())).toBe('GITHUB_UNAVAILABLE')
  })
})

describe('GitHub Enterprise Server', () => {
  test('has its API under a path', async () => {
    world = await createWorld({ sandbox: { basePath: '/api/v3' } })
    expect((await find()).id).toBe(world.installationId)
    expect((await world.github.loadPolicy(await world.policyRequest(), never())).stale).toBe(false)
  })
})

describe('each request', () => {
  test('is reported with its route, its status and its duration', async () => {
    const reports: unknown[] = []
    world = await createWorld({
      callLimitMs: 300,
      onCall: ({ durationMs, quota, ...report }) => reports.push({ ...report, left: quota?.remaining }),
    })
    await world.github.loadPolicy(await world.policyRequest(), never())
    world.sandbox.fault({ method: 'GET' }, { kind: 'hang' })
    await reason(find('other'))
    const file = '/repos/{owner}/{repo}/contents/.github/chainguard/{file}'
    const asApp = { appId: 424_242, installationId: undefined }
    const asInstallation = { appId: 424_242, installationId: world.installationId }
    expect(reports).toEqual([
      { method: 'GET', route: '/orgs/{org}/installation', status: 200, ...asApp, left: 999_999 },
      {
        method: 'POST',
        route: '/app/installations/{installation_id}/access_tokens',
        status: 201,
        ...asApp,
        left: 999_998,
      },
      { method: 'GET', route: file, status: 200, ...asInstallation, left: 999_999 },
      { method: 'GET', route: '/orgs/{org}/installation', status: undefined, ...asApp, left: undefined },
    ])
  })
})

import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Grant } from '../../src/exchange/ports.ts'
import type { Fault } from '../../src/sandbox/faults.ts'
import type { Observation } from '../../src/sandbox/github-server.ts'
import { Denial } from '../../src/terms/denial.ts'
import {
  createWorld,
  grantFor,
  never,
  ORG,
  permissions,
  REVOKE,
  reason,
  refusal,
  TOKEN,
  USER,
  type World,
} from './world.ts'

let world: World
afterEach(() => world.close())

async function grant(about: Partial<Grant> = {}): Promise<Grant> {
  return { ...grantFor(await world.github.findInstallation('acme', never())), ...about }
}

/** Resolves with the first request that fits. */
function seen(fits: (observation: Observation) => boolean): Promise<Observation> {
  return new Promise((resolve) => {
    const end = world.sandbox.observe((observation) => {
      if (!fits(observation)) return
      end()
      resolve(observation)
    })
  })
}

const isRevocation = ({ method }: Observation) => method === 'DELETE'
const isMint = ({ route }: Observation) => route === '/app/installations/{installation_id}/access_tokens'
const MINT = { method: 'POST', route: '/app/installations/{installation_id}/access_tokens' }

describe('a mint', () => {
  test('asks for exactly the grant, and answers the token with its end', async () => {
    world = await createWorld()
    const asked = seen(isMint)
    const wanted = await grant({
      repositories: ['app', 'lib'],
      permissions: permissions({ issues: 'write', contents: 'read' }),
    })
    const token = await world.github.mint(wanted, never())
    expect((await asked).requestBody).toEqual({
      permissions: { issues: 'write', contents: 'read' },
      repositories: ['app', 'lib'],
    })
    const issued = world.sandbox.tokens.get(token.token)
    expect(issued?.permissions).toEqual({ issues: 'write', contents: 'read', metadata: 'read' })
    expect(token).toEqual({
      token: issued?.token,
      expiresAt: issued?.expiresAt,
      installationId: world.installationId,
      appId: 424_242,
    })
  })

  test('leaves the repositories out for all that the installation has', async () => {
    world = await createWorld({ sandbox: { tokenForm: 'stateless' } })
    const asked = seen(isMint)
    const token = await world.github.mint(await grant({ repositories: 'all' }), never())
    expect((await asked).requestBody).toEqual({ permissions: { contents: 'read' } })
    expect(world.sandbox.tokens.get(token.token)?.repositories).toBe('all')
  })

  test.each([
    ['a higher level', { permissions: { contents: 'write' } }],
    ['a further permission', { permissions: { issues: 'read' } }],
    ['a higher level of metadata', { permissions: { metadata: 'write' } }],
    ['a level that nobody knows', { permissions: { contents: 'own' as 'admin' } }],
    ['a further repository', { repositories: ['lib'] }],
    ['all repositories', { repositorySelection: 'all' }],
  ] as const)('with %s is revoked and refused', async (_, wider) => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.fault(MINT, { kind: 'wider-token', ...wider })
    const revoked = seen(isRevocation)
    expect(await refusal(world.github.mint(wanted, never()))).toBe(
      'MINT_WIDER_THAN_ASKED: failed to get token: GitHub granted more than was asked for, so that the token was revoked',
    )
    expect((await revoked).status).toBe(204)
    expect([...world.sandbox.tokens.values()].map((token) => token.revoked)).toEqual([true])
  })

  test.each([
    [
      'a repository that is not there',
      { repositories: ['app', 'nope'] },
      'MINT_REPOSITORY_NOT_SELECTED: token exchange failure (StatusUnprocessableEntity): the GitHub App\'s installation for "acme" does not reach "app", "nope", or it does not exist: select it in the installation\'s settings, or correct the policy\'s repositories',
    ],
    [
      'a permission that the App lacks',
      { permissions: permissions({ contents: 'read', packages: 'write' }) },
      'MINT_PERMISSION_NOT_GRANTED: token exchange failure (StatusUnprocessableEntity): the GitHub App\'s installation for "acme" was not granted the policy\'s "packages": grant it to the App and accept it for the installation, or ask for less in the policy',
    ],
    [
      'a level that the permission has not',
      { permissions: permissions({ contents: 'admin' }) },
      "MINT_PERMISSION_MALFORMED: token exchange failure (StatusUnprocessableEntity): GitHub does not know a permission of the policy, or not with this level: correct the policy's permissions",
    ],
  ] as const)('for %s says so', async (_, about, expected) => {
    world = await createWorld()
    expect(await refusal(world.github.mint(await grant(about), never()))).toBe(expected)
    expect(world.calls()).toEqual([ORG, TOKEN])
  })

  test.each<readonly [string, Fault, string, number]>([
    ['500', { kind: 'answer', status: 500 }, 'GITHUB_UNAVAILABLE', 1],
    ['502 with a page', { kind: 'answer', status: 502, body: '<html>' }, 'GITHUB_UNAVAILABLE', 1],
    ['a reset before the answer', { kind: 'reset' }, 'GITHUB_UNAVAILABLE', 2],
    ['a reset within the answer', { kind: 'reset-mid-body' }, 'GITHUB_UNAVAILABLE', 1],
    ['half the JSON', { kind: 'truncated-json' }, 'GITHUB_UNAVAILABLE', 1],
    ['a page with 200', { kind: 'html' }, 'GITHUB_UNAVAILABLE', 1],
    ['an empty list', { kind: 'answer', status: 201, body: [] }, 'GITHUB_UNAVAILABLE', 1],
    ['null', { kind: 'answer', status: 201, body: 'null' }, 'GITHUB_UNAVAILABLE', 1],
    ['204', { kind: 'answer', status: 204 }, 'GITHUB_UNAVAILABLE', 1],
    [
      'a token that is a number',
      { kind: 'answer', status: 201, body: { token: 7, expires_at: '2026-11-23T01:00:00Z' } },
      'GITHUB_UNAVAILABLE',
      1,
    ],
    [
      'an empty token',
      { kind: 'answer', status: 201, body: { token: '', expires_at: '2026-11-23T01:00:00Z' } },
      'GITHUB_UNAVAILABLE',
      1,
    ],
    [
      'a token with a line break',
      { kind: 'answer', status: 201, body: { token: 'a\nb', expires_at: '2026-11-23T01:00:00Z' } },
      'GITHUB_UNAVAILABLE',
      1,
    ],
    ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 'MINT_REFUSED', 1],
    ['10 MiB', { kind: 'huge-body', bytes: 10 * 1024 * 1024 }, 'GITHUB_UNAVAILABLE', 1],
    ['400', { kind: 'answer', status: 400, body: { message: 'x' } }, 'MINT_REFUSED', 1],
    ['422 without a known message', { kind: 'answer', status: 422, body: { message: 'no' } }, 'MINT_UNPROCESSABLE', 1],
    ['422 with a list', { kind: 'answer', status: 422, body: [] }, 'MINT_UNPROCESSABLE', 1],
    ['a primary rate limit', { kind: 'primary-rate-limit' }, 'GITHUB_RATE_LIMITED', 1],
    ['a secondary rate limit', { kind: 'secondary-rate-limit', status: 429 }, 'GITHUB_RATE_LIMITED', 1],
    [
      '401, also to a fresh App JWT',
      { kind: 'answer', status: 401, body: { message: 'Bad credentials' } },
      'APP_CREDENTIALS_REFUSED',
      2,
    ],
  ])('that GitHub answers with %s is refused', async (_, fault, expected, requests) => {
    world = await createWorld()
    const wanted = await grant()
    world.calls()
    const handle = world.sandbox.fault(MINT, fault)
    expect(await reason(world.github.mint(wanted, never()))).toBe(expected)
    expect(handle.hits).toBe(requests)
    handle.clear()
    expect((await world.github.mint(wanted, never())).token).toMatch(/^ghs_/)
  })

  test('tells a rate limited caller how long to wait', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.fault({ ...MINT, times: 1 }, { kind: 'secondary-rate-limit', retryAfterSeconds: 17 })
    expect(await world.github.mint(wanted, never()).catch((error: unknown) => error)).toMatchObject({
      reason: 'GITHUB_RATE_LIMITED',
      message: 'GitHub API rate limit exceeded for "acme": try again in 17 s',
      retryAfterMs: 17_000,
    })
    world.sandbox.fault({ ...MINT, times: 1 }, { kind: 'primary-rate-limit', resetInSeconds: 90, status: 429 })
    expect(await world.github.mint(wanted, never()).catch((error: unknown) => error)).toMatchObject({
      retryAfterMs: 90_000,
    })
  })

  test('that was reset before its answer is tried once more', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.fault({ ...MINT, times: 1 }, { kind: 'reset' })
    expect((await world.github.mint(wanted, never())).token).toMatch(/^ghs_/)
  })

  test('that was reset, and then refused, is not taken for one that made nothing', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.fault({ ...MINT, times: 1 }, { kind: 'reset', processed: true })
    world.sandbox.fault({ ...MINT, times: 1 }, { kind: 'answer', status: 422, body: { message: 'no' } })
    expect(await refusal(world.github.mint(wanted, never()))).toBe(
      'GITHUB_UNAVAILABLE: GitHub did not answer at first, and then with 422, while minting the token; try again',
    )
  })

  test('whose App JWT is refused is tried with a fresh one', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.calls()
    world.sandbox.fault({ ...MINT, times: 1 }, { kind: 'answer', status: 401, body: { message: 'Bad credentials' } })
    expect((await world.github.mint(wanted, never())).token).toMatch(/^ghs_/)
    expect(world.calls()).toEqual([TOKEN, TOKEN])
  })

  test('without an answer is given up after the time of one call, and not tried again', async () => {
    world = await createWorld({ callLimitMs: 300 })
    const wanted = await grant()
    const handle = world.sandbox.fault(MINT, { kind: 'hang' })
    expect(await refusal(world.github.mint(wanted, never()))).toBe(
      'GITHUB_TIMEOUT: GitHub did not answer within 0.3 s while minting the token; try again',
    )
    expect(handle.hits).toBe(1)
  })

  test('whose answer drips is given up after the time of one call', async () => {
    world = await createWorld({ callLimitMs: 300 })
    const wanted = await grant()
    world.sandbox.fault(MINT, { kind: 'slow-body', msPerByte: 50 })
    expect(await reason(world.github.mint(wanted, never()))).toBe('GITHUB_TIMEOUT')
  })

  test('whose caller leaves is revoked when it comes', async () => {
    world = await createWorld()
    const wanted = await grant()
    let release = () => {}
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    world.sandbox.fault(MINT, { kind: 'hold', until, processed: true })
    const caller = new AbortController()
    const minting = reason(world.github.mint(wanted, caller.signal))
    caller.abort(new Denial('CANCELLED', 'the caller left'))
    expect(await minting).toBe('CANCELLED')
    const revoked = seen(isRevocation)
    release()
    expect((await revoked).status).toBe(204)
  })

  test('whose caller has left is waited for when all is closed, and revoked', async () => {
    world = await createWorld()
    const wanted = await grant()
    let release = () => {}
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    world.sandbox.fault(MINT, { kind: 'hold', until, processed: true })
    const caller = new AbortController()
    const minting = reason(world.github.mint(wanted, caller.signal))
    caller.abort(new Denial('CANCELLED', 'the caller left'))
    await minting
    world.calls()
    const closed = world.github.close()
    release()
    await closed
    expect(world.calls()).toEqual([TOKEN, REVOKE])
  })

  test('leaves no listener behind, whatever comes of it', async () => {
    world = await createWorld()
    const wanted = await grant()
    const caller = new AbortController()
    await world.github.mint(wanted, caller.signal)
    world.sandbox.fault(MINT, { kind: 'answer', status: 500 })
    expect(await reason(world.github.mint(wanted, caller.signal))).toBe('GITHUB_UNAVAILABLE')
    expect(getEventListeners(caller.signal, 'abort')).toEqual([])
  })

  test('for a caller who has left already is not made', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.calls()
    expect(await reason(world.github.mint(wanted, AbortSignal.abort(new Denial('CANCELLED', 'left'))))).toBe(
      'CANCELLED',
    )
    expect(world.calls()).toEqual([])
  })

  test('with an installation that was made anew looks it up once more', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.uninstall(world.installationId)
    const id = world.sandbox.install('acme', { permissions: { contents: 'read' }, repositories: 'all' })
    world.calls()
    expect((await world.github.mint(wanted, never())).installationId).toBe(id)
    expect(world.calls()).toEqual([TOKEN, ORG, TOKEN])
    expect((await world.github.findInstallation('acme', never())).id).toBe(id)
  })

  test('with an installation that is gone says so, and remembers it', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.uninstall(world.installationId)
    world.calls()
    expect(await reason(world.github.mint(wanted, never()))).toBe('APP_NOT_INSTALLED')
    expect(world.calls()).toEqual([TOKEN, ORG, USER])
    expect(await reason(world.github.findInstallation('acme', never()))).toBe('APP_NOT_INSTALLED')
    expect(world.calls()).toEqual([])
  })

  test('with an installation that was suspended says so', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.suspend(world.installationId)
    expect(await reason(world.github.mint(wanted, never()))).toBe('INSTALLATION_SUSPENDED')
  })

  test('that GitHub forbids for another reason is refused after one more try', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.calls()
    world.sandbox.fault(MINT, { kind: 'answer', status: 403, body: { message: 'no' } })
    expect(await refusal(world.github.mint(wanted, never()))).toBe(
      'MINT_REFUSED: failed to get token: GitHub answered 403',
    )
    expect(world.calls()).toEqual([TOKEN, ORG, TOKEN])
  })

  test('does not go to another account that took the name', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.uninstall(world.installationId)
    world.sandbox.renameAccount('acme', 'acme-old')
    world.sandbox.addAccount({ login: 'acme', type: 'Organization' })
    world.sandbox.addRepository('acme', 'app')
    world.sandbox.install('acme', { permissions: { contents: 'read' }, repositories: 'all' })
    expect(await reason(world.github.mint(wanted, never()))).toBe('APP_NOT_INSTALLED')
    expect(world.sandbox.tokens.size).toBe(0)
  })

  test('does not go to an account that was renamed since', async () => {
    world = await createWorld()
    const wanted = await grant()
    world.sandbox.renameAccount('acme', 'acme-new')
    const revoked = seen(isRevocation)
    expect(await reason(world.github.mint(wanted, never()))).toBe('REPOSITORY_RENAMED')
    expect((await revoked).status).toBe(204)
  })
})

describe('a revocation', () => {
  test('ends the token, in the background', async () => {
    world = await createWorld()
    const token = await world.github.mint(await grant(), never())
    const revoked = seen(isRevocation)
    world.github.revoke(token)
    expect((await revoked).status).toBe(204)
    expect(world.sandbox.tokens.get(token.token)?.revoked).toBe(true)
  })

  test('is tried once more, and closing waits for it', async () => {
    world = await createWorld()
    const token = await world.github.mint(await grant(), never())
    world.sandbox.fault({ method: 'DELETE', times: 1 }, { kind: 'answer', status: 502 })
    world.github.revoke(token)
    world.calls()
    await world.github.close()
    expect(world.calls()).toEqual([REVOKE, REVOKE])
    expect(world.sandbox.tokens.get(token.token)?.revoked).toBe(true)
  })

  test('that GitHub does not answer holds nobody, and closing only for the time of a call', async () => {
    world = await createWorld({ callLimitMs: 300 })
    const token = await world.github.mint(await grant(), never())
    world.sandbox.fault({ method: 'DELETE' }, { kind: 'hang' })
    world.github.revoke(token)
    await world.github.close()
    expect(world.sandbox.tokens.get(token.token)?.revoked).toBe(false)
  })
})

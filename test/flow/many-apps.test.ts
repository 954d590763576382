import { afterEach, describe, expect, test } from '@jest/globals'
import type { Settings } from '../../src/config/settings.ts'
import { APP_KEY, type Flow, type FlowOptions, startFlow } from '../support/flow.ts'
import { rsaKeyPem } from '../support/github-client.ts'

const ORG = 'GET /orgs/{org}/installation'
const TOKEN = 'POST /app/installations/{installation_id}/access_tokens'
const MINUTE = 60_000
/** That no App at GitHub has. */
const OTHER_KEY = rsaKeyPem()

let flow: Flow

afterEach(() => flow.close())

async function start(options: FlowOptions = {}): Promise<void> {
  flow = await startFlow({ apps: 2, ...options })
  flow.policy('acme/app', 'ci')
  flow.policy('acme/app', 'checker', { permissions: { checks: 'write' } })
}

/** The number of the App that issued the token, or the reason of the refusal. */
async function issuer(question: Parameters<Flow['ask']>[0] = {}): Promise<number | string> {
  const { token = '', reason } = await flow.ask(question)
  const issued = flow.github.tokens.get(token)
  return issued === undefined ? String(reason) : flow.installations.indexOf(issued.installationId) + 1
}

async function issuers(
  count: number,
  question: Parameters<Flow['ask']>[0] = {},
): Promise<readonly (number | string)[]> {
  const result: (number | string)[] = []
  for (let index = 0; index < count; index += 1) result.push(await issuer(question))
  return result
}

const installationOf = (app: number) => flow.installations[app - 1] ?? 0
const appId = (app: number) => flow.github.apps[app - 1]?.id ?? 0

/** What GitHub says is left to an App and its installation. */
function leave(app: number, remaining: number): void {
  for (const owner of [{ installation: installationOf(app) }, { app: appId(app) }]) {
    flow.github.setQuota(owner, { limit: 15_000, remaining })
  }
}

describe('of two Apps', () => {
  test('each is asked once, and from then on the one with most left', async () => {
    await start()
    leave(1, 9_000)
    leave(2, 12_000)
    expect(await issuers(4)).toEqual([1, 2, 2, 2])
    leave(2, 8_000)
    expect(await issuers(3)).toEqual([2, 1, 1])
  })

  test('one above the soft floor comes before one below it, that before one below the hard floor', async () => {
    await start({ settings: { quota: { softFloor: 5_000, hardFloor: 1_500, staleMs: 300_000 } } })
    leave(1, 4_000)
    leave(2, 5_100)
    expect(await issuers(4)).toEqual([1, 2, 2, 2])
    leave(2, 1_000)
    expect(await issuers(3)).toEqual([2, 1, 1])
    leave(1, 900)
    expect(await issuers(3)).toEqual([1, 2, 2])
  })

  test('one of which nothing was heard for too long is asked again', async () => {
    await start({ settings: { quota: { softFloor: 5_000, hardFloor: 1_500, staleMs: 5 * MINUTE } } })
    leave(1, 9_000)
    leave(2, 12_000)
    expect(await issuers(3)).toEqual([1, 2, 2])
    flow.advance(4 * MINUTE)
    expect(await issuer()).toBe(2)
    flow.advance(2 * MINUTE)
    leave(1, 13_000)
    expect(await issuers(3)).toEqual([1, 1, 1])
  })

  test('the first costs what one alone would, the second its look-up and its mint, and then each exchange one call', async () => {
    await start()
    leave(1, 9_000)
    leave(2, 12_000)
    expect(await flow.calls(issuer)).toHaveLength(5)
    expect(await flow.calls(issuer)).toEqual([ORG, TOKEN])
    expect(await flow.calls(issuer)).toEqual([TOKEN])
  })

  test('one that GitHub limits is passed over until that is over', async () => {
    await start()
    await issuers(2)
    flow.github.fault(
      { method: 'POST', path: `/app/installations/${installationOf(1)}/access_tokens`, times: 1 },
      { kind: 'secondary-rate-limit', retryAfterSeconds: 30 },
    )
    leave(1, 14_000)
    leave(2, 6_000)
    const seen = new Set(await issuers(6))
    expect(seen).toEqual(new Set([2]))
    flow.advance(31_000)
    expect(await issuers(2)).toContain(1)
  })

  test('one that is suspended, or not installed, is passed over', async () => {
    await start()
    flow.github.suspend(installationOf(1))
    expect(await issuers(2)).toEqual([2, 2])
    flow.github.unsuspend(installationOf(1))
    flow.github.uninstall(installationOf(2))
    flow.advance(11 * MINUTE)
    expect(await issuers(2, { token: await longToken() })).toEqual([1, 1])
  })

  test('one that was not given the repository is passed over, and that is remembered', async () => {
    await start()
    flow.github.regrant(installationOf(1), { repositories: ['docs'] })
    expect(await issuers(3)).toEqual([2, 2, 2])
    expect(await flow.calls(issuer)).toEqual([TOKEN])
  })

  test('one that lacks a permission is passed over', async () => {
    await start()
    flow.github.regrant(installationOf(1), { permissions: { contents: 'read' } })
    flow.policy('acme/app', 'tracker', { permissions: { issues: 'write' } })
    expect(await issuers(3, { identity: 'tracker' })).toEqual([2, 2, 2])
  })

  test('of whom neither was given the repository: it is not selected, which is remembered', async () => {
    await start()
    for (const id of flow.installations) flow.github.regrant(id, { repositories: ['docs'] })
    expect(await issuer()).toBe('REPOSITORY_NOT_SELECTED')
    expect(await flow.calls(issuer)).toEqual([])
  })

  test('of whom neither is installed: that is the answer, which is remembered', async () => {
    await start()
    expect(await issuer({ scope: 'stranger/app' })).toBe('APP_NOT_INSTALLED')
    expect(await flow.calls(() => issuer({ scope: 'stranger/other' }))).toEqual([])
  })

  test('of whom one is limited and the other not installed: that another try can help', async () => {
    await start()
    flow.github.uninstall(installationOf(2))
    flow.github.fault(
      { route: '/orgs/{org}/installation', times: 1 },
      { kind: 'primary-rate-limit', resetInSeconds: 60 },
    )
    expect(await issuer()).toBe('GITHUB_RATE_LIMITED')
  })

  test('the trusted issuers are read by the one that can', async () => {
    await start()
    flow.github.regrant(installationOf(1), { repositories: ['app'] })
    flow.github.putFile(
      'acme',
      '.github',
      '.github/chainguard/trusted-token-issuers.yaml',
      'issuers: [https://x.example]',
    )
    expect(await issuer()).toBe('ISSUER_NOT_TRUSTED')
  })

  test.each([
    ['limits', { kind: 'secondary-rate-limit', retryAfterSeconds: 30 }],
    ['refuses to mint for', { kind: 'answer', status: 400, body: { message: 'no' } }],
  ] as const)('the trusted issuers are read by the other where GitHub %s the first', async (_, fault) => {
    await start()
    flow.github.fault({ path: `/app/installations/${installationOf(1)}/access_tokens` }, fault)
    expect(await issuers(2)).toEqual([2, 2])
    flow.github.fault({ path: `/app/installations/${installationOf(2)}/access_tokens` }, fault)
    expect(await issuer({ scope: 'acme/docs' })).not.toBe('ISSUER_NOT_TRUSTED')
  })

  test('that the one that could be asked was not given the list opens nothing while the other is limited', async () => {
    await start()
    flow.github.regrant(installationOf(2), { repositories: ['app'] })
    flow.github.fault(
      { path: `/app/installations/${installationOf(1)}/access_tokens` },
      { kind: 'secondary-rate-limit', retryAfterSeconds: 30 },
    )
    expect(await issuer()).toBe('GITHUB_RATE_LIMITED')
  })

  test('one whose key GitHub refuses is passed over, and asked again after a minute', async () => {
    await start({ settings: { pools: poolOf([424_242, OTHER_KEY], [424_243, APP_KEY]) } })
    expect(await issuer()).toBe(2)
    expect(await flow.calls(issuer)).toEqual([TOKEN])
    expect(await flow.calls(() => issuer({ scope: 'acme/docs' }))).not.toContain(ORG)
    flow.policy('acme/app', 'pinned', { app_pattern: '(octo-sts-2)?' })
    await issuer({ identity: 'pinned' })
    expect(await flow.calls(async () => expect(await issuer({ identity: 'pinned' })).toBe(2))).toEqual([TOKEN])
    flow.advance(MINUTE)
    expect(await flow.calls(async () => expect(await issuer()).toBe(2))).toEqual([ORG, ORG, TOKEN])
  })

  test('one that does not exist at GitHub is passed over', async () => {
    await start({ settings: { pools: poolOf([7, APP_KEY], [424_243, APP_KEY]) } })
    expect(await issuers(2)).toEqual([2, 2])
    expect(await flow.calls(issuer)).toEqual([TOKEN])
  })
})

/** Apps by id and key, for every owner. */
function poolOf(...apps: readonly [readonly [number, string], ...(readonly [number, string])[]]): Settings['pools'] {
  const [first, ...others] = apps.map(([id, pem]) => ({ id, key: { kind: 'pem', pem } }) as const)
  return new Map(first === undefined ? [] : [['*', [first, ...others]]])
}

describe('a pin', () => {
  test.each([
    ['by id', () => ({ app: String(appId(2)) })],
    ['by slug', () => ({ app: 'octo-sts-2' })],
    ['by a pattern of the slug', () => ({ app_pattern: 'octo-sts-[2-9]' })],
  ])('%s makes that App mint', async (_, pin) => {
    await start()
    flow.policy('acme/app', 'pinned', pin())
    leave(1, 14_000)
    leave(2, 6_000)
    expect(await issuers(3, { identity: 'pinned' })).toEqual([2, 2, 2])
  })

  test('that fits no App is refused', async () => {
    await start()
    flow.policy('acme/app', 'pinned', { app: 'another-app' })
    expect(await issuer({ identity: 'pinned' })).toBe('POLICY_APP_UNAVAILABLE')
  })

  test('holds where its App cannot mint: no other does', async () => {
    await start()
    flow.policy('acme/app', 'pinned', { app: 'octo-sts-2' })
    flow.github.uninstall(installationOf(2))
    expect(await issuer({ identity: 'pinned' })).toBe('APP_NOT_INSTALLED')
  })
})

describe('tokens with checks: write', () => {
  test('go to the App that can mint them, and stay with it', async () => {
    await start()
    flow.github.regrant(installationOf(2), { permissions: { contents: 'read' } })
    leave(1, 9_000)
    leave(2, 12_000)
    await issuers(2)
    expect(await issuers(3, { identity: 'checker' })).toEqual([1, 1, 1])
    expect(await flow.calls(() => issuer({ identity: 'checker' }))).toEqual([TOKEN])
  })

  test('stay with the App that they went to when theirs was gone', async () => {
    await start({ apps: 3 })
    for (const app of [1, 2, 3]) leave(app, 9_000)
    await issuers(3)
    leave(1, 14_000)
    await issuers(3)
    expect(await issuer({ identity: 'checker' })).toBe(1)
    flow.github.uninstall(installationOf(1))
    flow.advance(11 * MINUTE)
    leave(2, 14_000)
    leave(3, 9_000)
    const token = await longToken()
    await issuers(3, { token })
    const second = await issuer({ identity: 'checker', token })
    leave(2, second === 2 ? 2_000 : 14_000)
    leave(3, second === 3 ? 2_000 : 14_000)
    await issuers(3, { token })
    expect([2, 3]).toContain(second)
    expect(await issuers(2, { identity: 'checker', token })).toEqual([second, second])
  })

  test('wait for their App where GitHub only limits it', async () => {
    await start()
    leave(1, 9_000)
    leave(2, 9_000)
    const first = Number(await issuer({ identity: 'checker' }))
    flow.github.fault(
      { method: 'POST', path: `/app/installations/${installationOf(first)}/access_tokens`, times: 1 },
      { kind: 'secondary-rate-limit', retryAfterSeconds: 30 },
    )
    expect(await issuer({ identity: 'checker' })).toBe('GITHUB_RATE_LIMITED')
    flow.advance(31_000)
    expect(await issuer({ identity: 'checker' })).toBe(first)
  })

  test('stay with one App for a scope, identity and subject, whoever has more left', async () => {
    await start()
    leave(1, 9_000)
    leave(2, 12_000)
    const first = await issuer({ identity: 'checker' })
    leave(1, first === 1 ? 2_000 : 14_000)
    leave(2, first === 2 ? 2_000 : 14_000)
    await issuers(2)
    expect(await issuers(3, { identity: 'checker' })).toEqual([first, first, first])
    flow.advance(25 * 60 * MINUTE)
    leave(1, first === 1 ? 2_000 : 14_000)
    leave(2, first === 2 ? 2_000 : 14_000)
    const later = await issuers(4, { token: await longToken() })
    expect(later).toContain(first === 1 ? 2 : 1)
  })

  test('go to another App when theirs is gone', async () => {
    await start()
    leave(1, 9_000)
    leave(2, 9_000)
    const first = Number(await issuer({ identity: 'checker' }))
    flow.github.uninstall(installationOf(first))
    flow.advance(11 * MINUTE)
    const token = await longToken()
    const second = first === 1 ? 2 : 1
    expect(await issuers(2, { identity: 'checker', token })).toEqual([second, second])
  })
})

test('an owner without a pool is refused before anything is asked of GitHub', async () => {
  const app = { id: 424_242, key: { kind: 'pem', pem: APP_KEY } } as const
  flow = await startFlow({ settings: { pools: new Map([['acme', [app]]]) } })
  flow.policy('acme/app', 'ci')
  flow.policy('octocat/hello', 'ci')
  expect(await flow.ask({ scope: 'ACME/app' })).toMatchObject({ code: 0 })
  const calls = await flow.calls(async () =>
    expect(await flow.ask({ scope: 'octocat/hello' })).toMatchObject({
      code: 5,
      reason: 'APP_NOT_CONFIGURED',
      message: expect.stringMatching(/^no GitHub App configured for org "octocat"/),
    }),
  )
  expect(calls).toEqual([])
})

const longToken = () => flow.workflowToken({}, { exp: Math.floor(Date.now() / 1000) + 10 * 86_400 })

import { afterEach, describe, expect, test } from '@jest/globals'
import type { CallReport } from '../../src/exchange/reports.ts'
import type { Fault, FaultTarget } from '../../src/sandbox/faults.ts'
import {
  CONTENTS,
  createWorld,
  never,
  ORG,
  POLICY,
  POLICY_PATH,
  reason,
  TOKEN,
  type World,
  type WorldOptions,
} from './world.ts'

let world: World
afterEach(() => world.close())

const MINUTE = 60_000
const READ = { method: 'GET', route: '/repos/{owner}/{repo}/contents/{path}' }
const LOOK_UP = { method: 'GET', route: '/orgs/{org}/installation' }
const LIST_PATH = '.github/chainguard/trusted-token-issuers.yaml'

const find = () => world.github.findInstallation('acme', never())

async function load(identity = 'deploy') {
  return world.github.loadPolicy(await world.policyRequest({ identity }), never())
}

async function loadIssuers() {
  const request = { installation: await find(), owner: 'acme', repository: '.github', beside: 'app' }
  return world.github.loadTrustedIssuers(request, never())
}

/** GitHub answers such requests when it is released. */
function hold(target: FaultTarget) {
  let release = () => {}
  const until = new Promise<void>((resolve) => {
    release = resolve
  })
  const held = world.sandbox.fault(target, { kind: 'hold', until })
  return () => {
    held.clear()
    release()
  }
}

let hear: (report: CallReport) => void = () => {}

async function start(options: WorldOptions = {}): Promise<void> {
  world = await createWorld({ ...options, onCall: (report) => hear(report) })
}

/** Resolves with the last status when so many answers from below the path have come and been dealt with. */
function answered(under: string, times = 1): Promise<number | undefined> {
  let left = times
  return new Promise((resolve) => {
    hear = ({ route, status }) => {
      if (!route.startsWith(under)) return
      left -= 1
      if (left === 0) setImmediate(() => resolve(status))
    }
  })
}

/** A reader token lasts for fifty minutes, an installation for ten: they are had, and only the policy is looked at. */
async function warm(): Promise<void> {
  await load()
  world.calls()
}

describe('a policy that is in use', () => {
  test('is looked at again in its fifth minute, and nobody waits for that', async () => {
    await start()
    await warm()
    world.clock.advance(4 * MINUTE - 1)
    await load()
    expect(world.calls()).toEqual([])

    world.clock.advance(1)
    const release = hold(READ)
    const files = await Promise.all([load(), load(), load()])
    expect(files.map(({ stale }) => stale)).toEqual([false, false, false])
    const answer = answered('/repos/')
    release()
    expect(await answer).toBe(304)
    world.clock.advance(MINUTE)
    expect((await load()).stale).toBe(false)
    expect(world.calls()).toEqual([CONTENTS])
  })

  test('is not looked at while nobody uses it', async () => {
    await start()
    await warm()
    world.clock.advance(5 * MINUTE)
    expect(world.calls()).toEqual([])
    await load()
    expect(world.calls()).toEqual([CONTENTS])
  })

  test('is the new one for the next that asks after the look', async () => {
    await start()
    await warm()
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'issuer: https://new.example\n')
    world.clock.advance(4 * MINUTE)
    const answer = answered('/repos/')
    const { sha } = await load()
    expect(await answer).toBe(200)
    world.clock.advance(MINUTE)
    expect((await load()).sha).not.toBe(sha)
    expect(world.compiled).toEqual([POLICY, 'issuer: https://new.example\n'])
    expect(world.calls()).toEqual([CONTENTS])
  })

  test.each<readonly [string, Fault, number]>([
    ['answers 500', { kind: 'answer', status: 500 }, 2],
    ['sends a page', { kind: 'html' }, 1],
    ['limits', { kind: 'secondary-rate-limit', retryAfterSeconds: 5 }, 1],
  ])('stays until its own end while GitHub %s, which is asked four times a minute', async (_, fault, tries) => {
    await start({ stalePolicyMaxMs: 0 })
    await warm()
    world.sandbox.fault(READ, fault)
    world.clock.advance(4 * MINUTE)
    const first = answered('/repos/', tries)
    expect((await load()).stale).toBe(false)
    await first
    world.calls()
    world.clock.advance(14_999)
    expect((await load()).stale).toBe(false)
    expect(world.calls()).toEqual([])
    world.clock.advance(1)
    const second = answered('/repos/', tries)
    expect((await load()).stale).toBe(false)
    await second
    expect(world.calls()).toEqual(Array(tries).fill(CONTENTS))
    world.clock.advance(44_999)
    expect((await load()).stale).toBe(false)
    world.clock.advance(1)
    expect(await reason(load())).toMatch(/^GITHUB_/)
  })

  test('is gone as soon as a look finds it gone', async () => {
    await start()
    await warm()
    world.sandbox.commit('acme', 'app', { files: { [POLICY_PATH]: null } })
    world.clock.advance(4 * MINUTE)
    const listed = answered('/repos/', 3) // the old reader token proves nothing: a fresh one, and then the listing
    await load()
    await listed
    expect(await reason(load())).toBe('POLICY_NOT_FOUND')
    expect(world.calls()).toEqual([CONTENTS, TOKEN, CONTENTS, CONTENTS])
  })

  test('is not kept as it was read before a push', async () => {
    await start()
    await warm()
    const { account } = await find()
    world.clock.advance(4 * MINUTE)
    const release = hold(READ)
    await load()
    const change = { accountId: account.id, owner: 'acme', repository: 'app', paths: [POLICY_PATH] }
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'issuer: https://new.example\n')
    world.github.forget({ kind: 'policies', ...change })
    const answer = answered('/repos/')
    release()
    await answer
    await load()
    expect(world.calls()).toEqual([CONTENTS, CONTENTS])
  })

  test('is looked at for ten at once and no more', async () => {
    await start()
    const identities = Array.from({ length: 14 }, (_, n) => `deploy${n}`)
    for (const name of identities) world.sandbox.putFile('acme', 'app', `.github/chainguard/${name}.sts.yaml`, POLICY)
    await Promise.all(identities.map(load))
    world.calls()
    world.clock.advance(4 * MINUTE)
    const release = hold(READ)
    await Promise.all(identities.map(load))
    const ten = answered('/repos/', 10)
    release()
    await ten
    expect(world.calls()).toHaveLength(10)
  })

  test('is not looked at any more when all is closed', async () => {
    await start()
    await warm()
    const request = await world.policyRequest()
    world.clock.advance(4 * MINUTE)
    const closed = world.github.close()
    expect((await world.github.loadPolicy(request, never())).stale).toBe(false)
    await closed
    expect(world.calls()).toEqual([])
  })
})

test('an installation that is in use is looked at again in its last two minutes', async () => {
  await start()
  await find()
  world.calls()
  world.clock.advance(8 * MINUTE - 1)
  await find()
  expect(world.calls()).toEqual([])
  world.clock.advance(1)
  const release = hold(LOOK_UP)
  await Promise.all([find(), find()])
  const answer = answered('/orgs/')
  release()
  await answer
  world.clock.advance(2 * MINUTE)
  await find()
  expect(world.calls()).toEqual([ORG])
})

test('an installation whose owner is gone by then is not known any more', async () => {
  await start()
  await find()
  world.sandbox.uninstall(world.installationId)
  world.clock.advance(8 * MINUTE)
  const answer = answered('/users/')
  await find()
  await answer
  world.clock.advance(2 * MINUTE)
  expect(await reason(find())).toBe('APP_NOT_INSTALLED')
})

test('a list of trusted issuers that is in use is looked at again in its fifth minute', async () => {
  await start()
  world.sandbox.addRepository('acme', '.github', { files: { [LIST_PATH]: 'issuers: [https://a.example]\n' } })
  await loadIssuers()
  world.calls()
  world.clock.advance(4 * MINUTE - 1)
  await loadIssuers()
  expect(world.calls()).toEqual([])
  world.clock.advance(1)
  const release = hold(READ)
  expect(await Promise.all([loadIssuers(), loadIssuers()])).toMatchObject([{ stale: false }, { stale: false }])
  const answer = answered('/repos/')
  release()
  await answer
  world.clock.advance(MINUTE)
  expect(await loadIssuers()).toMatchObject({ kind: 'list', stale: false })
  expect(world.calls()).toEqual([CONTENTS])
})

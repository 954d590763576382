import { afterEach, describe, expect, test } from '@jest/globals'
import type { Change } from '../../src/exchange/changes.ts'
import type { PolicyFile, PolicyRequest } from '../../src/exchange/ports.ts'
import type { Fault } from '../../src/sandbox/faults.ts'
import { Denial } from '../../src/terms/denial.ts'
import {
  CONTENTS,
  createWorld,
  never,
  ORG,
  POLICY,
  POLICY_PATH,
  reason,
  refusal,
  TOKEN,
  USER,
  type World,
} from './world.ts'

let world: World
afterEach(() => world.close())

const FILE = { path: `/repos/acme/app/contents/${POLICY_PATH}` }
const MINUTE = 60_000

async function load(about: { identity?: string; repository?: string; owner?: string } = {}): Promise<PolicyFile> {
  return world.github.loadPolicy(await world.policyRequest(about), never())
}

const unicorn = { kind: 'answer', status: 502, body: '<html>' } as const

describe('a policy file', () => {
  test('comes compiled, with its path and its blob', async () => {
    world = await createWorld()
    const file = await load()
    expect(file).toMatchObject({ path: POLICY_PATH, stale: false, compilation: { ok: true } })
    expect(file.sha).toMatch(/^[0-9a-f]{40}$/)
    expect(file.installation.id).toBe(world.installationId)
    expect(world.compiled).toEqual([POLICY])
  })

  test('is fresh for five minutes and then asked for with its ETag, which keeps what was compiled', async () => {
    world = await createWorld()
    const first = await load()
    world.calls()
    world.clock.advance(5 * MINUTE - 1)
    await load()
    expect(world.calls()).toEqual([])
    world.clock.advance(1)
    const again = await load()
    expect(world.sandbox.calls.map(({ status }) => status)).toEqual([304])
    expect(again.compilation).toBe(first.compilation)
    expect(again.stale).toBe(false)
    world.calls()
    await load()
    expect(world.calls()).toEqual([])
  })

  test('is compared by its blob once the reader token is another one', async () => {
    world = await createWorld()
    const first = await load()
    world.calls()
    world.clock.advance(51 * MINUTE)
    const again = await load()
    expect(world.calls()).toEqual([ORG, TOKEN, CONTENTS])
    expect(again.compilation).toBe(first.compilation)
    expect(world.compiled).toEqual([POLICY])
    world.clock.advance(5 * MINUTE)
    await load()
    expect(world.sandbox.calls.map(({ status }) => status)).toEqual([304])
  })

  test('that has changed is compiled anew', async () => {
    world = await createWorld()
    await load()
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'changed')
    world.clock.advance(5 * MINUTE)
    await load()
    expect(world.compiled).toEqual([POLICY, 'changed'])
  })

  test('that is invalid is remembered like any other', async () => {
    world = await createWorld()
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'invalid')
    expect((await load()).compilation.ok).toBe(false)
    world.calls()
    expect((await load()).compilation.ok).toBe(false)
    expect(world.calls()).toEqual([])
  })

  test.each([
    ['too large', 'x'.repeat(65_537), 'the file has 65537 bytes; a policy has at most 65536'],
    [
      'so large that GitHub leaves it out',
      'x'.repeat(1_100_000),
      'the file has 1100000 bytes; a policy has at most 65536',
    ],
    ['not UTF-8', Buffer.from([0x69, 0xff, 0xfe]), 'the file is not UTF-8 text'],
  ])('that is %s is a policy that cannot be parsed', async (_, content, message) => {
    world = await createWorld()
    world.sandbox.putFile('acme', 'app', POLICY_PATH, content)
    expect((await load()).compilation).toEqual({ ok: false, stage: 'parse', findings: [{ message, pointer: '' }] })
  })

  test.each([
    ['a folder', { [`${POLICY_PATH}/x`]: 'x' }, 'a folder'],
    [
      'a link to nowhere',
      { [POLICY_PATH]: { type: 'symlink', target: '../nowhere' } },
      'a symbolic link that leads to no file of the repository',
    ],
    [
      'a submodule',
      { [POLICY_PATH]: { type: 'submodule', commit: 'a'.repeat(40), url: 'https://x.example' } },
      'a submodule',
    ],
  ] as const)('that is %s is none', async (_, files, what) => {
    world = await createWorld()
    world.sandbox.removeFile('acme', 'app', POLICY_PATH)
    for (const [path, entry] of Object.entries(files)) world.sandbox.putFile('acme', 'app', path, entry)
    expect(await refusal(load())).toBe(
      `POLICY_NOT_FOUND: unable to find trust policy for "deploy": ${POLICY_PATH} in acme/app on the default branch is ${what}, not a file`,
    )
  })

  test('that is a link to another file is that file', async () => {
    world = await createWorld()
    world.sandbox.putFile('acme', 'app', '.github/chainguard/real.yaml', 'real')
    world.sandbox.putFile('acme', 'app', POLICY_PATH, { type: 'symlink', target: 'real.yaml' })
    await load()
    expect(world.compiled).toEqual(['real'])
  })

  test('that vanished is dropped at once', async () => {
    world = await createWorld()
    await load()
    world.sandbox.removeFile('acme', 'app', POLICY_PATH)
    world.clock.advance(5 * MINUTE)
    expect(await reason(load())).toBe('POLICY_NOT_FOUND')
    world.sandbox.fault(FILE, unicorn)
    world.clock.advance(MINUTE)
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
  })

  test.each<readonly [string, Fault, string, number]>([
    ['500', { kind: 'answer', status: 500 }, 'GITHUB_UNAVAILABLE', 2],
    ['503 with Retry-After', { kind: 'answer', status: 503, headers: { 'retry-after': '9' } }, 'GITHUB_UNAVAILABLE', 1],
    ['a reset', { kind: 'reset' }, 'GITHUB_UNAVAILABLE', 2],
    ['a reset within the answer', { kind: 'reset-mid-body' }, 'GITHUB_UNAVAILABLE', 2],
    ['silence', { kind: 'hang' }, 'GITHUB_TIMEOUT', 1],
    ['a dripping answer', { kind: 'slow-body', msPerByte: 20 }, 'GITHUB_TIMEOUT', 1],
    ['half the JSON', { kind: 'truncated-json' }, 'GITHUB_UNAVAILABLE', 1],
    ['a page with 200', { kind: 'html' }, 'GITHUB_UNAVAILABLE', 1],
    ['null', { kind: 'answer', status: 200, body: 'null' }, 'GITHUB_UNAVAILABLE', 1],
    ['a number', { kind: 'answer', status: 200, body: '7' }, 'GITHUB_UNAVAILABLE', 1],
    ['{}', { kind: 'answer', status: 200, body: {} }, 'GITHUB_UNAVAILABLE', 1],
    [
      'a file without content',
      { kind: 'answer', status: 200, body: { type: 'file', sha: 'a'.repeat(40), encoding: 'base64' } },
      'GITHUB_UNAVAILABLE',
      1,
    ],
    [
      'a file whose content is no base64',
      { kind: 'answer', status: 200, body: { type: 'file', sha: 'a'.repeat(40), encoding: 'base64', content: 'ä' } },
      'GITHUB_UNAVAILABLE',
      1,
    ],
    [
      'a file without sha',
      { kind: 'answer', status: 200, body: { type: 'file', encoding: 'base64', content: 'aaaa' } },
      'GITHUB_UNAVAILABLE',
      1,
    ],
    ['204', { kind: 'answer', status: 204 }, 'GITHUB_UNAVAILABLE', 1],
    ['304 unasked', { kind: 'answer', status: 304 }, 'GITHUB_UNAVAILABLE', 1],
    ['418', { kind: 'answer', status: 418, body: [] }, 'GITHUB_UNAVAILABLE', 1],
    ['10 MiB', { kind: 'huge-body', bytes: 10 * 1024 * 1024 }, 'GITHUB_UNAVAILABLE', 1],
    ['an empty list', { kind: 'answer', status: 200, body: [] }, 'POLICY_NOT_FOUND', 1],
    ['301', { kind: 'redirect', location: '/repositories/1' }, 'REPOSITORY_RENAMED', 1],
    ['307', { kind: 'redirect', location: '/repositories/1', status: 307 }, 'REPOSITORY_RENAMED', 1],
    [
      '403',
      { kind: 'answer', status: 403, body: { message: 'Resource not accessible by integration' } },
      'POLICY_READ_FORBIDDEN',
      2,
    ],
    ['a primary rate limit', { kind: 'primary-rate-limit' }, 'GITHUB_RATE_LIMITED', 1],
    ['a primary rate limit with 429', { kind: 'primary-rate-limit', status: 429 }, 'GITHUB_RATE_LIMITED', 1],
    ['a secondary rate limit', { kind: 'secondary-rate-limit' }, 'GITHUB_RATE_LIMITED', 1],
    [
      '401, also with another token',
      { kind: 'answer', status: 401, body: { message: 'Bad credentials' } },
      'APP_CREDENTIALS_REFUSED',
      2,
    ],
  ])('that GitHub answers with %s is refused', async (_, fault, expected, requests) => {
    world = await createWorld({ callLimitMs: 1000 })
    const handle = world.sandbox.fault(FILE, fault)
    expect(await reason(load())).toBe(expected)
    expect(handle.hits).toBe(requests)
  })

  test('is asked for once more after one failure', async () => {
    world = await createWorld()
    world.sandbox.fault({ ...FILE, times: 1 }, unicorn)
    expect((await load()).stale).toBe(false)
  })

  test('is asked for with another token when the first is refused', async () => {
    world = await createWorld()
    await load()
    for (const token of world.sandbox.tokens.values()) token.revoked = true
    world.calls()
    world.clock.advance(5 * MINUTE)
    expect((await load()).stale).toBe(false)
    expect(world.calls()).toEqual([CONTENTS, TOKEN, CONTENTS])
  })

  test('is read by an installation that was made anew', async () => {
    world = await createWorld()
    const request = await world.policyRequest()
    world.sandbox.uninstall(world.installationId)
    const id = world.sandbox.install('acme', { permissions: { contents: 'read' }, repositories: 'all' })
    world.calls()
    expect((await world.github.loadPolicy(request, never())).installation.id).toBe(id)
    expect(world.calls()).toEqual([TOKEN, ORG, TOKEN, CONTENTS])
  })

  test('is not read for an installation that is gone or suspended', async () => {
    world = await createWorld()
    await load()
    const request = await world.policyRequest()
    world.sandbox.suspend(world.installationId)
    world.clock.advance(5 * MINUTE)
    expect(await reason(world.github.loadPolicy(request, never()))).toBe('INSTALLATION_SUSPENDED')
    world.sandbox.uninstall(world.installationId)
    world.calls()
    expect(await reason(world.github.loadPolicy(request, never()))).toBe('APP_NOT_INSTALLED')
    expect(world.calls()).toEqual([CONTENTS, TOKEN, ORG, USER])
  })

  test('of a renamed repository is not followed, and the refusal is remembered', async () => {
    world = await createWorld()
    await load()
    world.sandbox.renameRepository('acme', 'app', { name: 'application' })
    world.clock.advance(5 * MINUTE)
    expect(await refusal(load())).toBe(
      'REPOSITORY_RENAMED: the repository "acme/app" was renamed or moved: ask with its new name, old names are not followed',
    )
    world.calls()
    expect(await reason(load({ identity: 'other' }))).toBe('REPOSITORY_RENAMED')
    expect(world.calls()).toEqual([])
  })

  test('of a private repository that was taken from the App is not merely missing', async () => {
    world = await createWorld()
    await load()
    world.sandbox.addRepository('acme', 'rest')
    world.sandbox.regrant(world.installationId, { repositories: ['rest'] })
    world.clock.advance(5 * MINUTE)
    expect(await reason(load())).toBe('REPOSITORY_NOT_SELECTED')
  })

  test('cannot be read when the installation has no "contents: read"', async () => {
    world = await createWorld()
    world.sandbox.regrant(world.installationId, { permissions: { issues: 'write' } })
    expect(await refusal(load())).toBe(
      'CONTENTS_NOT_GRANTED: the GitHub App may not read trust policies of "acme": grant it "contents: read" and accept that for the installation',
    )
  })

  test('of an account whose name another took is not read for that', async () => {
    world = await createWorld()
    await load()
    world.sandbox.renameAccount('acme', 'acme-old')
    world.sandbox.addAccount({ login: 'acme', type: 'Organization' })
    world.sandbox.addRepository('acme', 'app', { private: false, files: { [POLICY_PATH]: 'of a stranger' } })
    world.clock.advance(10 * MINUTE)
    expect(await reason(load())).toBe('APP_NOT_INSTALLED')
    expect(world.compiled).toEqual([POLICY])
  })

  test('is not read by the installation of a renamed account, from whoever has its name now', async () => {
    world = await createWorld()
    const request = await world.policyRequest()
    world.sandbox.renameAccount('acme', 'acme-old')
    world.sandbox.addAccount({ login: 'acme', type: 'Organization' })
    world.sandbox.addRepository('acme', 'app', { private: false, files: { [POLICY_PATH]: 'of a stranger' } })
    expect(await reason(world.github.loadPolicy(request, never()))).toBe('REPOSITORY_RENAMED')
    expect(world.compiled).toEqual([])
  })

  test('goes on being read for others when one caller leaves', async () => {
    world = await createWorld()
    const request = await world.policyRequest()
    const caller = new AbortController()
    const left = reason(world.github.loadPolicy(request, caller.signal))
    const stayed = world.github.loadPolicy(request, never())
    caller.abort(new Denial('CANCELLED', 'left'))
    expect(await left).toBe('CANCELLED')
    expect((await stayed).compilation.ok).toBe(true)
    expect(world.calls()).toEqual([ORG, TOKEN, CONTENTS])
  })
})

describe('the last good policy stands in', () => {
  test.each<readonly [string, Fault]>([
    ['5xx', unicorn],
    ['silence', { kind: 'hang' }],
    ['a reset', { kind: 'reset' }],
    ['a primary rate limit', { kind: 'primary-rate-limit' }],
    ['a secondary rate limit', { kind: 'secondary-rate-limit' }],
  ])('when GitHub answers with %s, for an hour after its freshness', async (_, fault) => {
    world = await createWorld({ callLimitMs: 300 })
    const request = await world.policyRequest()
    await load()
    world.sandbox.fault(FILE, fault)
    world.clock.advance(5 * MINUTE)
    expect((await world.github.loadPolicy(request, never())).stale).toBe(true)
    world.clock.advance(60 * MINUTE)
    expect(await reason(world.github.loadPolicy(request, never()))).toMatch(/^GITHUB_/)
  })

  test('and the next good answer ends that', async () => {
    world = await createWorld()
    await load()
    world.clock.advance(5 * MINUTE)
    const handle = world.sandbox.fault(FILE, unicorn)
    expect((await load()).stale).toBe(true)
    handle.clear()
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'changed')
    expect((await load()).stale).toBe(false)
    expect(world.compiled).toEqual([POLICY, 'changed'])
  })

  test('without asking again while GitHub wants to hear nothing', async () => {
    world = await createWorld()
    await load()
    world.clock.advance(5 * MINUTE)
    const handle = world.sandbox.fault(FILE, { kind: 'secondary-rate-limit', retryAfterSeconds: 30 })
    expect((await load()).stale).toBe(true)
    expect((await load()).stale).toBe(true)
    expect(handle.hits).toBe(1)
    world.clock.advance(30_000)
    expect((await load()).stale).toBe(true)
    expect(handle.hits).toBe(2)
  })

  test.each<readonly [string, Fault, string]>([
    ['403', { kind: 'answer', status: 403, body: { message: 'no' } }, 'POLICY_READ_FORBIDDEN'],
    ['404', { kind: 'answer', status: 404, body: { message: 'Not Found' } }, 'POLICY_NOT_FOUND'],
    ['301', { kind: 'redirect', location: '/x' }, 'REPOSITORY_RENAMED'],
  ])('but not when it says %s, nor ever after', async (_, fault, expected) => {
    world = await createWorld()
    await load()
    world.clock.advance(5 * MINUTE)
    const handle = world.sandbox.fault(FILE, fault)
    expect(await reason(load())).toBe(expected)
    handle.clear()
    world.sandbox.fault(FILE, unicorn)
    world.clock.advance(MINUTE)
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
  })

  test.each<readonly [string, Fault]>([
    ['404', { kind: 'answer', status: 404, body: { message: 'Not Found' } }],
    ['403', { kind: 'answer', status: 403, body: { message: 'no' } }],
  ])('but not when it says %s and then falls silent, nor ever after', async (_, fault) => {
    world = await createWorld()
    const request = await world.policyRequest()
    await load()
    world.clock.advance(5 * MINUTE)
    world.sandbox.fault({ ...FILE, times: 1 }, fault)
    const silent = [{ method: 'POST' }, { path: '/orgs/acme/installation' }].map((where) =>
      world.sandbox.fault(where, unicorn),
    )
    expect(await reason(world.github.loadPolicy(request, never()))).toBe('GITHUB_UNAVAILABLE')
    for (const handle of silent) handle.clear()
    world.sandbox.fault(FILE, unicorn)
    expect(await reason(world.github.loadPolicy(request, never()))).toBe('GITHUB_UNAVAILABLE')
  })

  test('but not for an answer that makes no sense, nor for a policy that is not good', async () => {
    world = await createWorld()
    world.sandbox.putFile('acme', 'lib', POLICY_PATH, 'invalid')
    await load()
    await load({ repository: 'lib' })
    world.clock.advance(5 * MINUTE)
    const handle = world.sandbox.fault({}, { kind: 'html' })
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
    handle.clear()
    world.sandbox.fault({}, unicorn)
    expect(await reason(load({ repository: 'lib' }))).toBe('GITHUB_UNAVAILABLE')
    expect((await load()).stale).toBe(true)
  })

  test('but not when the operator says 0', async () => {
    world = await createWorld({ stalePolicyMaxMs: 0 })
    await load()
    world.clock.advance(5 * MINUTE)
    world.sandbox.fault(FILE, unicorn)
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
  })
})

describe('a push', () => {
  test('ends what was known: the policy, the misses and the listing', async () => {
    world = await createWorld()
    const request = await world.policyRequest()
    await load()
    expect(await reason(load({ identity: 'new' }))).toBe('POLICY_NOT_FOUND')
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'changed')
    world.sandbox.putFile('acme', 'app', '.github/chainguard/new.sts.yaml', 'new')
    world.github.forget(pushed(request))
    await load()
    await load({ identity: 'new' })
    expect(world.compiled).toEqual([POLICY, 'changed', 'new'])
    world.github.forget(pushed(request))
    world.sandbox.fault(FILE, unicorn)
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
  })

  test('keeps a read that was under way from being kept, and from being shared', async () => {
    world = await createWorld()
    const request = await world.policyRequest()
    const held = holdNextRead()
    const before = world.github.loadPolicy(request, never())
    await held.arrived()
    world.github.forget(pushed(request))
    world.calls()
    await world.github.loadPolicy(request, never())
    expect(world.calls()).toEqual([CONTENTS])
    held.release()
    await before
    expect(world.calls()).toEqual([])
  })

  test('after which a read from before it leaves nothing behind', async () => {
    world = await createWorld()
    const request = await world.policyRequest()
    const held = holdNextRead()
    const before = world.github.loadPolicy(request, never())
    await held.arrived()
    world.github.forget(pushed(request))
    held.release()
    await before
    world.calls()
    await world.github.loadPolicy(request, never())
    expect(world.calls()).toEqual([CONTENTS])
  })
})

function pushed({ installation, owner, repository }: PolicyRequest): Change {
  return { kind: 'policies', accountId: installation.account.id, owner, repository, paths: 'all' }
}

/** Keeps the next read of the policy waiting. */
function holdNextRead() {
  let release = () => {}
  const until = new Promise<void>((resolve) => {
    release = resolve
  })
  const handle = world.sandbox.fault({ ...FILE, times: 1 }, { kind: 'hold', until })
  const arrived = async () => {
    while (handle.hits === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return { arrived, release: () => release() }
}

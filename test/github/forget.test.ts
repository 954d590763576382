import { afterEach, describe, expect, test } from '@jest/globals'
import type { Change } from '../../src/exchange/changes.ts'
import type { TrustedIssuersAnswer } from '../../src/exchange/ports.ts'
import { CONTENTS, createWorld, never, ORG, POLICY, POLICY_PATH, reason, TOKEN, type World } from './world.ts'

const LIST = '.github/chainguard/trusted-token-issuers.yaml'
const NEW_PATH = '.github/chainguard/new.sts.yaml'
const OURS = 'issuers: [https://ours.example.com]'
const THEIRS = 'issuers: [https://theirs.example.com]'

let world: World

afterEach(() => world.close())

async function start(): Promise<void> {
  world = await createWorld()
  world.sandbox.addRepository('acme', '.github', { files: { [LIST]: OURS } })
  world.sandbox.putFile('acme', 'app', '.github/chainguard/other.sts.yaml', POLICY)
}

const accountId = () => world.sandbox.findAccount('acme')?.id ?? 0

async function load(identity = 'deploy', repository = 'app'): Promise<string> {
  const file = await world.github.loadPolicy(await world.policyRequest({ identity, repository }), never())
  return file.sha
}

async function issuers(): Promise<TrustedIssuersAnswer> {
  const { installation, owner, repository: beside } = await world.policyRequest()
  return world.github.loadTrustedIssuers({ installation, owner, repository: '.github', beside }, never())
}

/** A push to the default branch that touched these files. */
function push(
  paths: readonly string[] | 'all',
  repository = 'app',
  facts?: { readonly commit: string; readonly atMs: number },
): void {
  world.github.forget({ kind: 'policies', accountId: accountId(), owner: 'acme', repository, paths, push: facts })
}

async function calls(work: () => Promise<unknown>): Promise<string[]> {
  world.calls()
  await work()
  return world.calls()
}

describe('a push that names files', () => {
  test('drops those policies and no others, and keeps the token that reads them', async () => {
    await start()
    await load()
    await load('other')
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'changed')
    push([POLICY_PATH, 'README.md', '.github/chainguard/deep/x.sts.yaml'])
    expect(await calls(() => load('other'))).toEqual([])
    expect(await calls(() => load())).toEqual([CONTENTS])
    expect(world.compiled.at(-1)).toBe('changed')
  })

  test('of other kinds drops nothing', async () => {
    await start()
    await load()
    push(['README.md', '.github/chainguard/deploy.sts.yml'])
    expect(await calls(() => load())).toEqual([])
  })

  test('makes a policy that was missing seen at once', async () => {
    await start()
    expect(await reason(load('new'))).toBe('POLICY_NOT_FOUND')
    world.sandbox.putFile('acme', 'app', '.github/chainguard/new.sts.yaml', POLICY)
    push(['.github/chainguard/new.sts.yaml'])
    expect(await load('new')).toMatch(/^[0-9a-f]{40}$/)
  })

  test('is not undone by a machine of GitHub that still shows the old file, for a minute', async () => {
    await start()
    await load()
    push([POLICY_PATH])
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
    world.clock.advance(59_000)
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'changed')
    const changed = await load()
    world.sandbox.putFile('acme', 'app', POLICY_PATH, POLICY)
    expect(await load()).toBe(changed)
    world.clock.advance(5 * 60_000)
    expect(await load()).not.toBe(changed)
  })

  test('that takes a change back is believed once its blob is known', async () => {
    await start()
    const sha = await load()
    push([POLICY_PATH])
    world.github.forget({
      kind: 'blobs',
      accountId: accountId(),
      owner: 'acme',
      repository: 'app',
      blobs: [{ path: POLICY_PATH, sha }],
    })
    expect(await load()).toBe(sha)
  })

  test('drops what a machine of GitHub answered that had not heard of it, once its blob is known', async () => {
    await start()
    push([POLICY_PATH, NEW_PATH]) // nothing of them was known
    const before = await load()
    expect(await reason(load('new'))).toBe('POLICY_NOT_FOUND')
    world.sandbox.putFile('acme', 'app', POLICY_PATH, `${POLICY}# changed`)
    world.sandbox.putFile('acme', 'app', NEW_PATH, POLICY)
    const blobs = [POLICY_PATH, NEW_PATH].map((path) => ({ path, sha: 'f'.repeat(40) }))
    world.github.forget({ kind: 'blobs', accountId: accountId(), owner: 'acme', repository: 'app', blobs })
    expect(await load()).not.toBe(before)
    expect(await load('new')).toBe(before)
  })
})

describe('a push that is told again', () => {
  const facts = (atMs = world.clock.now()) => ({ commit: 'c'.repeat(40), atMs })

  test('by a second App is believed to have left what was read since the first', async () => {
    await start()
    await load()
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'changed')
    push([POLICY_PATH], 'app', facts())
    const changed = await load()
    push([POLICY_PATH], 'app', facts())
    expect(await calls(async () => expect(await load()).toBe(changed))).toEqual([CONTENTS])
  })

  test('after days is not held against what is known now', async () => {
    await start()
    const sha = await load()
    push([POLICY_PATH], 'app', facts(world.clock.now() - 3 * 86_400_000))
    expect(await load()).toBe(sha)
    const list = JSON.stringify(await issuers()) // its matchers are functions, and made anew
    push([LIST], '.github', facts(world.clock.now() - 5 * 60_000))
    expect(JSON.stringify(await issuers())).toBe(list)
  })

  test('with another commit, or just now, is held against it', async () => {
    await start()
    await load()
    push([POLICY_PATH], 'app', { ...facts(), commit: 'd'.repeat(40) })
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
    world.sandbox.putFile('acme', 'app', POLICY_PATH, 'changed')
    await load()
    push([POLICY_PATH], 'app', facts(world.clock.now() - 4 * 60_000))
    expect(await reason(load())).toBe('GITHUB_UNAVAILABLE')
  })
})

test('a push of which the files are not known drops all policies of its repository, and believes what it reads', async () => {
  await start()
  await load()
  await load('other')
  await load('deploy', 'lib')
  push('all')
  expect(await calls(() => load())).toEqual([CONTENTS])
  expect(await calls(() => load('other'))).toEqual([CONTENTS])
  expect(await calls(() => load('deploy', 'lib'))).toEqual([])
})

describe('the list of trusted issuers', () => {
  test('is dropped by a push that names it, and not believed as it was', async () => {
    await start()
    await issuers()
    push([LIST], '.github')
    expect(await reason(issuers())).toBe('GITHUB_UNAVAILABLE')
    world.sandbox.putFile('acme', '.github', LIST, THEIRS)
    expect(await issuers()).toMatchObject({ list: { issuers: [{ source: 'https://theirs.example.com' }] } })
  })

  test('that a push has made is not taken for absent, for a minute', async () => {
    world = await createWorld()
    world.sandbox.addRepository('acme', '.github', { files: { 'README.md': '' } })
    expect(await issuers()).toMatchObject({ kind: 'absent' })
    push([LIST], '.github')
    expect(await reason(issuers())).toBe('GITHUB_UNAVAILABLE')
    world.sandbox.putFile('acme', '.github', LIST, OURS)
    expect(await issuers()).toMatchObject({ kind: 'list' })
  })

  test('that a push has removed is absent', async () => {
    await start()
    await issuers()
    world.sandbox.removeFile('acme', '.github', LIST)
    push([LIST], '.github')
    expect(await issuers()).toMatchObject({ kind: 'absent' })
  })

  test('is not dropped by a push elsewhere, nor by another file', async () => {
    await start()
    await issuers()
    push([LIST], 'app')
    push([POLICY_PATH], '.github')
    expect(await calls(issuers)).toEqual([])
  })

  test('that was taken back is believed once its blob is known', async () => {
    await start()
    const answer = await issuers()
    push([LIST], '.github')
    world.github.forget({
      kind: 'blobs',
      accountId: accountId(),
      owner: 'acme',
      repository: '.github',
      blobs: [{ path: LIST, sha: answer.kind === 'list' ? answer.sha : '' }],
    })
    expect(await issuers()).toMatchObject({ kind: 'list', stale: false })
  })

  test('that a machine of GitHub did not have yet is asked for again, once its blob is known', async () => {
    await start()
    world.sandbox.removeFile('acme', '.github', LIST)
    push([LIST], '.github')
    expect(await issuers()).toMatchObject({ kind: 'absent' })
    world.sandbox.putFile('acme', '.github', LIST, THEIRS)
    const blobs = [{ path: LIST, sha: 'f'.repeat(40) }]
    world.github.forget({ kind: 'blobs', accountId: accountId(), owner: 'acme', repository: '.github', blobs })
    expect(await issuers()).toMatchObject({ list: { issuers: [{ source: 'https://theirs.example.com' }] } })
  })
})

test('a change of the installation drops it, its tokens and all that was read with it', async () => {
  await start()
  await load()
  await issuers()
  world.github.forget({ kind: 'installation', accountId: accountId(), owner: 'Acme' })
  expect(await calls(() => load())).toEqual([ORG, TOKEN, CONTENTS])
  expect(await calls(issuers)).toEqual([TOKEN, CONTENTS])
})

test('an installation that was not there is seen at once', async () => {
  world = await createWorld()
  world.sandbox.addAccount({ login: 'late', type: 'Organization' })
  const find = () => world.github.findInstallation('late', never())
  expect(await reason(find())).toBe('APP_NOT_INSTALLED')
  const id = world.sandbox.install('late', { permissions: { contents: 'read' }, repositories: 'all' })
  world.github.forget({ kind: 'installation', accountId: 1, owner: 'late' })
  expect((await find()).id).toBe(id)
})

test('a change of a repository drops its policies and its token, and nothing of others', async () => {
  await start()
  await load()
  await load('deploy', 'lib')
  const change: Change = { kind: 'repository', accountId: accountId(), owner: 'acme', repository: 'App' }
  world.github.forget(change)
  expect(await calls(() => load('deploy', 'lib'))).toEqual([])
  expect(await calls(() => load())).toEqual([TOKEN, CONTENTS])
})

describe('when changes may have been missed', () => {
  test('everything is looked at anew, at the price of what did not change', async () => {
    await start()
    await load()
    await issuers()
    world.github.distrust()
    expect(await calls(() => load())).toEqual([ORG, CONTENTS])
    expect(await calls(issuers)).toEqual([CONTENTS])
    expect(world.compiled).toEqual([POLICY])
    expect(await calls(async () => [await load(), await issuers()])).toEqual([])
  })

  test('nothing stands in for an answer that does not come', async () => {
    await start()
    const request = await world.policyRequest()
    await load()
    await issuers()
    world.github.distrust()
    world.sandbox.fault({ path: /contents/ }, { kind: 'answer', status: 502 })
    expect(await reason(world.github.loadPolicy(request, never()))).toBe('GITHUB_UNAVAILABLE')
    expect(await reason(issuers())).toBe('GITHUB_UNAVAILABLE')
  })
})

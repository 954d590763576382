import { afterEach, describe, expect, test } from '@jest/globals'
import type { Installation, PolicyFile } from '../../src/exchange/ports.ts'
import type { Fault } from '../../src/sandbox/faults.ts'
import { CONTENTS, createWorld, grantFor, never, ORG, reason, refusal, TOKEN, USER, type World } from './world.ts'

let world: World
afterEach(() => world.close())

async function exchange(owner = 'acme', repository = 'app', identity = 'deploy'): Promise<PolicyFile> {
  const { github } = world
  const installation: Installation = await github.findInstallation(owner, never())
  const policy = await github.loadPolicy({ installation, owner, repository, identity, kind: 'repository' }, never())
  await github.mint(grantFor(policy.installation, { owner, repositories: [repository] }), never())
  return policy
}

describe('calls to GitHub', () => {
  test('the first exchange of a fresh server makes 4', async () => {
    world = await createWorld()
    await exchange()
    expect(world.calls()).toEqual([ORG, TOKEN, CONTENTS, TOKEN])
  })

  test('and 5 where the owner is a user', async () => {
    world = await createWorld()
    await exchange('bob', 'tool')
    expect(world.calls()).toEqual([ORG, USER, TOKEN, CONTENTS, TOKEN])
  })

  test('a repeated one makes 1, in whatever case the names are written', async () => {
    world = await createWorld()
    await exchange()
    world.calls()
    await exchange('ACME', 'App')
    expect(world.calls()).toEqual([TOKEN])
  })

  test('another identity of the repository makes 2, another repository of the owner 3', async () => {
    world = await createWorld()
    world.sandbox.putFile('acme', 'app', '.github/chainguard/other.sts.yaml', 'x')
    await exchange()
    world.calls()
    await exchange('acme', 'app', 'other')
    expect(world.calls()).toEqual([CONTENTS, TOKEN])
    await exchange('acme', 'lib')
    expect(world.calls()).toEqual([TOKEN, CONTENTS, TOKEN])
  })

  test('64 equal cold exchanges share 3 and mint 64 tokens', async () => {
    world = await createWorld()
    await Promise.all(Array.from({ length: 64 }, () => exchange()))
    const calls = world.calls()
    expect(calls.slice(0, 3)).toEqual([ORG, TOKEN, CONTENTS])
    expect(calls.slice(3)).toEqual(Array(64).fill(TOKEN))
    expect(world.sandbox.tokens.size).toBe(65)
    expect(world.compiled).toHaveLength(1)
  })

  test('policies are kept up to 64 MiB of what they hold: the one that was used least is read again', async () => {
    world = await createWorld()
    const identities = ['a', 'b', 'c', 'd']
    for (const name of identities) world.sandbox.putFile('acme', 'app', `.github/chainguard/${name}.sts.yaml`, 'heavy')
    for (const name of ['a', 'b', 'c', 'a', 'd']) await exchange('acme', 'app', name)
    world.calls()
    for (const name of ['a', 'c', 'd']) await exchange('acme', 'app', name)
    expect(world.calls()).toEqual([TOKEN, TOKEN, TOKEN])
    await exchange('acme', 'app', 'b')
    expect(world.calls()).toEqual([CONTENTS, TOKEN])
  })

  test('an unknown identity makes one and a listing, every further one none for a minute', async () => {
    world = await createWorld()
    await exchange()
    world.calls()
    expect(await refusal(exchange('acme', 'app', 'nope'))).toBe(
      'POLICY_NOT_FOUND: unable to find trust policy for "nope": there is no .github/chainguard/nope.sts.yaml in acme/app on the default branch',
    )
    expect(world.calls()).toEqual([CONTENTS, CONTENTS])
    expect(await reason(exchange('acme', 'app', 'nope'))).toBe('POLICY_NOT_FOUND')
    expect(await reason(exchange('acme', 'app', '__proto__'))).toBe('POLICY_NOT_FOUND')
    expect(await reason(exchange('acme', 'app', 'Deploy'))).toBe('POLICY_NOT_FOUND')
    expect(world.calls()).toEqual([])
    world.clock.advance(60_000)
    world.sandbox.putFile('acme', 'app', '.github/chainguard/nope.sts.yaml', 'x')
    await exchange('acme', 'app', 'nope')
    expect(world.calls()).toEqual([CONTENTS, TOKEN])
  })

  test('an identity that the listing names is read', async () => {
    world = await createWorld()
    expect(await reason(exchange('acme', 'app', 'nope'))).toBe('POLICY_NOT_FOUND')
    world.calls()
    await exchange()
    expect(world.calls()).toEqual([CONTENTS, TOKEN])
  })

  test('a repository without policies, and one without any file, list as empty', async () => {
    world = await createWorld()
    world.sandbox.addRepository('acme', 'none', { files: { 'README.md': 'x' } })
    expect(await reason(exchange('acme', 'none'))).toBe('POLICY_NOT_FOUND')
    world.calls()
    expect(await reason(exchange('acme', 'none', 'other'))).toBe('POLICY_NOT_FOUND')
    expect(world.calls()).toEqual([])
  })

  test('a listing of 1,000 entries proves no absence', async () => {
    world = await createWorld()
    const names = Array.from({ length: 1001 }, (_, n) => `.github/chainguard/a${n}.sts.yaml`)
    world.sandbox.commit('acme', 'app', { files: Object.fromEntries(names.map((name) => [name, 'x'])) })
    expect(await reason(exchange('acme', 'app', 'nope'))).toBe('POLICY_NOT_FOUND')
    world.calls()
    await exchange('acme', 'app', 'deploy')
    expect(world.calls()).toEqual([CONTENTS, TOKEN])
    expect(await reason(exchange('acme', 'app', 'nope2'))).toBe('POLICY_NOT_FOUND')
    expect(world.calls()).toEqual([CONTENTS])
  })

  test('an owner without an installation makes 2, for all its repositories for a minute', async () => {
    world = await createWorld()
    expect(await refusal(exchange('nobody', 'a'))).toBe(
      'APP_NOT_INSTALLED: no installation found for "nobody": check the owner\'s name, and ask its administrators to install the GitHub App',
    )
    expect(world.calls()).toEqual([ORG, USER])
    expect(await reason(exchange('Nobody', 'b'))).toBe('APP_NOT_INSTALLED')
    expect(world.calls()).toEqual([])
    world.clock.advance(60_000)
    world.sandbox.addAccount({ login: 'nobody', type: 'Organization' })
    world.sandbox.addRepository('nobody', 'a', { files: { '.github/chainguard/deploy.sts.yaml': 'x' } })
    world.sandbox.install('nobody', { permissions: { contents: 'read' }, repositories: 'all' })
    await exchange('nobody', 'a')
    expect(world.calls()).toEqual([ORG, TOKEN, CONTENTS, TOKEN])
  })

  test('a repository that the App was not given makes 1, and then none for a minute', async () => {
    world = await createWorld()
    world.sandbox.regrant(world.installationId, { repositories: ['app'] })
    await exchange()
    world.calls()
    expect(await refusal(exchange('acme', 'lib'))).toBe(
      'REPOSITORY_NOT_SELECTED: unable to find trust policy for "deploy": the GitHub App\'s installation for "acme" does not reach the repository "lib", or it does not exist; select it in the installation\'s settings',
    )
    expect(await reason(exchange('acme', 'LIB', 'other'))).toBe('REPOSITORY_NOT_SELECTED')
    expect(world.calls()).toEqual([TOKEN])
    world.sandbox.regrant(world.installationId, { repositories: 'all' })
    world.clock.advance(60_000)
    await exchange('acme', 'lib')
    expect(world.calls()).toEqual([TOKEN, CONTENTS, TOKEN])
  })

  test('unknown identities that are asked for at once share the listing', async () => {
    world = await createWorld()
    await exchange()
    world.calls()
    const identities = Array.from({ length: 300 }, (_, n) => `guess${n}`)
    const reasons = await Promise.all(identities.map((identity) => reason(exchange('acme', 'app', identity))))
    expect(new Set(reasons)).toEqual(new Set(['POLICY_NOT_FOUND']))
    expect(world.sandbox.calls.filter(({ path }) => path.endsWith('/chainguard'))).toHaveLength(1)
    expect(world.calls()).toHaveLength(61)
  })

  test.each<readonly [string, Fault]>([
    ['500', { kind: 'answer', status: 500 }],
    ['null', { kind: 'answer', status: 200, body: 'null' }],
    ['a page', { kind: 'html' }],
    ['a list of nonsense', { kind: 'answer', status: 200, body: [null, 7] }],
    ['a rate limit', { kind: 'secondary-rate-limit' }],
    ['5 MiB', { kind: 'huge-body', bytes: 5 * 1024 * 1024 }],
  ])('a listing that GitHub answers with %s proves nothing and fails nothing', async (_, fault) => {
    world = await createWorld()
    await exchange()
    const path = '/repos/acme/app/contents/.github/chainguard'
    world.sandbox.fault({ path }, fault)
    expect(await reason(exchange('acme', 'app', 'nope'))).toBe('POLICY_NOT_FOUND')
    world.sandbox.putFile('acme', 'app', '.github/chainguard/new.sts.yaml', 'x')
    expect((await exchange('acme', 'app', 'new')).stale).toBe(false)
  })

  test('misses of one owner have an end, from which others and warm exchanges are free', async () => {
    world = await createWorld()
    await exchange()
    world.sandbox.regrant(world.installationId, { repositories: ['app'] })
    const reasons: string[] = []
    for (let n = 0; n < 62; n += 1) reasons.push(await reason(exchange('acme', `guess${n}`)))
    expect(reasons).toEqual([
      ...Array(60).fill('REPOSITORY_NOT_SELECTED'),
      'LOOKUP_BUDGET_EXHAUSTED',
      'LOOKUP_BUDGET_EXHAUSTED',
    ])
    world.calls()
    await exchange()
    expect(world.calls()).toEqual([TOKEN])
    await exchange('bob', 'tool')
    const denial = await exchange('acme', 'other').catch((error: unknown) => error)
    expect(denial).toMatchObject({ reason: 'LOOKUP_BUDGET_EXHAUSTED', retryAfterMs: 3000 })
    world.clock.advance(3000)
    expect(await reason(exchange('acme', 'other'))).toBe('REPOSITORY_NOT_SELECTED')
  })

  test('misses that are asked for all at once have the same end, and leave no debt', async () => {
    world = await createWorld()
    await exchange()
    world.sandbox.regrant(world.installationId, { repositories: ['app'] })
    world.calls()
    const guesses = Array.from({ length: 300 }, (_, n) => reason(exchange('acme', `guess${n}`)))
    const reasons = await Promise.all(guesses)
    expect(world.calls()).toHaveLength(60)
    expect(reasons.filter((one) => one === 'REPOSITORY_NOT_SELECTED')).toHaveLength(60)
    expect(reasons.filter((one) => one === 'LOOKUP_BUDGET_EXHAUSTED')).toHaveLength(240)
    world.clock.advance(3000)
    expect(await reason(exchange('acme', 'other'))).toBe('REPOSITORY_NOT_SELECTED')
  })

  test('what is there is found, however much of it is asked for at once', async () => {
    world = await createWorld()
    const identities = Array.from({ length: 150 }, (_, n) => `deploy${n}`)
    for (const name of identities) world.sandbox.putFile('acme', 'app', `.github/chainguard/${name}.sts.yaml`, 'x')
    const files = await Promise.all(identities.map((identity) => exchange('acme', 'app', identity)))
    expect(files).toHaveLength(150)
    expect(world.calls().filter((call) => call === CONTENTS)).toHaveLength(150)
  })

  test('misses in all have an end, for owners nobody has heard of', async () => {
    world = await createWorld()
    const reasons: string[] = []
    for (let n = 0; n < 302; n += 1) reasons.push(await reason(world.github.findInstallation(`o${n}`, never())))
    expect(new Set(reasons.slice(0, 300))).toEqual(new Set(['APP_NOT_INSTALLED']))
    expect(reasons.slice(300)).toEqual(['LOOKUP_BUDGET_EXHAUSTED', 'LOOKUP_BUDGET_EXHAUSTED'])
  })
})

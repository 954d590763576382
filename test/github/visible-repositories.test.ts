import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Fault } from '../../src/sandbox/faults.ts'
import { createWorld, grantFor, never, ORG, reason, TOKEN, type World } from './world.ts'

const LIST = 'GET /installation/repositories'
const LISTING = { method: 'GET', route: '/installation/repositories' }
const MINUTE = 60_000

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(() => world.close())

async function list(owner = 'acme', signal = never()): Promise<readonly string[]> {
  const installation = await world.github.findInstallation(owner, never())
  return world.github.listRepositories(installation, signal)
}

function addRepositories(count: number): void {
  for (let index = 0; index < count; index += 1) world.sandbox.addRepository('acme', `r${index}`)
}

describe('the repositories that an installation reaches', () => {
  test('by name, through a token that reads metadata alone', async () => {
    expect(await list()).toEqual(['app', 'lib'])
    expect(world.calls()).toEqual([ORG, TOKEN, LIST])
    const [token] = world.sandbox.tokens.values()
    expect(token).toMatchObject({ permissions: { metadata: 'read' }, repositories: 'all' })
  })

  test('those that were selected, where not all were', async () => {
    const other = world.sandbox.addAccount({ login: 'other', type: 'Organization' })
    world.sandbox.addRepository(other.login, 'one')
    world.sandbox.addRepository(other.login, 'two')
    world.sandbox.install('other', { permissions: { contents: 'read' }, repositories: ['two'] })
    expect(await list('other')).toEqual(['two'])
  })

  test('are asked for once in five minutes', async () => {
    await list()
    world.sandbox.addRepository('acme', 'new')
    world.calls()
    world.clock.advance(5 * MINUTE - 1)
    expect(await list()).toEqual(['app', 'lib'])
    expect(world.calls()).toEqual([])
    world.clock.advance(1)
    expect(await list()).toEqual(['app', 'lib', 'new'])
    expect(world.calls()).toEqual([TOKEN, LIST])
  })

  test('are asked for once by all who ask at the same time', async () => {
    const installation = await world.github.findInstallation('acme', never())
    world.calls()
    const all = await Promise.all(
      Array.from({ length: 32 }, () => world.github.listRepositories(installation, never())),
    )
    expect(new Set(all.map((names) => names.join()))).toEqual(new Set(['app,lib']))
    expect(world.calls()).toEqual([TOKEN, LIST])
  })

  test('page by page, each of a hundred', async () => {
    addRepositories(248)
    const names = await list()
    expect(names).toHaveLength(250)
    expect(new Set(names).size).toBe(250)
    expect(world.sandbox.calls.filter(({ route }) => route === LISTING.route).map(({ query }) => query)).toEqual(
      expect.arrayContaining(['per_page=100&page=1', 'per_page=100&page=2', 'per_page=100&page=3']),
    )
    expect(world.calls()).toEqual([ORG, TOKEN, LIST, LIST, LIST])
  })

  test('are listed anew once a mint has shown that one is gone', async () => {
    await list()
    const installation = await world.github.findInstallation('acme', never())
    expect(await reason(world.github.mint(grantFor(installation, { repositories: ['gone'] }), never()))).toBe(
      'MINT_REPOSITORY_NOT_SELECTED',
    )
    world.calls()
    await list()
    expect(world.calls()).toEqual([TOKEN, LIST])
  })

  test('a caller who leaves does not fail the others', async () => {
    const installation = await world.github.findInstallation('acme', never())
    const leaving = new AbortController()
    const left = world.github.listRepositories(installation, leaving.signal)
    const stayed = world.github.listRepositories(installation, never())
    leaving.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')
    expect(await stayed).toEqual(['app', 'lib'])
  })
})

describe('what GitHub may answer instead', () => {
  const answer = (body: unknown, status = 200): Fault => ({ kind: 'answer', status, body })
  const repository = { name: 'app', owner: { id: 1 } }

  test.each<readonly [string, Fault, string]>([
    ['a 5xx', answer({}, 502), 'GITHUB_UNAVAILABLE'],
    ['a rate limit', { kind: 'primary-rate-limit' }, 'GITHUB_RATE_LIMITED'],
    ['a page of HTML', { kind: 'html' }, 'GITHUB_UNAVAILABLE'],
    ['half the JSON', { kind: 'truncated-json' }, 'GITHUB_UNAVAILABLE'],
    ['5 MB', { kind: 'huge-body', bytes: 5_000_000 }, 'GITHUB_UNAVAILABLE'],
    ['a reset', { kind: 'reset' }, 'GITHUB_UNAVAILABLE'],
    ['null', answer(null), 'GITHUB_UNAVAILABLE'],
    ['a list', answer([]), 'GITHUB_UNAVAILABLE'],
    ['no count', answer({ repositories: [] }), 'GITHUB_UNAVAILABLE'],
    ['a count that is none', answer({ total_count: '1', repositories: [repository] }), 'GITHUB_UNAVAILABLE'],
    ['no list', answer({ total_count: 1, repositories: {} }), 'GITHUB_UNAVAILABLE'],
    ['an entry that is none', answer({ total_count: 1, repositories: [null] }), 'GITHUB_UNAVAILABLE'],
    [
      'a name that is none',
      answer({ total_count: 1, repositories: [{ ...repository, name: 'a/b' }] }),
      'GITHUB_UNAVAILABLE',
    ],
    ['a forbidden listing', answer({ message: 'Resource not accessible' }, 403), 'MINT_REFUSED'],
    ['a token that is not taken', answer({ message: 'Bad credentials' }, 401), 'MINT_REFUSED'],
    ['10,001 repositories', answer({ total_count: 10_001, repositories: [repository] }), 'REPOSITORIES_TOO_MANY'],
  ])('%s', async (_, fault, expected) => {
    world.sandbox.fault(LISTING, fault)
    expect(await reason(list())).toBe(expected)
  })

  test('a failure is not remembered', async () => {
    world.sandbox.fault({ ...LISTING, times: 2 }, answer({}, 502))
    expect(await reason(list())).toBe('GITHUB_UNAVAILABLE')
    expect(await list()).toEqual(['app', 'lib'])
  })

  test('a token that one machine does not know yet is replaced once', async () => {
    world.sandbox.fault({ ...LISTING, times: 1 }, answer({ message: 'Bad credentials' }, 401))
    expect(await list()).toEqual(['app', 'lib'])
  })

  test('repositories of another account are left out: their names would mean other ones', async () => {
    const { id } = (await world.github.findInstallation('acme', never())).account
    const repositories = [
      { name: 'app', owner: { id } },
      { name: 'theirs', owner: { id: id + 1 } },
      { name: 'nobodys' },
    ]
    world.sandbox.fault(LISTING, answer({ total_count: 3, repositories }))
    expect(await list()).toEqual(['app'])
  })

  test('an installation that is gone', async () => {
    const installation = await world.github.findInstallation('acme', never())
    world.sandbox.uninstall(world.installationId)
    expect(await reason(world.github.listRepositories(installation, never()))).toBe('APP_NOT_INSTALLED')
  })

  test('a suspended installation', async () => {
    const installation = await world.github.findInstallation('acme', never())
    world.sandbox.suspend(world.installationId)
    expect(await reason(world.github.listRepositories(installation, never()))).toBe('INSTALLATION_SUSPENDED')
  })
})

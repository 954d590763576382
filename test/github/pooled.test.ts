import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import { compilePattern } from '../../src/policy/pattern.ts'
import { createWorld, never, poolOf, reason, type World } from './world.ts'

const KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs1', format: 'pem' })
  .toString()

let world: World

afterEach(() => world.close())

/** Two Apps, of which GitHub knows the first alone. */
function twoApps() {
  const apps = [424_242, 77].flatMap((id) => [...(poolOf({ id, privateKey: KEY }).get('*') ?? [])])
  const [own, stranger] = apps
  if (own === undefined || stranger === undefined) throw new Error('there are two Apps')
  return { sandbox: { app: { privateKeyPem: KEY } }, pools: new Map([['*', [own, stranger] as const]]) }
}

test('an App whose slug is not known is meant by no pattern, not even by one that matches nothing at all', async () => {
  world = await createWorld(twoApps())
  const pattern = compilePattern('(?:x)?')
  if (!pattern.ok) throw new Error('it is a pattern')
  const { installation, owner } = await world.policyRequest()
  const choice = { installation, owner, app: pattern.matcher, preferred: undefined }
  expect(await reason(world.github.chooseInstallation(choice, never()))).toBe('POLICY_APP_UNAVAILABLE')
})

describe.each([
  ['one App', () => ({})],
  ['the first of several Apps', twoApps],
])('with %s', (_, options) => {
  /** All that an exchange looks up, one after the other. */
  const lookUps = async () => {
    const { github } = world
    const installation = github.findInstallation('acme', never())
    const request = { installation: await installation, owner: 'acme', repository: 'app' }
    const policy = github.loadPolicy({ ...request, identity: 'deploy', kind: 'repository' }, never())
    const issuers = github.loadTrustedIssuers({ ...request, repository: '.github', beside: 'app' }, never())
    const choice = { ...request, app: undefined, preferred: undefined }
    const chosen = github.chooseInstallation(choice, never())
    const repositories = github.listRepositories(await installation, never())
    const answers = { installation, policy, issuers, chosen, repositories }
    await Promise.all(Object.values(answers))
    return answers
  }

  test('what is known and fresh is answered at once', async () => {
    world = await createWorld(options())
    await lookUps()
    await lookUps() // by now the other App is known to be none
    world.calls()
    expect(Object.entries(await lookUps()).filter(([, answer]) => answer instanceof Promise)).toEqual([])
    expect(world.calls()).toEqual([])
  })

  test('a refusal that is known is never thrown at whoever waits for a promise', async () => {
    world = await createWorld(options())
    const { installation } = await lookUps()
    const missing = { installation: await installation, owner: 'acme', repository: 'app', identity: 'none' } as const
    const ask = () => [
      world.github.findInstallation('nobody', never()),
      world.github.loadPolicy({ ...missing, kind: 'repository' }, never()),
    ]
    const reasons = ['APP_NOT_INSTALLED', 'POLICY_NOT_FOUND']
    for (let times = 0; times < 2; times += 1) expect(await Promise.all(ask().map(reason))).toEqual(reasons)
    world.calls()
    expect(await Promise.all(ask().map(reason))).toEqual(reasons)
    expect(world.calls()).toEqual([])
  })
})

import { generateKeyPairSync } from 'node:crypto'
import { afterEach, expect, test } from '@jest/globals'
import { compilePattern } from '../../src/policy/pattern.ts'
import { createWorld, never, poolOf, reason, type World } from './world.ts'

const KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs1', format: 'pem' })
  .toString()

let world: World

afterEach(() => world.close())

test('an App whose slug is not known is meant by no pattern, not even by one that matches nothing at all', async () => {
  const apps = [424_242, 77].flatMap((id) => [...(poolOf({ id, privateKey: KEY }).get('*') ?? [])])
  const [own, stranger] = apps
  if (own === undefined || stranger === undefined) throw new Error('there are two Apps')
  world = await createWorld({ sandbox: { app: { privateKeyPem: KEY } }, pools: new Map([['*', [own, stranger]]]) })
  const pattern = compilePattern('(?:x)?')
  if (!pattern.ok) throw new Error('it is a pattern')
  const { installation, owner } = await world.policyRequest()
  const choice = { installation, owner, app: pattern.matcher, preferred: undefined }
  expect(await reason(world.github.chooseInstallation(choice, never()))).toBe('POLICY_APP_UNAVAILABLE')
})

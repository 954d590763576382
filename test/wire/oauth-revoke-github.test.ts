import { expect, test } from '@jest/globals'
import { createWorld, grantFor, never, REVOKE } from '../github/world.ts'
import { ask1, serve } from './fixture.ts'

/** `/revoke` with the embedded GitHub behind it. */
async function start() {
  const world = await createWorld()
  const wire = await serve(undefined, { revokeInstallationToken: world.github.revokeToken })
  return {
    world,
    revoke: (token: string) =>
      ask1(wire.port, '/revoke', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ token }).toString(),
      }),
    async [Symbol.asyncDispose]() {
      await wire[Symbol.asyncDispose]()
      await world.close()
    },
  }
}

test('an installation token is dead afterwards, and to revoke it again is no error', async () => {
  await using service = await start()
  const { world, revoke } = service
  const installation = await world.github.findInstallation('acme', never())
  const { token } = await world.github.mint(grantFor(installation), never())
  const answers = [await revoke(token), await revoke(token)]
  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [200, ''],
    [200, ''],
  ])
  expect(world.sandbox.tokens.get(token)?.revoked).toBe(true)
})

test('200 invented tokens cause fewer than 100 calls, and then 503 with Retry-After', async () => {
  await using service = await start()
  const { world, revoke } = service
  const invented = Array.from({ length: 200 }, (_, n) => `ghs_${String(n).padStart(36, '0')}`)
  const answers = []
  for (const token of invented) answers.push(await revoke(token))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(80)
  const busy = answers.filter(({ status }) => status === 503)
  expect(busy).toHaveLength(120)
  expect(new Set(busy.map(({ headers }) => headers['retry-after']))).toEqual(new Set(['30']))
  expect(world.calls()).toEqual(Array(80).fill(REVOKE))
})

import { afterEach, expect, test } from '@jest/globals'
import { webUrlOf } from '../../src/github/web-url.ts'
import { createWorld, grantFor, never, REVOKE, reason, TOKEN, type World } from './world.ts'

let world: World
afterEach(() => world?.close())

async function mint(): Promise<string> {
  const installation = await world.github.findInstallation('acme', never())
  const { token } = await world.github.mint(grantFor(installation), never())
  world.calls()
  return token
}

const garbage = (n: number) => `ghs_${String(n).padStart(36, '0')}`

test('a token is ended with one call, and unknown the next time', async () => {
  world = await createWorld()
  const token = await mint()
  expect(await world.github.revokeToken(token, never())).toBe('revoked')
  expect(world.sandbox.tokens.get(token)?.revoked).toBe(true)
  expect(await world.github.revokeToken(token, never())).toBe('unknown')
  expect(world.calls()).toEqual([REVOKE, REVOKE])
})

test.each([
  ['one after another', false],
  ['all at once', true],
])(
  '200 unknown tokens, %s, cost at most 100 calls, and after a minute there is a budget again',
  async (_, together) => {
    world = await createWorld()
    const outcomes: string[] = []
    const ask = async (n: number) => void outcomes.push(await world.github.revokeToken(garbage(n), never()))
    const numbers = Array.from({ length: 200 }, (__, n) => n)
    if (together) await Promise.all(numbers.map(ask))
    else for (const n of numbers) await ask(n)
    expect(world.calls()).toEqual(Array(80).fill(REVOKE))
    expect([
      outcomes.filter((each) => each === 'unknown').length,
      outcomes.filter((each) => each === 'busy').length,
    ]).toEqual([80, 120])
    world.clock.advance(60_000)
    for (const n of numbers) await ask(n)
    expect(world.calls()).toEqual(Array(20).fill(REVOKE))
  },
)

test('an empty budget does not keep anybody from an exchange, nor from giving a token up', async () => {
  world = await createWorld()
  const token = await mint()
  for (let n = 0; n < 80; n += 1) await world.github.revokeToken(garbage(n), never())
  expect(await world.github.revokeToken(token, never())).toBe('busy')
  world.calls()
  const installation = await world.github.findInstallation('acme', never())
  const issued = await world.github.mint(grantFor(installation), never())
  world.github.revoke(issued)
  await world.github.close()
  expect(world.calls()).toEqual([TOKEN, REVOKE])
  expect(world.sandbox.tokens.get(issued.token)?.revoked).toBe(true)
})

test('tokens that were alive cost nothing of it', async () => {
  world = await createWorld()
  const installation = await world.github.findInstallation('acme', never())
  for (let n = 0; n < 90; n += 1) {
    const { token } = await world.github.mint(grantFor(installation), never())
    expect(await world.github.revokeToken(token, never())).toBe('revoked')
  }
})

test('revocations that hang hold up no exchange, and take 4 connections at the most', async () => {
  world = await createWorld({ callLimitMs: 1_000 })
  const hang = world.sandbox.fault({ route: '/installation/token' }, { kind: 'hang' })
  const hanging = Array.from({ length: 200 }, (_, n) => reason(world.github.revokeToken(garbage(n), never())))
  await hang.met
  await mint()
  expect(hang.hits).toBe(4)
  const outcomes = await Promise.all(hanging)
  expect(new Set(outcomes)).toEqual(new Set(['GITHUB_TIMEOUT', 'it was not refused']))
  expect(outcomes.filter((each) => each === 'GITHUB_TIMEOUT')).toHaveLength(80)
})

test.each([
  ['a 5xx', { kind: 'answer', status: 502 } as const, 'GITHUB_UNAVAILABLE'],
  ['a page', { kind: 'html' } as const, 'GITHUB_UNAVAILABLE'],
  ['a redirect', { kind: 'redirect', location: '/elsewhere' } as const, 'GITHUB_UNAVAILABLE'],
  ['a 403', { kind: 'answer', status: 403, body: { message: 'no' } } as const, 'GITHUB_UNAVAILABLE'],
  ['a rate limit', { kind: 'secondary-rate-limit', retryAfterSeconds: 7 } as const, 'GITHUB_RATE_LIMITED'],
  ['a reset', { kind: 'reset' } as const, 'GITHUB_UNAVAILABLE'],
])('%s is no revocation', async (_, fault, expected) => {
  world = await createWorld()
  const token = await mint()
  world.sandbox.fault({ route: '/installation/token' }, fault)
  expect(await reason(world.github.revokeToken(token, never()))).toBe(expected)
  expect(world.sandbox.tokens.get(token)?.revoked).toBe(false)
})

test.each([
  ['a rate limit is spent', { kind: 'secondary-rate-limit', retryAfterSeconds: 7 } as const, 80],
  ['an outage is not', { kind: 'answer', status: 502 } as const, 90],
])('of the budget %s', async (_, fault, calls) => {
  world = await createWorld()
  world.sandbox.fault({ route: '/installation/token' }, fault)
  const outcomes: string[] = []
  for (let n = 0; n < 90; n += 1) outcomes.push(await reason(world.github.revokeToken(garbage(n), never())))
  expect(world.calls()).toHaveLength(calls)
  expect(outcomes.filter((each) => each.startsWith('GITHUB_'))).toHaveLength(calls)
})

test('a caller who has left waits no longer', async () => {
  world = await createWorld({ callLimitMs: 300 })
  world.sandbox.fault({ route: '/installation/token' }, { kind: 'hang' })
  const left = new AbortController()
  const asked = world.github.revokeToken(garbage(1), left.signal)
  left.abort(new Error('left'))
  await expect(asked).rejects.toThrow('left')
})

test.each([
  ['https://api.github.com', 'https://github.com'],
  ['https://api.github.com/', 'https://github.com'],
  ['https://git.example.com/api/v3', 'https://git.example.com'],
  ['https://git.example.com:8443/api/v3/', 'https://git.example.com:8443'],
  ['https://api.acme.ghe.com', 'https://acme.ghe.com'],
  ['http://127.0.0.1:4000', 'https://github.com'],
])('people see the GitHub of %s at %s', (baseUrl, webUrl) => {
  expect(webUrlOf(baseUrl)).toBe(webUrl)
})

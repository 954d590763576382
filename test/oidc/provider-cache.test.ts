import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { generateSandboxKey, generateSandboxKeys } from '../../src/sandbox/issuer-keys.ts'
import { createVerifierWorld, type VerifierWorld } from './verifier-world.ts'

const SUB = 'x'
const SECONDS = 1_000
const MINUTES = 60 * SECONDS
const CONFIGURATION = '/openid-configuration'

let world: VerifierWorld
const token = (kid?: string) => world.issuer.sign({ sub: SUB, exp: 2_000_000_000 }, kid === undefined ? {} : { kid })
const fetches = () => [world.discoveries(), world.keySets()]

/** Until what was begun in the background has been answered: the next look sees it. */
async function settled(count: number): Promise<void> {
  while (world.keySets() < count) await new Promise((resolve) => setImmediate(resolve))
}

beforeEach(async () => {
  world = await createVerifierWorld()
})
afterEach(() => world.close())

describe('sharing', () => {
  test('64 at once on a cold issuer cost one discovery and one key set', async () => {
    const compact = await token()
    const reasons = await Promise.all(Array.from({ length: 64 }, () => world.reason(compact)))
    expect(new Set(reasons)).toEqual(new Set(['accepted']))
    expect(fetches()).toEqual([1, 1])
  })

  test('the first caller leaves, and the others get what it began', async () => {
    const compact = await token()
    const first = new AbortController()
    const left = world.verify(compact, first.signal)
    const stayed = world.verify(compact)
    first.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    expect((await stayed).sub).toBe(SUB)
    expect(fetches()).toEqual([1, 1])
  })

  test('64 at once with an unknown kid cost one further fetch', async () => {
    await world.verify(await token())
    world.clock.advance(1)
    const compact = await token('unknown')
    const reasons = await Promise.all(Array.from({ length: 64 }, () => world.reason(compact)))
    expect(new Set(reasons)).toEqual(new Set(['KEY_UNKNOWN']))
    expect(fetches()).toEqual([2, 2])
  })
})

describe('keys that come and go', () => {
  test('a new key is found at once', async () => {
    await world.verify(await token())
    world.clock.advance(1)
    await world.issuer.rotate()
    expect(await world.reason(await token())).toBe('accepted')
    expect(fetches()).toEqual([2, 2])
  })

  test('unknown kids, however many, cost one fetch in 30 s', async () => {
    await world.verify(await token())
    for (const kid of ['a', 'b', 'c']) {
      world.clock.advance(9 * SECONDS)
      expect(await world.outcome(await token(kid))).toMatchObject({
        reason: 'KEY_UNKNOWN',
        message: `unable to verify bearer token: issuer "${world.issuer.url}" publishes no key "${kid}" that suits "RS256"`,
      })
    }
    expect(fetches()).toEqual([2, 2])
    world.clock.advance(12 * SECONDS)
    expect(await world.reason(await token('d'))).toBe('KEY_UNKNOWN')
    expect(fetches()).toEqual([3, 3])
  })

  test('an unknown kid on a cold issuer is not asked for twice', async () => {
    expect(await world.reason(await token('unknown'))).toBe('KEY_UNKNOWN')
    expect(fetches()).toEqual([1, 1])
  })

  test('a withdrawn key is trusted for minutes, not for good', async () => {
    const old = await token()
    await world.verify(old)
    await world.issuer.rotate()
    world.clock.advance(5 * MINUTES - 1)
    expect([await world.reason(old), fetches()]).toEqual(['accepted', [1, 1]])
    world.clock.advance(1)
    expect(await world.reason(old)).toBe('accepted') // asks meanwhile
    await settled(2)
    world.clock.advance(1)
    expect(await world.reason(await token())).toBe('accepted')
    expect(await world.reason(old)).toBe('KEY_UNKNOWN')
  })

  test('after a long silence the issuer is asked first', async () => {
    const old = await token()
    await world.verify(old)
    await world.issuer.rotate()
    world.clock.advance(10 * MINUTES)
    expect([await world.reason(old), fetches()]).toEqual(['KEY_UNKNOWN', [2, 2]])
  })
})

describe('ahead of expiry', () => {
  test('keys that were used are renewed in the background, and nobody waits for them', async () => {
    const compact = await token()
    await world.verify(compact)
    world.clock.advance(1)
    await world.verify(compact)
    world.clock.advance(5 * MINUTES - 2)
    await world.verifier.renew()
    expect(fetches()).toEqual([1, 1])
    world.clock.advance(1)
    await world.verifier.renew()
    expect(fetches()).toEqual([2, 2])
    world.issuer.fault(CONFIGURATION, { kind: 'answer', status: 404 }) // whoever asked it now would be refused
    world.clock.advance(5 * MINUTES - 1)
    expect([await world.reason(compact), fetches()]).toEqual(['accepted', [2, 2]])
  })

  test('those that nobody used since are not', async () => {
    await world.verify(await token())
    world.clock.advance(6 * MINUTES)
    await world.verifier.renew()
    expect(fetches()).toEqual([1, 1])
  })

  test('a failure is tried again when somebody used them, and not within 30 s', async () => {
    const compact = await token()
    await world.verify(compact)
    await world.verify(compact)
    const mend = world.issuer.fault(CONFIGURATION, { kind: 'answer', status: 503 })
    world.clock.advance(5 * MINUTES)
    await world.verifier.renew()
    world.clock.advance(31 * SECONDS)
    await world.verifier.renew()
    expect(fetches()).toEqual([2, 1])
    world.clock.advance(-2 * SECONDS)
    expect(await world.reason(compact)).toBe('accepted')
    await world.verifier.renew()
    expect(fetches()).toEqual([2, 1])
    mend()
    world.clock.advance(1 * SECONDS)
    expect(await world.reason(compact)).toBe('accepted')
    await world.verifier.renew()
    expect(fetches()).toEqual([3, 2])
  })

  test('no more issuers in one lot than the limit; the others have their turn in the next', async () => {
    const small = await createVerifierWorld({ limits: { renewals: 2 } })
    try {
      for (const tenant of ['a', 'b', 'c']) {
        const compact = await small.issuer.sign({ sub: SUB, iss: `${small.issuer.url}/${tenant}`, exp: 2_000_000_000 })
        await small.verify(compact)
        await small.verify(compact)
      }
      small.clock.advance(5 * MINUTES)
      await small.verifier.renew()
      expect(small.keySets()).toBe(5)
      await small.verifier.renew()
      expect(small.keySets()).toBe(6)
    } finally {
      await small.close()
    }
  })

  test('it goes by itself', async () => {
    const busy = await createVerifierWorld({ limits: { renewEveryMs: 1 } })
    try {
      const compact = await busy.issuer.sign({ sub: SUB, exp: 2_000_000_000 })
      await busy.verify(compact)
      await busy.verify(compact)
      busy.clock.advance(5 * MINUTES)
      while (busy.keySets() < 2) await new Promise((resolve) => setImmediate(resolve))
    } finally {
      await busy.close()
    }
  })
})

describe('failures', () => {
  test.each([
    [503, 'ISSUER_UNAVAILABLE'],
    [404, 'ISSUER_INVALID'],
  ])('%d is remembered for 30 s', async (status, reason) => {
    const mend = world.issuer.fault(CONFIGURATION, { kind: 'answer', status })
    const compact = await token()
    expect(await world.reason(compact)).toBe(reason)
    mend()
    world.clock.advance(29_999)
    const again = await world.outcome(compact)
    expect(again).toMatchObject({ reason, retryAfterMs: reason === 'ISSUER_UNAVAILABLE' ? 1 : undefined })
    expect(world.discoveries()).toBe(1)
    world.clock.advance(1)
    expect(await world.reason(compact)).toBe('accepted')
    expect(world.discoveries()).toBe(2)
  })

  test('an outage is bridged for an hour, and asked about every 30 s', async () => {
    const compact = await token()
    await world.verify(compact)
    world.issuer.fault(CONFIGURATION, { kind: 'answer', status: 500 })
    world.clock.advance(10 * MINUTES)
    expect([await world.reason(compact), world.discoveries()]).toEqual(['accepted', 2])
    world.clock.advance(29 * SECONDS)
    expect([await world.reason(compact), world.discoveries()]).toEqual(['accepted', 2])
    world.clock.advance(49 * MINUTES)
    expect(await world.reason(compact)).toBe('accepted')
    while (world.discoveries() < 3) await new Promise((resolve) => setImmediate(resolve))
    world.clock.advance(1 * MINUTES)
    expect(await world.reason(compact)).toBe('ISSUER_UNAVAILABLE')
  })

  test('an issuer that says it is none is believed', async () => {
    const compact = await token()
    await world.verify(compact)
    world.issuer.fault(CONFIGURATION, { kind: 'answer', status: 404 })
    world.clock.advance(10 * MINUTES)
    expect(await world.reason(compact)).toBe('ISSUER_INVALID')
  })

  test('a key that can not be asked about is no unknown one', async () => {
    await world.verify(await token())
    world.clock.advance(1)
    const mend = world.issuer.fault(CONFIGURATION, { kind: 'answer', status: 503 })
    expect(await world.reason(await token('new'))).toBe('ISSUER_UNAVAILABLE')
    expect(await world.reason(await token())).toBe('accepted')
    mend()
    world.clock.advance(30 * SECONDS)
    expect(await world.reason(await token('new'))).toBe('KEY_UNKNOWN')
  })
})

describe('key sets', () => {
  test('odd members disable nothing', async () => {
    world.issuer.publish(null, 7, 'x', [], {}, { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, { kty: 'quantum' })
    expect(await world.reason(await token())).toBe('accepted')
    expect(await world.reason(await world.issuer.sign({ sub: SUB }, { kid: null }))).toBe('accepted')
  })

  test('two keys with one kid are both tried', async () => {
    const [one, other] = [await generateSandboxKey('P-256'), await generateSandboxKey('P-256')]
    world.issuer.publish({ ...one.jwk, kid: 'twin' }, { ...other.jwk, kid: 'twin' })
    for (const key of [one, other]) {
      const compact = await world.issuer.sign({ sub: SUB }, { alg: 'ES256', key, kid: 'twin' })
      expect(await world.reason(compact)).toBe('accepted')
    }
  })

  test('without a kid the last of 300 keys is found; trying them has a price', async () => {
    const others = (await Promise.all(Array.from({ length: 10 }, () => generateSandboxKey('P-256')))).map((key) => ({
      ...key.jwk,
      kid: undefined,
    }))
    world.issuer.publish(...Array.from({ length: 30 }, () => others).flat())
    const compact = await world.issuer.sign({ sub: SUB }, { alg: 'ES256', kid: null })
    const reasons: string[] = []
    for (let index = 0; index < 7; index += 1) reasons.push(await world.reason(compact))
    expect(reasons).toEqual([...Array(6).fill('accepted'), 'ISSUER_BUSY'])
    expect(await world.reason(await world.issuer.sign({ sub: SUB }, { alg: 'ES256' }))).toBe('accepted')
  })
})

describe('budgets', () => {
  test('invented issuers exhaust the budget of their domain, and known ones go on', async () => {
    const compact = await token()
    await world.verify(compact)
    const reasons = await Promise.all(
      Array.from({ length: 310 }, async (_, index) => {
        const iss = `${world.issuer.url}/invented/${index}`
        world.issuer.fault(`/invented/${index}/.well-known/openid-configuration`, { kind: 'answer', status: 404 })
        return world.reason(await world.issuer.sign({ sub: SUB, iss }))
      }),
    )
    expect(reasons.filter((reason) => reason === 'ISSUER_INVALID').length).toBe(298)
    expect(reasons.filter((reason) => reason === 'ISSUER_BUSY').length).toBe(12)
    await world.issuer.rotate()
    world.clock.advance(1)
    expect(await world.reason(await token())).toBe('accepted')
    const busy = await world.outcome(await world.issuer.sign({ sub: SUB, iss: `${world.issuer.url}/more` }))
    expect(busy).toEqual({
      reason: 'ISSUER_BUSY',
      message:
        'unable to fetch or create the provider: too many requests to issuers, or to "127.0.0.1" alone: try again later',
      retryAfterMs: 499,
    })
    world.clock.advance(1 * SECONDS)
    expect(await world.reason(await world.issuer.sign({ sub: SUB, iss: `${world.issuer.url}/more` }))).toBe('accepted')
  })

  test('only so many issuers are kept', async () => {
    const small = await createVerifierWorld({ limits: { issuers: 2 }, sandbox: { keys: await generateSandboxKeys() } })
    try {
      for (const tenant of ['a', 'b', 'c', 'a']) {
        const iss = `${small.issuer.url}/${tenant}`
        expect(await small.reason(await small.issuer.sign({ sub: SUB, iss }))).toBe('accepted')
      }
      expect(small.keySets()).toBe(4)
    } finally {
      await small.close()
    }
  })
})

import { describe, expect } from '@jest/globals'
import fc from 'fast-check'
import type { Stores } from '../../src/exchange/stores.ts'
import { createMemoryStores } from '../../src/store/memory.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { eventually } from '../support/eventually.ts'
import { startRedis } from '../support/redis.ts'
import { closing, HOUR_MS, redisTest as it, NO_GRACE, newFamily, openRedis, SILENT, withLog } from './kinds.ts'

const UNAVAILABLE = expect.objectContaining({ name: 'Denial', reason: 'STORE_UNAVAILABLE' })
const FULL = expect.objectContaining({ name: 'Denial', reason: 'STORE_FULL' })
/** Short, so that a test of what comes late does not wait; long enough for a busy machine. */
const IMPATIENT = { limits: { commandMs: 700, connectMs: 700, longestRetryMs: 50, firstRetryMs: 10, heartbeatMs: 100 } }

describe('a store that is killed', () => {
  it('forgets nothing where it writes before it answers', async () => {
    await using server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
    await using stores = closing(await openRedis(server.url, NO_GRACE))
    const { families, marks, reservations } = stores
    const [rotated, revoked, reused, unknown] = [newFamily(), newFamily(), newFamily(), newFamily()]
    const { startedAtMs } = await families.begin(rotated, HOUR_MS)
    await families.advance(rotated, 0)
    await families.begin(revoked, HOUR_MS)
    await families.revoke(revoked, HOUR_MS)
    await families.begin(reused, HOUR_MS)
    await families.advance(reused, 0)
    await families.advance(reused, 0)
    await families.revoke(unknown, HOUR_MS)
    await marks.mark('somebody', HOUR_MS)
    await reservations.reserve('a token', HOUR_MS)

    await server.restart()
    await eventually(async () => expect(await families.standing(rotated, 1)).toBe('current'))
    expect(await families.standing(rotated, 0)).toBe('reused')
    expect(await families.standing(revoked, 0)).toBe('revoked')
    expect(await families.standing(reused, 1)).toBe('revoked')
    expect(await families.standing(unknown, 0)).toBe('revoked')
    expect(await marks.markedSince(['somebody'], startedAtMs)).toBe(true)
    expect(await reservations.reserve('a token', HOUR_MS)).toBe(false)
    expect(await families.advance(rotated, 1)).toBe('current')
    for (const family of [rotated, revoked, reused]) {
      const left = Number(server.cli('pttl', `octo-sts:family:${family}`))
      expect(left).toBeGreaterThan(HOUR_MS / 2)
      expect(left).toBeLessThanOrEqual(HOUR_MS)
    }
  })

  it('and comes back empty refuses what it has forgotten', async () => {
    await using server = await startRedis()
    await using stores = closing(await openRedis(server.url))
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    await server.restart()
    await eventually(async () => expect(await stores.families.standing(family, 0)).toBe('unknown'))
    expect(await stores.families.advance(family, 0)).toBe('unknown')
  })

  it('and comes back with an older state refuses what is ahead of it', async () => {
    await using server = await startRedis()
    await using stores = closing(await openRedis(server.url))
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    await stores.families.advance(family, 0)
    server.cli('save')
    await stores.families.advance(family, 1)
    await stores.families.advance(family, 2)
    await server.restart()
    await eventually(async () => expect(await stores.families.standing(family, 3)).toBe('ahead'))
    expect(await stores.families.advance(family, 3)).toBe('ahead')
    expect(await stores.families.standing(family, 1)).toBe('current')
  })

  it('refuses while it is away, at once, and heals by itself', async () => {
    await using server = await startRedis()
    const { log, lines } = withLog()
    const refusals: string[] = []
    const onRefusal = (reason: string) => void refusals.push(reason)
    await using stores = closing(await openRedis(server.url, { log, onRefusal }))
    expect(stores.isHealthy()).toBe(true)
    await server.kill()
    await eventually(() => expect(stores.isHealthy()).toBe(false))
    const answers = await Promise.allSettled([
      stores.families.begin(newFamily(), HOUR_MS),
      stores.families.standing(newFamily(), 0),
      stores.families.advance(newFamily(), 0),
      stores.families.revoke(newFamily(), HOUR_MS),
      stores.marks.mark('x', HOUR_MS),
      stores.marks.markedSince(['x'], 0),
      stores.reservations.reserve('x', HOUR_MS),
      stores.reservations.release('x'),
      stores.topics.publish('x', 'y'),
    ])
    expect(answers).toEqual(Array(9).fill({ status: 'rejected', reason: UNAVAILABLE }))
    expect(refusals.filter((reason) => reason === 'STORE_UNAVAILABLE').length).toBeGreaterThanOrEqual(9)

    await server.restart()
    await eventually(() => expect(stores.isHealthy()).toBe(true))
    await stores.families.begin(newFamily(), HOUR_MS)
    const messages = lines.map(({ message }) => message)
    expect(messages.filter((message) => message === 'the store answers')).toHaveLength(2)
    // Each cause once.
    const causes = lines.flatMap(({ message, cause }) =>
      message === 'the store cannot be used: trying on' ? [cause] : [],
    )
    expect(causes.length).toBeGreaterThan(0)
    expect(new Set(causes).size).toBe(causes.length)
    // One line a minute for refusals, however many there are.
    expect(messages.filter((message) => message === 'the store did not answer')).toHaveLength(1)
  })

  it('is waited for when it is not there at the start', async () => {
    await using server = await startRedis()
    await server.kill()
    await using stores = closing(await openRedis(server.url, IMPATIENT))
    expect(stores.isHealthy()).toBe(false)
    await expect(stores.reservations.reserve('x', HOUR_MS)).rejects.toEqual(UNAVAILABLE)
    await server.restart()
    await eventually(async () => expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(true))
  })
})

describe('a cluster that is killed', () => {
  it('is unavailable, and heals by itself', async () => {
    await using server = await startRedis([
      ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
      ...['--appendonly', 'yes', '--appendfsync', 'always'],
    ])
    server.cli('cluster', 'addslotsrange', '0', '16383')
    await eventually(() => expect(server.cli('cluster', 'info')).toContain('cluster_state:ok'))
    await using stores = closing(await openRedis(`${server.url}?cluster=true`, { ...NO_GRACE, ...IMPATIENT }))
    const heard: string[] = []
    stores.topics.subscribe(
      'a',
      () => {},
      () => heard.push('gap'),
    )
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    await stores.families.advance(family, 0)
    await eventually(() => expect(heard).toEqual(['gap']))
    await server.kill()
    await expect(stores.families.advance(family, 1)).rejects.toEqual(UNAVAILABLE)
    await eventually(() => expect(stores.isHealthy()).toBe(false))
    await server.restart()
    await eventually(async () => expect(await stores.families.standing(family, 0)).toBe('reused'))
    await eventually(() => expect(stores.isHealthy()).toBe(true))
    await eventually(() => expect(heard).toEqual(['gap', 'gap']))
    expect(await stores.families.advance(family, 1)).toBe('current')
  })
})

describe('a store that does not answer', () => {
  it('is not waited for, and nothing piles up', async () => {
    await using server = await startRedis()
    await using stores = closing(await openRedis(server.url, IMPATIENT))
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    server.freeze()
    try {
      const answers = await Promise.allSettled(Array.from({ length: 500 }, () => stores.families.advance(family, 0)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['rejected']))
      await expect(stores.families.advance(family, 0)).rejects.toEqual(UNAVAILABLE)
      // The silent connection was given up, and no new one is taken for good while nothing is said on it.
      await eventually(() => expect(stores.isHealthy()).toBe(false))
    } finally {
      server.thaw()
    }
    // Whatever of these it had received was one advance at most, and its retries.
    const standing = await eventually(() => stores.families.standing(family, 0))
    expect(['current', 'repeat', 'exhausted']).toContain(standing)
    expect(await stores.families.standing(family, 2)).toBe('ahead')
  })

  it('while it is paused is unavailable, and answers again afterwards', async () => {
    await using server = await startRedis()
    await using stores = closing(await openRedis(server.url, IMPATIENT))
    server.cli('client', 'pause', '1500', 'all')
    await expect(stores.reservations.reserve('x', HOUR_MS)).rejects.toEqual(UNAVAILABLE)
    await eventually(() => expect(stores.isHealthy()).toBe(false))
    await eventually(() => expect(stores.isHealthy()).toBe(true))
    expect(await stores.reservations.reserve('y', HOUR_MS)).toBe(true)
    expect(await stores.reservations.reserve('y', HOUR_MS)).toBe(false)
  })
})

describe('a store that is full', () => {
  it('says so, refuses what is new, and revokes all the same', async () => {
    await using server = await startRedis(['--maxmemory-policy', 'noeviction'])
    await using stores = closing(await openRedis(server.url, NO_GRACE))
    const { families, marks, reservations } = stores
    const [used, stolen, unwanted, idle] = [newFamily(), newFamily(), newFamily(), newFamily()]
    for (const family of [used, stolen, unwanted, idle]) await families.begin(family, HOUR_MS)
    await families.advance(stolen, 0)
    await reservations.reserve('a token', HOUR_MS)
    await marks.mark('somebody', HOUR_MS)
    server.cli('config', 'set', 'maxmemory', '1')

    await expect(families.begin(newFamily(), HOUR_MS)).rejects.toEqual(FULL)
    await expect(families.advance(used, 0)).rejects.toEqual(FULL)
    await expect(families.revoke(newFamily(), HOUR_MS)).rejects.toEqual(FULL)
    await expect(marks.mark('x', HOUR_MS)).rejects.toEqual(FULL)
    await expect(reservations.reserve('x', HOUR_MS)).rejects.toEqual(FULL)
    expect(stores.isHealthy()).toBe(true)
    // What is there is still read.
    expect(await families.standing(used, 0)).toBe('current')
    expect(await marks.markedSince(['somebody'], 0)).toBe(true)
    await expect(reservations.reserve('a token', HOUR_MS)).rejects.toEqual(FULL)
    // No room for the mark of a revocation: the family itself goes, and is refused for ever.
    expect(await families.advance(stolen, 0)).toBe('reused')
    await families.revoke(unwanted, HOUR_MS)
    expect(await families.standing(stolen, 1)).toBe('unknown')
    expect(await families.standing(unwanted, 0)).toBe('unknown')

    server.cli('config', 'set', 'maxmemory', '0')
    expect(await families.advance(used, 0)).toBe('current')
    expect(await families.advance(stolen, 1)).toBe('unknown')
    await marks.mark('x', HOUR_MS)
  })

  it('is complained of when it would evict', async () => {
    await using server = await startRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'])
    const { log, lines } = withLog()
    await using _stores = closing(await openRedis(server.url, { log }))
    await eventually(() =>
      expect(lines).toContainEqual(
        expect.objectContaining({ level: 50, policy: 'allkeys-lru', message: expect.stringContaining('noeviction') }),
      ),
    )
  })
})

describe('scripts', () => {
  it('are sent again to a server that has lost them', async () => {
    await using server = await startRedis()
    await using stores = closing(await openRedis(server.url))
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    await stores.families.advance(family, 0)
    server.cli('script', 'flush')
    expect(await stores.families.advance(family, 1)).toBe('current')
    expect(server.cli('info', 'commandstats')).toMatch(/cmdstat_evalsha/)
  })
})

describe('a subscription', () => {
  it('that was lost comes back with a gap', async () => {
    await using server = await startRedis()
    await using stores = closing(await openRedis(server.url))
    const heard: string[] = []
    const listen = (topic: string) =>
      stores.topics.subscribe(
        topic,
        (message) => heard.push(`${topic} ${message}`),
        () => heard.push(`${topic} gap`),
      )
    const stops = [listen('a'), listen('b')]
    await eventually(() => expect(heard).toEqual(['a gap', 'b gap']))
    await server.restart()
    await eventually(() => expect(heard.slice(2)).toEqual(['a gap', 'b gap']))
    await eventually(() => stores.topics.publish('b', 'after'))
    await eventually(() => expect(heard.slice(4)).toEqual(['b after']))

    // Only the listening connection is cut.
    server.cli('client', 'kill', 'type', 'pubsub')
    await eventually(() => expect(heard.slice(5)).toEqual(['a gap', 'b gap']))
    for (const stop of stops) stop()
    await eventually(() => expect(server.cli('pubsub', 'channels')).toBe(''))
  })

  it('notices a server that has gone silent', async () => {
    await using server = await startRedis()
    const { log, lines } = withLog()
    await using stores = closing(await openRedis(server.url, { ...IMPATIENT, log }))
    let gaps = 0
    stores.topics.subscribe(
      'a',
      () => {},
      () => {
        gaps += 1
      },
    )
    await eventually(() => expect(gaps).toBe(1))
    server.freeze()
    const lost = expect.objectContaining({ message: 'the connection for topics failed' })
    await eventually(() => expect(lines).toContainEqual(lost)).finally(() => server.thaw())
    await eventually(() => expect(gaps).toBeGreaterThan(1))
  })

  it('that is made while the store is away stands when it is back', async () => {
    await using server = await startRedis()
    await server.kill()
    await using stores = closing(await openRedis(server.url, IMPATIENT))
    const heard: string[] = []
    stores.topics.subscribe(
      'a',
      (message) => heard.push(message),
      () => heard.push('gap'),
    )
    await server.restart()
    await eventually(() => expect(heard).toEqual(['gap']))
  })
})

describe('both stores', () => {
  it('answer the same to the same steps', async () => {
    await using server = await startRedis()
    await using shared = closing(await openRedis(server.url))
    await using strict = closing(await openRedis(server.url, NO_GRACE))
    const own = (options = {}) => createMemoryStores({ clock: createControlledClock(), log: SILENT, ...options })
    const pairs = [
      [shared, own()],
      [strict, own(NO_GRACE)],
    ] as const
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 30 }), fc.nat(1), async (steps, which) => {
        const [remote, local] = pairs[which] ?? pairs[0]
        const family = newFamily()
        const told = await Promise.all([remote, local].map((stores) => tell(stores, family, steps)))
        expect(told[0]).toEqual(told[1])
      }),
      { numRuns: 150 },
    )
  })
})

type Step = readonly ['begin' | 'advance' | 'standing' | 'revoke', number]

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(['begin', 0] as const) },
  { weight: 20, arbitrary: fc.nat(4).map((generation) => ['advance', generation] as const) },
  { weight: 4, arbitrary: fc.nat(4).map((generation) => ['standing', generation] as const) },
  { weight: 1, arbitrary: fc.constant(['revoke', 0] as const) },
)

async function tell({ families }: Stores, family: string, steps: readonly Step[]): Promise<unknown[]> {
  const told = []
  for (const [step, generation] of steps) {
    if (step === 'begin') told.push(await families.begin(family, HOUR_MS).then(() => 'begun', String))
    else if (step === 'revoke') told.push(await families.revoke(family, HOUR_MS))
    else told.push(await families[step](family, generation))
  }
  return told
}

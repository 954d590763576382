import { describe, expect, test } from '@jest/globals'
import { createMemoryStores, type MemoryStoresOptions } from '../../src/store/memory.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { HOUR_MS, newFamily, SILENT, withLog } from './kinds.ts'

const FULL = expect.objectContaining({ name: 'Denial', reason: 'STORE_FULL' })

function open(options: Partial<MemoryStoresOptions> = {}) {
  const clock = createControlledClock()
  return { clock, stores: createMemoryStores({ clock, log: SILENT, ...options }) }
}

describe('time', () => {
  test.each([
    [10_000, 'repeat'],
    [10_001, 'reused'],
  ] as const)('a token that comes again after %d ms: %s', async (waitedMs, expected) => {
    const { clock, stores } = open()
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    await stores.families.advance(family, 0)
    clock.advance(waitedMs)
    expect(await stores.families.standing(family, 0)).toBe(expected)
    expect(await stores.families.advance(family, 0)).toBe(expected)
    expect(await stores.families.standing(family, 1)).toBe(expected === 'repeat' ? 'current' : 'revoked')
  })

  test('the grace counts from the advance, not from the last retry', async () => {
    const { clock, stores } = open()
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    await stores.families.advance(family, 0)
    clock.advance(6_000)
    expect(await stores.families.advance(family, 0)).toBe('repeat')
    clock.advance(6_000)
    expect(await stores.families.advance(family, 0)).toBe('reused')
  })

  test('a family, its revocation and a tombstone live exactly to their end', async () => {
    const { clock, stores } = open()
    const [idle, busy, revoked, unknown] = [newFamily(), newFamily(), newFamily(), newFamily()]
    for (const family of [idle, busy, revoked]) await stores.families.begin(family, HOUR_MS)
    await stores.families.revoke(unknown, HOUR_MS)
    clock.advance(HOUR_MS - 1)
    expect(await stores.families.advance(busy, 0)).toBe('current')
    await stores.families.revoke(revoked, 5 * HOUR_MS)
    const standings = () =>
      Promise.all([
        stores.families.standing(idle, 0),
        stores.families.standing(busy, 1),
        stores.families.standing(revoked, 0),
        stores.families.standing(unknown, 0),
      ])
    expect(await standings()).toEqual(['current', 'current', 'revoked', 'revoked'])
    clock.advance(1)
    expect(await standings()).toEqual(Array(4).fill('unknown'))
  })

  test('marks and reservations end with their lives, of which the longest counts', async () => {
    const { clock, stores } = open()
    const { startedAtMs } = await stores.families.begin(newFamily(), HOUR_MS)
    await stores.marks.mark('x', 2 * HOUR_MS)
    await stores.marks.mark('x', HOUR_MS)
    expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(true)
    clock.advance(HOUR_MS - 1)
    expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(false)
    clock.advance(1)
    expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(true)
    expect(await stores.marks.markedSince(['x'], startedAtMs)).toBe(true)
    expect(await stores.marks.markedSince(['x'], startedAtMs + 1)).toBe(false)
    clock.advance(HOUR_MS)
    expect(await stores.marks.markedSince(['x'], startedAtMs)).toBe(false)
  })

  test('a step of the wall clock changes nothing', async () => {
    const clock = createControlledClock()
    let stepMs = 0
    const stores = createMemoryStores({ clock: { ...clock, now: () => clock.now() + stepMs }, log: SILENT })
    const family = newFamily()
    const { startedAtMs } = await stores.families.begin(family, HOUR_MS)
    await stores.families.advance(family, 0)
    for (const step of [-100 * HOUR_MS, 100 * HOUR_MS]) {
      stepMs = step
      expect(await stores.families.standing(family, 0)).toBe('repeat')
      expect(await stores.families.begin(newFamily(), HOUR_MS)).toEqual({ startedAtMs })
    }
  })
})

describe('when it is full', () => {
  test('it refuses what is new, drops nothing, counts, and says so once a minute', async () => {
    const { log, lines } = withLog()
    const refused: string[] = []
    const { clock, stores } = open({ capacity: 3, log, onRefusal: (reason) => void refused.push(reason) })
    const [used, revoked, unknown] = [newFamily(), newFamily(), newFamily()]
    await stores.families.begin(used, HOUR_MS)
    await stores.families.begin(revoked, HOUR_MS)
    await stores.families.revoke(unknown, HOUR_MS)
    for (const name of ['a', 'b', 'c']) {
      await stores.marks.mark(name, HOUR_MS)
      await stores.reservations.reserve(name, HOUR_MS)
    }
    for (let count = 0; count < 50; count += 1) {
      await expect(stores.families.begin(newFamily(), HOUR_MS)).rejects.toEqual(FULL)
    }
    await expect(stores.families.revoke(newFamily(), HOUR_MS)).rejects.toEqual(FULL)
    await expect(stores.marks.mark('d', HOUR_MS)).rejects.toEqual(FULL)
    await expect(stores.reservations.reserve('d', HOUR_MS)).rejects.toEqual(FULL)
    // What is known goes on, revocations above all.
    expect(await stores.families.advance(used, 0)).toBe('current')
    await stores.families.revoke(revoked, HOUR_MS)
    expect(await stores.families.standing(revoked, 0)).toBe('revoked')
    expect(await stores.families.standing(unknown, 0)).toBe('revoked')
    await stores.marks.mark('a', HOUR_MS)
    expect(await stores.reservations.reserve('a', HOUR_MS)).toBe(false)

    expect(refused).toEqual(Array(53).fill('STORE_FULL'))
    const said = () => lines.filter(({ level }) => level === 50).map(({ reason, refused }) => [reason, refused])
    expect(said()).toEqual([['STORE_FULL', 1]])
    clock.advance(60_000)
    await expect(stores.marks.mark('d', HOUR_MS)).rejects.toEqual(FULL)
    expect(said()).toEqual([
      ['STORE_FULL', 1],
      ['STORE_FULL', 53],
    ])
  })

  test('what has ended makes room', async () => {
    const { clock, stores } = open({ capacity: 1_000 })
    for (let count = 0; count < 500; count += 1) await stores.families.begin(newFamily(), HOUR_MS)
    for (let count = 0; count < 500; count += 1) await stores.families.begin(newFamily(), 2 * HOUR_MS)
    await expect(stores.families.begin(newFamily(), HOUR_MS)).rejects.toEqual(FULL)
    clock.advance(HOUR_MS)
    for (let count = 0; count < 500; count += 1) await stores.families.begin(newFamily(), HOUR_MS)
    await expect(stores.families.begin(newFamily(), HOUR_MS)).rejects.toEqual(FULL)
  })
})

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Standing, Stores } from '../../src/exchange/stores.ts'
import { eventually } from '../support/eventually.ts'
import { HOUR_MS, KINDS, NO_GRACE, newFamily, type Source } from './kinds.ts'

describe.each(KINDS)('$name', ({ available, start }) => {
  const it = available ? test : test.skip
  let source: Source
  let one: Stores
  let other: Stores
  let strict: Stores
  beforeAll(async () => {
    if (!available) return
    source = await start()
    ;[one, other] = await source.open()
    strict = (await source.open(NO_GRACE))[0]
  })
  afterAll(async () => source?.[Symbol.asyncDispose]())

  async function begun(stores: Stores): Promise<string> {
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    return family
  }
  const standings = (stores: Stores, family: string, generations: readonly number[]) =>
    Promise.all(generations.map((generation) => stores.families.standing(family, generation)))

  describe('which App minted before', () => {
    it('is the one that claimed first, for all', async () => {
      const key = newFamily()
      expect(await one.affinities.claim(key, 1, HOUR_MS)).toBe(1)
      expect(await other.affinities.claim(key, 2, HOUR_MS)).toBe(1)
      expect(await one.affinities.claim(newFamily(), 2, HOUR_MS)).toBe(2)
    })

    it('is one, however many claim at once', async () => {
      const key = newFamily()
      const holders = await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 ? one : other).affinities.claim(key, index + 1, HOUR_MS)),
      )
      expect(new Set(holders).size).toBe(1)
    })

    it('is nobody once it has yielded, and no other can make it yield', async () => {
      const key = newFamily()
      await one.affinities.claim(key, 1, HOUR_MS)
      await other.affinities.yield(key, 2)
      expect(await other.affinities.claim(key, 2, HOUR_MS)).toBe(1)
      await other.affinities.yield(key, 1)
      expect(await one.affinities.claim(key, 2, HOUR_MS)).toBe(2)
    })
  })

  describe('a refresh family', () => {
    it('begins with generation 0, by the clock of the store', async () => {
      const family = newFamily()
      const first = await one.families.begin(newFamily(), HOUR_MS)
      const { startedAtMs } = await one.families.begin(family, HOUR_MS)
      expect(Number.isSafeInteger(startedAtMs)).toBe(true)
      expect(startedAtMs).toBeGreaterThanOrEqual(first.startedAtMs)
      expect(await standings(other, family, [0, 1])).toEqual(['current', 'ahead'])
    })

    it('that begins twice is a defect, and the first is kept', async () => {
      const family = await begun(one)
      await one.families.advance(family, 0)
      await expect(other.families.begin(family, HOUR_MS)).rejects.toThrow(/^a refresh family was begun twice$/)
      expect(await standings(one, family, [1])).toEqual(['current'])
      await one.families.revoke(family, HOUR_MS)
      await expect(other.families.begin(family, HOUR_MS)).rejects.toThrow(/^a refresh family was begun twice$/)
      expect(await standings(one, family, [1])).toEqual(['revoked'])
    })

    it('that nobody has begun is unknown, and an advance does not make it', async () => {
      const family = newFamily()
      expect(await one.families.advance(family, 0)).toBe('unknown')
      expect(await one.families.advance(family, 3)).toBe('unknown')
      expect(await one.families.standing(family, 0)).toBe('unknown')
    })

    it('moves from generation to generation', async () => {
      const family = await begun(one)
      for (let generation = 0; generation < 12; generation += 1) {
        expect(await one.families.advance(family, generation)).toBe('current')
        expect(await standings(other, family, [generation, generation + 1, generation + 2])).toEqual([
          'repeat',
          'current',
          'ahead',
        ])
      }
    })

    it('gives the next generation to a client that comes again, five times in all, and outlives its retries', async () => {
      const family = await begun(one)
      const answers: Standing[] = []
      for (let count = 0; count < 8; count += 1) answers.push(await one.families.advance(family, 0))
      expect(answers).toEqual(['current', ...Array(4).fill('repeat'), ...Array(3).fill('exhausted')])
      expect(await standings(other, family, [0, 1])).toEqual(['exhausted', 'current'])
      expect(await one.families.advance(family, 1)).toBe('current')
      expect(await standings(other, family, [1, 2])).toEqual(['repeat', 'current'])
    })

    it('counts the hand-outs of each generation anew', async () => {
      const family = await begun(one)
      for (let count = 0; count < 5; count += 1) await one.families.advance(family, 0)
      expect(await one.families.advance(family, 1)).toBe('current')
      expect(await Promise.all(Array.from({ length: 5 }, () => one.families.advance(family, 1)))).toEqual([
        ...Array(4).fill('repeat'),
        'exhausted',
      ])
    })

    it('is revoked as a whole when a token comes again after its successor was used', async () => {
      const family = await begun(one)
      await one.families.advance(family, 0)
      await one.families.advance(family, 1)
      expect(await one.families.standing(family, 0)).toBe('reused')
      expect(await one.families.standing(family, 2)).toBe('current')
      expect(await other.families.advance(family, 0)).toBe('reused')
      expect(await standings(one, family, [0, 1, 2, 3])).toEqual(Array(4).fill('revoked'))
      expect(await one.families.advance(family, 2)).toBe('revoked')
    })

    it('is revoked as a whole when a token comes again after the grace', async () => {
      const family = await begun(strict)
      expect(await strict.families.advance(family, 0)).toBe('current')
      expect(await strict.families.advance(family, 0)).toBe('reused')
      expect(await standings(strict, family, [0, 1])).toEqual(['revoked', 'revoked'])
    })

    it('refuses a generation ahead of the store, and changes nothing', async () => {
      const family = await begun(one)
      expect(await one.families.advance(family, 1)).toBe('ahead')
      expect(await one.families.advance(family, Number.MAX_SAFE_INTEGER)).toBe('ahead')
      expect(await one.families.advance(family, 0)).toBe('current')
    })

    it('looking at it changes nothing', async () => {
      const family = await begun(strict)
      await strict.families.advance(family, 0)
      for (let count = 0; count < 7; count += 1) {
        expect(await standings(strict, family, [0, 1, 2])).toEqual(['reused', 'current', 'ahead'])
      }
    })

    it('is revoked on demand, again and again', async () => {
      const family = await begun(one)
      await one.families.revoke(family, 1)
      await one.families.revoke(family, HOUR_MS)
      expect(await standings(other, family, [0, 1])).toEqual(['revoked', 'revoked'])
      expect(await other.families.advance(family, 0)).toBe('revoked')
    })

    it('is held revoked although it is not known', async () => {
      const family = newFamily()
      await one.families.revoke(family, HOUR_MS)
      await one.families.revoke(family, 1)
      expect(await standings(other, family, [0, 7])).toEqual(['revoked', 'revoked'])
      expect(await other.families.advance(family, 7)).toBe('revoked')
    })

    it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('generation %p is a defect', async (generation) => {
      const family = await begun(one)
      await expect(one.families.advance(family, generation)).rejects.toThrow(RangeError)
      await expect(one.families.standing(family, generation)).rejects.toThrow(RangeError)
      await expect(one.families.begin(newFamily(), Number.NaN)).rejects.toThrow(RangeError)
      expect(await one.families.standing(family, 0)).toBe('current')
    })

    it('has one next generation when a thousand refresh at once', async () => {
      const family = await begun(one)
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) => (index % 2 === 0 ? one : other).families.advance(family, 0)),
      )
      expect(count(answers)).toEqual({ current: 1, repeat: 4, exhausted: 995 })
      expect(await standings(one, family, [0, 1, 2])).toEqual(['exhausted', 'current', 'ahead'])
    })

    it('keeps its rules whatever comes at the same time', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(STEP, { minLength: 1, maxLength: 12 }), { maxLength: 8 }),
          async (schedule) => {
            const family = await begun(one)
            const given = new Map<number, Standing[]>()
            let newest = 0
            let isDead = false
            for (const together of schedule) {
              // All of `together` is under way at once, from both processes; `behind` 0 is what was current before it.
              const current = newest
              const answers = await Promise.all(
                together.map(async ({ step, behind, second }) => {
                  const { families } = second ? other : one
                  const generation = Math.max(0, current - behind)
                  if (step === 'revoke') return { step, generation, standing: await families.revoke(family, HOUR_MS) }
                  return { step, generation, standing: await families[step](family, generation) }
                }),
              )
              if (isDead) {
                expect(answers.filter(({ step, standing }) => step !== 'revoke' && standing !== 'revoked')).toEqual([])
              }
              for (const { step, generation, standing } of answers) {
                if (step === 'revoke' || (step === 'advance' && standing === 'reused')) isDead = true
                if (step !== 'advance' || (standing !== 'current' && standing !== 'repeat')) continue
                given.set(generation, [...(given.get(generation) ?? []), standing])
                if (standing === 'current') newest = Math.max(newest, generation + 1)
              }
            }
            for (const standings of given.values()) {
              expect(standings.filter((standing) => standing === 'current')).toHaveLength(1)
              expect(standings.length).toBeLessThanOrEqual(5)
            }
            const end = await one.families.standing(family, newest)
            expect(end).toBe(isDead ? 'revoked' : 'current')
          },
        ),
        { numRuns: 150 },
      )
    })

    it('ends with its life, which no step prolongs', async () => {
      const [short, shortRevoked, shortUnknown] = [newFamily(), newFamily(), newFamily()]
      await strict.families.begin(short, 1)
      await strict.families.begin(shortRevoked, 1)
      await strict.families.advance(short, 0)
      await strict.families.revoke(shortRevoked, 1)
      await strict.families.revoke(shortUnknown, 1)
      if (strict.kind === 'memory') return // whose clock stands still here: memory.test.ts
      await eventually(async () => {
        for (const family of [short, shortRevoked, shortUnknown]) {
          expect(await strict.families.standing(family, 0)).toBe('unknown')
        }
      })
    })
  })

  describe('marks', () => {
    it('revoke what began before them or in the same millisecond', async () => {
      const name = newFamily()
      const { startedAtMs } = await one.families.begin(newFamily(), HOUR_MS)
      expect(await one.marks.markedSince([name], startedAtMs)).toBe(false)
      await one.marks.mark(name, HOUR_MS)
      expect(await other.marks.markedSince([name], startedAtMs)).toBe(true)
      expect(await other.marks.markedSince([name], startedAtMs + HOUR_MS)).toBe(false)
      expect(await other.marks.markedSince([newFamily(), name], startedAtMs)).toBe(true)
      expect(await other.marks.markedSince([newFamily(), newFamily()], 0)).toBe(false)
      expect(await other.marks.markedSince([], 0)).toBe(false)
    })

    it('are of any name', async () => {
      const names = ['', '__proto__', 'constructor', '\u0000\n{x}', 'ü'.repeat(20_000), 'a|b']
      const { startedAtMs } = await one.families.begin(newFamily(), HOUR_MS)
      for (const name of names) {
        expect(await one.marks.markedSince([name], startedAtMs)).toBe(false)
        await one.marks.mark(name, HOUR_MS)
        expect(await other.marks.markedSince([name], startedAtMs)).toBe(true)
      }
    })

    it('are never shortened', async () => {
      const name = newFamily()
      const { startedAtMs } = await one.families.begin(newFamily(), HOUR_MS)
      await one.marks.mark(name, HOUR_MS)
      await one.marks.mark(name, 1)
      const probe = newFamily()
      await one.marks.mark(probe, 1)
      if (one.kind === 'redis') {
        await eventually(async () => expect(await one.marks.markedSince([probe], startedAtMs)).toBe(false))
      }
      expect(await one.marks.markedSince([name], startedAtMs)).toBe(true)
    })
  })

  describe('a reservation', () => {
    it('is for the first', async () => {
      const key = `${newFamily()} ${'x'.repeat(20_000)}`
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : other).reservations.reserve(key, HOUR_MS)),
      )
      expect(answers.filter((mine) => mine)).toHaveLength(1)
      expect(await other.reservations.reserve(`${key}y`, HOUR_MS)).toBe(true)
    })

    it('can be given back', async () => {
      const key = newFamily()
      await one.reservations.release(key)
      expect(await one.reservations.reserve(key, HOUR_MS)).toBe(true)
      await one.reservations.release(key)
      expect(await other.reservations.reserve(key, HOUR_MS)).toBe(true)
      expect(await one.reservations.reserve(key, HOUR_MS)).toBe(false)
    })
  })

  describe('a topic', () => {
    it('brings each message to everybody who listens, and to nobody else', async () => {
      const topic = newFamily()
      const heard: string[] = []
      let standing = one.kind === 'memory'
      const stops = [
        one.topics.subscribe(
          topic,
          () => {
            throw new Error('a subscriber that fails')
          },
          () => {},
        ),
        one.topics.subscribe(
          topic,
          (message) => heard.push(message),
          () => {
            standing = true
          },
        ),
        one.topics.subscribe(
          newFamily(),
          () => heard.push('of another topic'),
          () => {},
        ),
      ]
      await eventually(() => expect(standing).toBe(true))
      for (const message of ['a', 'ü\n\u0000', '', 'last']) await other.topics.publish(topic, message)
      await eventually(() => expect(heard.sort()).toEqual(['', 'a', 'last', 'ü\n\u0000']))

      for (const stop of stops) stop()
      const again: string[] = []
      let gaps = 0
      const stop = one.topics.subscribe(
        topic,
        (message) => again.push(message),
        () => {
          gaps += 1
        },
      )
      if (one.kind === 'redis') await eventually(() => expect(gaps).toBe(1))
      await other.topics.publish(topic, 'after')
      await eventually(() => expect(again).toEqual(['after']))
      expect(heard).toHaveLength(4)
      stop()
    })
  })

  it('a store that was closed refuses, and can be closed again', async () => {
    const [mine] = await source.open()
    const family = await begun(mine)
    expect(mine.isHealthy()).toBe(true)
    await mine.close()
    await mine.close()
    expect(mine.isHealthy()).toBe(false)
    const unavailable = expect.objectContaining({ name: 'Denial', reason: 'STORE_UNAVAILABLE' })
    await expect(mine.families.advance(family, 0)).rejects.toEqual(unavailable)
    await expect(mine.marks.markedSince(['x'], 0)).rejects.toEqual(unavailable)
    await expect(mine.reservations.reserve('x', 1)).rejects.toEqual(unavailable)
    await expect(mine.topics.publish('x', 'y')).rejects.toEqual(unavailable)
  })
})

interface ScheduledStep {
  readonly step: 'advance' | 'standing' | 'revoke'
  readonly behind: number
  readonly second: boolean
}

const STEP: fc.Arbitrary<ScheduledStep> = fc.record({
  step: fc.oneof(
    { weight: 12, arbitrary: fc.constant('advance' as const) },
    { weight: 3, arbitrary: fc.constant('standing' as const) },
    { weight: 1, arbitrary: fc.constant('revoke' as const) },
  ),
  behind: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.constant(1) }, fc.nat(3)),
  second: fc.boolean(),
})

function count(answers: readonly Standing[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}

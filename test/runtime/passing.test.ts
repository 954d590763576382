import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { PassingMap } from '../../src/runtime/passing-map.ts'
import { Roster } from '../../src/runtime/roster.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (how?: { readonly type: 'minor' }) => void

/** Megabytes that V8 has taken for old of a hundred, which came and went, 64 of them at a time. */
function takenForOld(come: (one: object, index: number) => () => void): number {
  const present: (() => void)[] = []
  const passBy = (count: number) => {
    for (let index = 0; index < count; index += 1) {
      present.push(come(new Array(256).fill(index), index))
      if (present.length > 64) present.shift()?.()
    }
  }
  const megabytes = () => {
    const spaces = getHeapSpaceStatistics().filter(({ space_name }) => /^(old|large_object)_space$/.test(space_name))
    return spaces.reduce((sum, { space_used_size: size }) => sum + size, 0) / 1e6
  }
  passBy(1_000)
  collect()
  const before = megabytes()
  passBy(50_000)
  collect({ type: 'minor' })
  return megabytes() - before
}

describe('a roster', () => {
  test('has those who are here, at places of their own', () => {
    const roster = new Roster<{ name: string }>()
    const [ann, bob, cid] = [{ name: 'ann' }, { name: 'bob' }, { name: 'cid' }]
    const places = [ann, bob].map((one) => roster.enter(one))
    expect(roster.leave(ann, places[0] ?? -1)).toBe(true)
    const place = roster.enter(cid)
    expect(place).toBe(places[0])
    expect(roster.leave(ann, place)).toBe(false)
    expect([...roster.entries()].toSorted(([one], [other]) => one - other)).toEqual([
      [place, cid],
      [places[1], bob],
    ])
  })

  test('goes on through those who are left while others leave', () => {
    const roster = new Roster<{ index: number }>()
    const all = [0, 1, 2, 3].map((index) => ({ index }))
    const places = all.map((one) => roster.enter(one))
    const seen: number[] = []
    for (const [, { index }] of roster.entries()) {
      seen.push(index)
      for (const other of [0, 2]) roster.leave(all[other] as { index: number }, places[other] ?? -1)
    }
    expect(seen).toEqual([0, 1, 3])
  })

  test('lets go of those who have left', () => {
    const roster = new Roster()
    const taken = takenForOld((one) => {
      const place = roster.enter(one)
      return () => roster.leave(one, place)
    })
    expect(taken).toBeLessThan(10)
  })
})

describe('a passing map', () => {
  test('does what a Map does', () => {
    type Step = readonly ['set' | 'delete' | 'clear', number]
    const step = fc.tuple(
      fc.constantFrom<Step[0]>('set', 'set', 'set', 'delete', 'delete', 'clear'),
      fc.integer({ min: 0, max: 5 }),
    )
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const [own, model] = [new PassingMap<number, { index: number }>(), new Map<number, { index: number }>()]
        for (const [index, [what, key]] of steps.entries()) {
          if (what === 'clear') for (const map of [own, model]) map.clear()
          else if (what === 'delete') expect(own.delete(key)).toBe(model.delete(key))
          else for (const map of [own, model]) map.set(key, { index })
          expect([...own]).toEqual([...model])
          expect([own.size, own.has(key), own.get(key)]).toEqual([model.size, model.has(key), model.get(key)])
        }
        expect([...own.keys()].toSorted()).toEqual([...model.keys()].toSorted())
        expect([...own.values()]).toEqual([...own.entries()].map(([, value]) => value))
        const heard: unknown[] = []
        own.forEach((value, key, map) => void heard.push([key, value, map === own]))
        expect(heard).toEqual([...own].map((entry) => [...entry, true]))
      }),
    )
  })

  test('lets go of what has left', () => {
    const map = new PassingMap<number, object>()
    const taken = takenForOld((one, index) => {
      map.set(index, one)
      return () => map.delete(index)
    })
    expect(taken).toBeLessThan(10)
  })
})

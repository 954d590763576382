import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createExpiringMap } from '../../src/store/expiring-map.ts'

test('what has ended goes faster than new entries come', () => {
  let nowMs = 0
  const map = createExpiringMap<number>({ capacity: 100_000, now: () => nowMs })
  let largest = 0
  for (let index = 0; index < 50_000; index += 1) {
    nowMs += 1
    map.set(`${index}`, index, nowMs + 100)
    largest = Math.max(largest, map.size)
  }
  // A hundred live at any time.
  expect(largest).toBeLessThan(200)
})

test('it holds exactly what lives', () => {
  const step = fc.record({
    key: fc.nat(7),
    lifeMs: fc.integer({ min: 1, max: 20 }),
    passMs: fc.nat(5),
    drop: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let nowMs = 0
      const map = createExpiringMap<number>({ capacity: 8, now: () => nowMs })
      const model = new Map<string, { value: number; endMs: number }>()
      for (const [value, { key, lifeMs, passMs, drop }] of steps.entries()) {
        nowMs += passMs
        if (drop) {
          map.delete(`${key}`)
          model.delete(`${key}`)
        } else {
          map.set(`${key}`, value, nowMs + lifeMs)
          model.set(`${key}`, { value, endMs: nowMs + lifeMs })
        }
        for (let each = 0; each < 8; each += 1) {
          const entry = model.get(`${each}`)
          const expected = entry !== undefined && entry.endMs > nowMs ? entry : undefined
          expect([map.get(`${each}`), map.endOf(`${each}`)]).toEqual([expected?.value, expected?.endMs])
          expect(map.size).toBeLessThanOrEqual(8)
        }
      }
    }),
  )
})

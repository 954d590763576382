import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { instantMs } from '../../src/terms/instant.ts'

test.each<readonly [string, string | undefined]>([
  ['2026-11-23T15:00:00Z', '2026-11-23T15:00:00.000Z'],
  ['2026-11-23t15:00:00z', '2026-11-23T15:00:00.000Z'],
  ['2026-11-23T15:00:00.25Z', '2026-11-23T15:00:00.250Z'],
  ['2026-11-23T15:00:00.123456789Z', '2026-11-23T15:00:00.123Z'],
  ['2026-11-23T15:00:00+01:30', '2026-11-23T13:30:00.000Z'],
  ['2026-11-23T15:00:00-01:30', '2026-11-23T16:30:00.000Z'],
  ['2026-11-23T15:00:00-00:00', '2026-11-23T15:00:00.000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['2026-02-29T00:00:00Z', undefined],
  ['2026-00-01T00:00:00Z', undefined],
  ['2026-13-01T00:00:00Z', undefined],
  ['2026-01-00T00:00:00Z', undefined],
  ['2026-01-01T24:00:00Z', undefined],
  ['2026-01-01T00:60:00Z', undefined],
  ['2026-01-01T00:00:61Z', undefined],
  ['2026-01-01T00:00:00+24:00', undefined],
  ['2026-01-01T00:00:00+01:60', undefined],
  ['2026-01-01T00:00:00+0100', undefined],
  ['2026-01-01T00:00:00', undefined],
  ['2026-01-01T00:00Z', undefined],
  ['2026-01-01 00:00:00Z', undefined],
  ['2026-01-01T00:00:00.Z', undefined],
  ['2026-01-01', undefined],
  ['1767225600', undefined],
  [' 2026-01-01T00:00:00Z', undefined],
  ['2026-01-01T00:00:00Z\n', undefined],
  ['', undefined],
])('%j', (text, expected) => {
  const ms = instantMs(text)
  expect(ms === undefined ? undefined : new Date(ms).toISOString()).toBe(expected)
})

test('whatever JavaScript writes is read as the same moment', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      expect(instantMs(date.toISOString())).toBe(date.getTime())
    }),
  )
})

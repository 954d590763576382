import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { rateLimitOf } from '../../src/github/rate-limit.ts'

const NOW = Date.UTC(2026, 10, 23)
const limit = (status: number, headers: Record<string, string> = {}, body: unknown = undefined) =>
  rateLimitOf({ status, headers, body }, NOW)

describe('a rate limit', () => {
  test.each<readonly [string, number, Record<string, string>, unknown, number | undefined]>([
    ['retry-after in seconds', 403, { 'retry-after': '30' }, undefined, 30_000],
    ['with quota left', 429, { 'retry-after': '30', 'x-ratelimit-remaining': '4000' }, undefined, 30_000],
    ['retry-after as a date', 429, { 'retry-after': new Date(NOW + 90_000).toUTCString() }, undefined, 90_000],
    ['retry-after of no time', 403, { 'retry-after': '0' }, undefined, 1000],
    ['retry-after of a year', 403, { 'retry-after': '31536000' }, undefined, 3_600_000],
    ['retry-after that is neither', 429, { 'retry-after': 'soon' }, undefined, 60_000],
    [
      'nothing remaining until the reset',
      403,
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 120) },
      undefined,
      120_000,
    ],
    [
      'nothing remaining, the reset past',
      403,
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' },
      undefined,
      1000,
    ],
    ['nothing remaining, no reset', 429, { 'x-ratelimit-remaining': '0' }, undefined, 60_000],
    ['429 alone', 429, {}, undefined, 60_000],
    ['its text alone', 403, {}, { message: 'You have exceeded a secondary rate limit.' }, 60_000],
    [
      'not: forbidden',
      403,
      { 'x-ratelimit-remaining': '4000' },
      { message: 'Resource not accessible by integration' },
      undefined,
    ],
    ['not: forbidden with an odd body', 403, {}, [null], undefined],
    ['not: another status', 404, { 'retry-after': '30', 'x-ratelimit-remaining': '0' }, undefined, undefined],
    ['not: success with the last of the quota', 200, { 'x-ratelimit-remaining': '0' }, undefined, undefined],
  ])('%s', (_, status, headers, body, expected) => {
    expect(limit(status, headers, body)).toBe(expected)
  })

  test('is between a second and an hour, whatever the headers say', () => {
    const value = fc.option(fc.oneof(fc.string(), fc.integer().map(String)), { nil: undefined })
    fc.assert(
      fc.property(value, value, value, (after, remaining, reset) => {
        const headers = { 'retry-after': after, 'x-ratelimit-remaining': remaining, 'x-ratelimit-reset': reset }
        const wait = rateLimitOf({ status: 429, headers, body: undefined }, NOW)
        return wait !== undefined && wait >= 1000 && wait <= 3_600_000
      }),
    )
  })
})

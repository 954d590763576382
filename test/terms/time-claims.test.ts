import { expect, test } from '@jest/globals'
import { Denial } from '../../src/terms/denial.ts'
import { checkAge } from '../../src/terms/time-claims.ts'

const NOW = 1_800_000_000
const ONLY = 'tokens are accepted for 300 s after that only'

function outcome(payload: Readonly<Record<string, unknown>>, maxAgeMs: number | undefined): string {
  try {
    checkAge(payload, { maxAgeMs, nowMs: NOW * 1000 })
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}: ${error.message}`
  }
}

const refused = (why: string) => `TOKEN_TOO_OLD: unable to verify bearer token: ${why}`

test.each<readonly [string, Readonly<Record<string, unknown>>, number | undefined, string]>([
  ['fresh', { iat: NOW }, 300_000, 'accepted'],
  ['exactly as old as is accepted', { iat: NOW - 300 }, 300_000, 'accepted'],
  [
    'a millisecond older',
    { iat: NOW - 300.001 },
    300_000,
    refused(`it was issued at 2027-01-15T07:54:59.999Z, and ${ONLY}; get a fresh token`),
  ],
  [
    'a second older',
    { iat: NOW - 301 },
    300_000,
    refused(`it was issued at 2027-01-15T07:54:59Z, and ${ONLY}; get a fresh token`),
  ],
  ['issued ahead of this clock', { iat: NOW + 60 }, 300_000, 'accepted'],
  ['without iat', {}, 300_000, refused(`it does not say when it was issued (iat), and ${ONLY}`)],
  [
    'with an iat of the prototype',
    Object.create({ iat: NOW }) as Record<string, unknown>,
    300_000,
    refused(`it does not say when it was issued (iat), and ${ONLY}`),
  ],
  [
    'with a text for iat',
    { iat: String(NOW) },
    300_000,
    refused(`its iat is not a number of seconds since 1970, and ${ONLY}`),
  ],
  [
    'with an infinite iat',
    { iat: Infinity },
    300_000,
    refused(`its iat is not a number of seconds since 1970, and ${ONLY}`),
  ],
  [
    'from before every date',
    { iat: -1e300 },
    300_000,
    refused(`it was issued at -1e+300 seconds since 1970, and ${ONLY}; get a fresh token`),
  ],
  ['old, where any age is accepted', { iat: 0 }, undefined, 'accepted'],
  ['without iat, where any age is accepted', {}, undefined, 'accepted'],
])('a token %s', (_, payload, maxAgeMs, expected) => {
  expect(outcome(payload, maxAgeMs)).toBe(expected)
})

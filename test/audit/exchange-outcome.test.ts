import { status } from '@grpc/grpc-js'
import { expect, test } from '@jest/globals'
import { type Outcome, outcomeOf } from '../../src/audit/exchange-outcome.ts'
import { answerOf, REASONS } from '../../src/wire/status.ts'

/** By the code that the caller gets, and by whether a retry can help. */
function expected(reason: (typeof REASONS)[number]): Outcome {
  const { code, retryAfterMs } = answerOf(reason)
  if (code === status.INTERNAL) return 'failed'
  if (code === status.CANCELLED) return 'cancelled'
  return retryAfterMs === undefined ? 'refused' : 'unavailable'
}

test.each(REASONS)('%s is counted as what its caller is told', (reason) => {
  expect(outcomeOf({ reason })).toBe(expected(reason))
})

test('without a refusal a token was issued', () => {
  expect(outcomeOf(undefined)).toBe('issued')
})

import type { ListMatcher, Matcher } from './trust-policy.ts'

/** What one pass over a policy may still cost, in instructions times characters. */
export interface Effort {
  left: number
}

export function beginEffort(): Effort {
  return { left: EFFORT }
}

/**
 * Whether the value matches, while there is effort left; false from then on. Policies and claims both come from strangers,
 * and each may be small enough while all of one against all of the other is not.
 */
export function isMatched(matcher: Matcher | ListMatcher, value: string, effort: Effort): boolean {
  if (matcher.size > 0) effort.left -= TRY + matcher.size * value.length
  return effort.left > 0 && matcher.matches(value)
}

/** Then no match no longer means that it is another value. */
export function isSpent({ left }: Effort): boolean {
  return left <= 0
}

/**
 * Keeps the worst pass at some 20 ms; a policy with all the patterns that fit into it, against claims of 200 characters,
 * stays within.
 */
const EFFORT = 1_000_000
/** What a match costs beside that. */
const TRY = 50

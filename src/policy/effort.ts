import type { ListMatcher, Matcher } from './trust-policy.ts'

/**
 * What a pass may still cost: instructions times characters, and what a match costs beside that. Policies and claims both
 * come from strangers, and each may be small enough while all of one against all of the other is not.
 */
export interface Effort {
  left: number
  /** The part of it that the rule at hand may take. */
  ofRule: number
  /** What was left when others last had their turn. */
  turnedAt: number
}

/** Of one pass over a policy, or of so much as is said. */
export function beginEffort(left = EFFORT): Effort {
  return { left, ofRule: RULE_EFFORT, turnedAt: left }
}

/** Before each rule. True when it is time for a turn of somebody else's. */
export function beginRule(effort: Effort): boolean {
  effort.ofRule = RULE_EFFORT
  if (effort.turnedAt - effort.left < STEP) return false
  effort.turnedAt = effort.left
  return true
}

/** Whether the value matches, while there is effort left; false from then on. */
export function isMatched(matcher: Matcher | ListMatcher, value: string, effort: Effort): boolean {
  if (matcher.size > 0) {
    const states = Math.min(value.length, STATES_KEPT)
    const cost = TRY + matcher.size * value.length + STATE * states
    effort.left -= cost
    effort.ofRule -= cost
  }
  return !isSpent(effort) && matcher.matches(value)
}

/** Then no match no longer means that it is another value. */
export function isSpent({ left, ofRule }: Effort): boolean {
  return left <= 0 || ofRule <= 0
}

/** Some 80 ms, for whoever writes the dearest policy and sends the dearest claims; of what is in use a twentieth is enough. */
const EFFORT = 4_000_000
/** The largest pattern on the longest subject, and some 10 ms at the worst. */
const RULE_EFFORT = 550_000
/** Some 2 ms at the worst, to which the rule that goes beyond it may add its own. */
const STEP = 100_000
/** What a match costs beside that. */
const TRY = 50
/** What it costs to make a state of the automaton, at worst for each character, and about how many of them are kept. */
const STATE = 100
const STATES_KEPT = 300

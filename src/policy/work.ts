import type { OrganizationPolicyDocument } from '../gen/documents.ts'
import type { Steps } from '../terms/steps.ts'
import { compilePattern } from './pattern.ts'
import type { Finding, Matcher } from './trust-policy.ts'

/** The compilation of one policy while it goes on. */
export interface Work extends Compiling {
  /** Of the shape that the schema asks for; its other rules may be broken. */
  readonly fields: Partial<OrganizationPolicyDocument>
  readonly warnings: Finding[]
}

/** The compilation of one file with patterns. */
export interface Compiling {
  readonly findings: Finding[]
  /** What the rules compiled so far cost: instructions of patterns, and what holding a rule costs beside them. */
  spent: number
  /** Of that, what was spent when others last had a turn. */
  turnedAt: number
}

/** Without anything spent. */
export function beginCompiling(): Compiling {
  return { findings: [], spent: 0, turnedAt: 0 }
}

export function refuse(work: Compiling, pointer: string, message: string): void {
  if (work.findings.length < FINDING_LIMIT) work.findings.push({ pointer, message })
}

export function isFull(work: Compiling): boolean {
  return work.findings.length >= FINDING_LIMIT
}

/** The pattern as a matcher, or undefined when it was refused; `field` names it in the refusal. A step is a few patterns. */
export function* patternMatcher(
  work: Compiling,
  pattern: string,
  { pointer, field }: PatternPlace,
): Steps<Matcher | undefined> {
  if (!spend(work, 0, pointer, `${field} is one pattern too many: all patterns of the file`)) return undefined
  if (work.spent - work.turnedAt >= STEP) {
    work.turnedAt = work.spent
    yield
  }
  const compiled = compilePattern(pattern)
  work.spent += compiled.size + (compiled.size > 1 ? PATTERN_OVERHEAD : RULE_OVERHEAD)
  if (compiled.ok) return compiled.matcher
  refuse(work, pointer, `${field} ${compiled.fault}`)
  return undefined
}

export interface PatternPlace {
  readonly pointer: string
  readonly field: string
}

/** Accounts for a rule without a pattern; false, and refused, when the policy's rules are too many. */
export function spendOnValues(work: Compiling, values: number, { pointer, field }: PatternPlace) {
  return spend(work, RULE_OVERHEAD + values, pointer, `${field} is one rule too many: all rules of the file`)
}

function spend(work: Compiling, size: number, pointer: string, what: string): boolean {
  if (work.spent > BUDGET) {
    refuse(work, pointer, `${what} together are too large`)
    return false
  }
  work.spent += size
  return true
}

/** Instructions of all patterns of a file; a large real policy has a fifth. Keeps the worst compilation at some 15 ms. */
const BUDGET = 5000
/** Others have their turn after so many: some 2 ms, and the one pattern that goes beyond it takes 5 ms at the most. */
const STEP = 500
/** What a pattern that is no plain text costs beside its instructions: its automaton is set up. */
const PATTERN_OVERHEAD = 30
/** What the smallest rule costs beside its instructions, in instructions. */
const RULE_OVERHEAD = 10
const FINDING_LIMIT = 100

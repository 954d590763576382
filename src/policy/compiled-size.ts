import type { Compilation, ListMatcher, Matcher, TrustPolicy } from './trust-policy.ts'

/** About the bytes of memory that what came of a policy's text takes, for whoever keeps many: patterns are nearly all of it. */
export function compiledBytes(compilation: Compilation): number {
  if (!compilation.ok) return COMPILATION_BYTES + compilation.findings.length * FINDING_BYTES
  const { policy } = compilation
  let bytes =
    COMPILATION_BYTES + policy.warnings.length * FINDING_BYTES + (policy.repositories?.length ?? 0) * NAME_BYTES
  for (const matcher of matchersOf(policy)) bytes += matcherBytes(matcher)
  return bytes
}

function matchersOf({ alternatives, repositoryPatterns, app }: TrustPolicy): readonly (Matcher | ListMatcher)[] {
  const ofRules = alternatives.flatMap(({ issuer, subject, audience, claims }) => [
    issuer,
    subject,
    audience,
    ...claims.map(({ value }) => value),
  ])
  return [...ofRules, ...(repositoryPatterns ?? []), app].filter((matcher) => matcher !== undefined)
}

function matcherBytes({ source, size }: Matcher | ListMatcher): number {
  const text = RULE_BYTES + source.length * TEXT_FACTOR
  return size === 0 ? text : text + AUTOMATON_BYTES + size * INSTRUCTION_BYTES
}

// Measured on the heap, and rounded up.
const COMPILATION_BYTES = 2_000
const FINDING_BYTES = 400
const NAME_BYTES = 100
const RULE_BYTES = 300
/** A text is kept as it is written, and as what it means. */
const TEXT_FACTOR = 2
/** Of a pattern that was used: more for one that is matched with many kinds of texts, up to four times as much. */
const AUTOMATON_BYTES = 16_000
const INSTRUCTION_BYTES = 200

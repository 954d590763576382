import { AUTOMATON_LIMIT_BYTES } from './pattern.ts'
import type { Compilation, Matcher, TrustPolicy } from './trust-policy.ts'
import type { TrustedIssuers } from './trusted-issuers.ts'

/** About how many bytes a compiled policy holds, for whoever keeps many: its text, of which it holds parts, and its patterns. */
export function policyBytes(compilation: Compilation, text: string): number {
  return (
    textBytes(text) + (compilation.ok ? heldBy(matchersOf(compilation.policy)) : findingBytes(compilation.findings))
  )
}

/** The same of a list of trusted issuers, without its text. */
export function trustedIssuersBytes({ issuers }: TrustedIssuers): number {
  return heldBy(issuers)
}

function matchersOf({ alternatives, repositoryPatterns, app }: TrustPolicy): readonly (Matcher | undefined)[] {
  const ofAlternatives = alternatives.flatMap(({ issuer, subject, audience, claims }) => [
    issuer,
    subject,
    audience,
    ...claims.map(({ value }) => (value.kind === 'list' ? undefined : value)),
  ])
  return [...ofAlternatives, ...(repositoryPatterns ?? []), app]
}

function heldBy(matchers: readonly (Matcher | undefined)[]): number {
  return matchers.reduce((sum, matcher) => sum + RULE_BYTES + engineBytes(matcher?.size ?? 0), OBJECT_BYTES)
}

function engineBytes(instructions: number): number {
  return instructions === 0 ? 0 : ENGINE_BYTES + INSTRUCTION_BYTES * instructions
}

function findingBytes(findings: readonly { readonly message: string; readonly pointer: string }[]): number {
  return findings.reduce((sum, { message, pointer }) => sum + RULE_BYTES + textBytes(message + pointer), OBJECT_BYTES)
}

/** JavaScript keeps a text with one character outside Latin-1 in two bytes for each. */
function textBytes(text: string): number {
  return 2 * text.length
}

/** Measured: a policy of texts alone holds less. */
const OBJECT_BYTES = 512
const RULE_BYTES = 256
/**
 * 5 to 15 KB for usual patterns of 20 to 60 instructions, once they were used. Hostile ones hold up to four times what is
 * counted, when their automaton is full.
 */
const ENGINE_BYTES = 8_192 + AUTOMATON_LIMIT_BYTES / 8
const INSTRUCTION_BYTES = 200

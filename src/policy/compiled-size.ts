import type { Compilation, Matcher, TrustPolicy } from './trust-policy.ts'
import type { TrustedIssuersCompilation } from './trusted-issuers.ts'

/** About how many bytes a compiled policy holds, for whoever keeps many: its text, of which it holds parts, and its patterns. */
export function policyBytes(compilation: Compilation, text: string): number {
  return (
    textBytes(text) + (compilation.ok ? heldBy(matchersOf(compilation.policy)) : findingBytes(compilation.findings))
  )
}

/** The same of a list of trusted issuers. */
export function trustedIssuersBytes(compilation: TrustedIssuersCompilation, text: string): number {
  return textBytes(text) + (compilation.ok ? heldBy(compilation.list.issuers) : findingBytes(compilation.findings))
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
  return matchers.reduce((sum, matcher) => sum + RULE_BYTES + (matcher?.heldBytes ?? 0), OBJECT_BYTES)
}

function findingBytes(findings: readonly { readonly message: string; readonly pointer: string }[]): number {
  return findings.reduce((sum, { message, pointer }) => sum + RULE_BYTES + textBytes(message + pointer), OBJECT_BYTES)
}

/** JavaScript keeps a text with one character outside Latin-1 in two bytes for each. */
function textBytes(text: string): number {
  return 2 * text.length
}

/** Measured: a policy of texts alone holds a kilobyte. */
const OBJECT_BYTES = 1024
const RULE_BYTES = 256

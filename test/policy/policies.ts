import { compilePolicy } from '../../src/policy/compile.ts'
import type { PolicyKind, TrustPolicy } from '../../src/policy/trust-policy.ts'

/** The policy of a text that is known to be valid. */
export function policyOf(text: string, kind: PolicyKind = 'repository'): TrustPolicy {
  const compilation = compilePolicy(text, kind)
  if (compilation.ok) return compilation.policy
  throw new Error(JSON.stringify(compilation.findings))
}

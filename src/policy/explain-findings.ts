import { quote } from '../terms/text.ts'
import type { Detail, Explanation } from './explain.ts'
import type { Compilation } from './trust-policy.ts'

/**
 * Why a policy file can't be used. `brief` says only whether it does not parse or does not compile; `full` adds the first
 * finding with its line (contract §3). `about` is what the policy was looked up for, as the caller wrote it.
 */
export function explainFindings(
  { stage, findings }: Extract<Compilation, { ok: false }>,
  about: string,
  detail: Detail,
): Explanation {
  const reason = stage === 'parse' ? 'POLICY_UNPARSABLE' : 'POLICY_INVALID'
  const message = `unable to ${stage} trust policy found for ${quote(about)}`
  if (detail === 'brief') return { reason, message, metadata: {} }

  const [first, ...others] = findings
  const line = first.line === undefined ? '' : `line ${first.line}: `
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  return {
    reason,
    message: `${message}: ${line}${first.message}${more}`,
    metadata: { pointer: first.pointer, ...(first.line === undefined ? {} : { line: String(first.line) }) },
  }
}

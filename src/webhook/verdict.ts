import type { Finding } from '../policy/trust-policy.ts'
import type { FileAction } from '../terms/changed-files.ts'

/** What is to be said of one changed file. */
export interface Verdict {
  readonly path: string
  readonly action: FileAction
  /** What it is to an exchange; `misplaced` is never read by one. */
  readonly kind: 'policy' | 'trusted-issuers' | 'misplaced'
  readonly errors: readonly Finding[]
  readonly warnings: readonly Finding[]
}

export function isValid({ errors }: Verdict): boolean {
  return errors.length === 0
}

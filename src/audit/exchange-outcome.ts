import type { Denial, Reason } from '../terms/denial.ts'

/**
 * What came of an exchange, for those who run the service. `refused`: the caller's, the policy's or the operator's rules
 * say no, and the service is well. `unavailable`: another try may help. `failed`: the service or its set-up is broken, and
 * no try helps. `cancelled`: the caller left.
 */
export type Outcome = 'issued' | 'refused' | 'unavailable' | 'failed' | 'cancelled'

export function outcomeOf(denial: Pick<Denial, 'reason'> | undefined): Outcome {
  return denial === undefined ? 'issued' : (NOT_REFUSED[denial.reason] ?? 'refused')
}

/** Every other reason is a refusal; a test holds this to the codes that callers get. */
export const NOT_REFUSED: Partial<Record<Reason, Exclude<Outcome, 'issued' | 'refused'>>> = {
  ISSUER_UNAVAILABLE: 'unavailable',
  ISSUER_BUSY: 'unavailable',
  GITHUB_RATE_LIMITED: 'unavailable',
  GITHUB_UNAVAILABLE: 'unavailable',
  GITHUB_TIMEOUT: 'unavailable',
  LOOKUP_BUDGET_EXHAUSTED: 'unavailable',
  SIGNER_UNAVAILABLE: 'unavailable',
  STORE_UNAVAILABLE: 'unavailable',
  STORE_FULL: 'unavailable',
  REVOCATION_BUSY: 'unavailable',
  DEADLINE_EXCEEDED: 'unavailable',
  SHUTTING_DOWN: 'unavailable',
  SIGNER_REFUSED: 'failed',
  APP_CREDENTIALS_REFUSED: 'failed',
  MINT_REFUSED: 'failed',
  MINT_WIDER_THAN_ASKED: 'failed',
  INTERNAL: 'failed',
  CANCELLED: 'cancelled',
}

import { createVerifier, type Verifier, type VerifierOptions } from '../../src/oidc/verifier.ts'
import { createLog } from '../../src/runtime/log.ts'
import { createSandboxIssuer, type SandboxIssuer, type SandboxIssuerOptions } from '../../src/sandbox/issuer.ts'
import { generateSandboxKeys } from '../../src/sandbox/issuer-keys.ts'
import type { Claims } from '../../src/terms/claims.ts'
import { Denial, type Reason } from '../../src/terms/denial.ts'
import { parseSubjectToken } from '../../src/terms/subject-token.ts'
import { type ManualClock, manualClock } from '../support/manual-clock.ts'

/** A sandbox issuer, a verifier that may reach it, and a clock that both go by. */
export interface VerifierWorld {
  readonly clock: ManualClock
  readonly issuer: SandboxIssuer
  readonly verifier: Verifier
  verify(compact: string, signal?: AbortSignal): Promise<Claims>
  /** Reason and message of the refusal, or the claims when there was none. */
  outcome(compact: string): Promise<{ reason: Reason; message: string; retryAfterMs: number | undefined } | Claims>
  reason(compact: string): Promise<Reason | 'accepted'>
  discoveries(): number
  keySets(): number
  close(): Promise<void>
}

export async function createVerifierWorld(
  options: Partial<VerifierOptions> & { readonly sandbox?: SandboxIssuerOptions } = {},
): Promise<VerifierWorld> {
  const clock = manualClock()
  const verifier = createVerifier({ issuers: [], allowLoopback: true, clock, log: createLog('silent'), ...options })
  const issuer = await createSandboxIssuer({ clock, keys, ...options.sandbox })
  const verify = async (compact: string, signal = new AbortController().signal) =>
    verifier.verify(parseSubjectToken(compact), signal)
  const outcome = (compact: string) => verify(compact).catch((error: unknown) => asOutcome(error))
  return {
    clock,
    issuer,
    verifier,
    verify,
    outcome,
    reason: async (compact) => {
      const result = await outcome(compact)
      return 'reason' in result ? result.reason : 'accepted'
    },
    discoveries: () => issuer.requests('/.well-known/openid-configuration'),
    keySets: () => issuer.requests('/jwks'),
    close: async () => {
      await verifier.close()
      await issuer.close()
    },
  }
}

function asOutcome(error: unknown): { reason: Reason; message: string; retryAfterMs: number | undefined } {
  if (!(error instanceof Denial)) throw error
  return { reason: error.reason, message: error.message, retryAfterMs: error.retryAfterMs }
}

/** Made once for each file of tests: a world for every test would spend its time on RSA keys. */
const keys = await generateSandboxKeys()

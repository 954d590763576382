import type { Signer } from '../terms/app-key.ts'
import { asDenial } from '../terms/denial.ts'
import { CLIENT, type Tracer } from '../terms/tracer.ts'
import type { SignatureReport } from './metrics.ts'

export interface SignerObservers {
  /** Where the key is: `pem`, or a key management service. */
  readonly provider: string
  readonly tracer: Tracer
  readonly report: (report: SignatureReport) => void
  /** Milliseconds, never stepping back. */
  readonly monotonic: () => number
}

/** The same signer, each of whose signatures is counted, timed and a span. */
export function observedSigner(sign: Signer, { provider, tracer, report, monotonic }: SignerObservers): Signer {
  return async (input) => {
    const begin = monotonic()
    const done = (outcome: SignatureReport['outcome']) => report({ provider, outcome, durationMs: monotonic() - begin })
    try {
      const signature = await tracer.span('signature', () => sign(input), CLIENT)
      done('ok')
      return signature
    } catch (error) {
      done(outcomeOf(error))
      throw error
    }
  }
}

function outcomeOf(error: unknown): SignatureReport['outcome'] {
  const { reason } = asDenial(error)
  if (reason === 'SIGNER_REFUSED') return 'refused'
  return reason === 'SIGNER_UNAVAILABLE' ? 'unavailable' : 'failed'
}

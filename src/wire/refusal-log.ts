import type { Logger } from '../runtime/log.ts'
import type { Denial } from '../terms/denial.ts'

/** What identifies a request in the log; `path` is a stranger's text, which pino encodes. */
export interface RefusedRequest {
  readonly requestId: string
  readonly protocol: 'grpc' | 'http'
  readonly path?: string
}

/** Defects and faults behind a refusal are for the operator; the account of an exchange itself is the audit's. */
export function logRefusal(log: Logger, denial: Denial, request: RefusedRequest): void {
  if (denial.reason === 'INTERNAL') log.error({ ...request, err: denial.cause ?? denial }, 'a request failed')
  else log.debug({ ...request, reason: denial.reason }, 'a request was refused')
}

import type { TrustPolicy } from '../policy/trust-policy.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { type AdmissionRules, admit } from './admit.ts'
import { type DecisionRules, decide } from './decide.ts'
import { beginFamily, type FamilyRules } from './family.ts'
import { obtain } from './obtain.ts'
import type { ExchangePorts } from './ports.ts'
import type { OpenRecord } from './record.ts'
import { remembered } from './remembered.ts'
import type { Exchange, ExchangeRequest, Issued } from './request.ts'
import { once, refuseUnkeptSingleUse } from './single-use.ts'

/** What the operator chose. */
export interface ExchangeRules extends AdmissionRules, DecisionRules, FamilyRules {}

/**
 * The use case: trades a subject token for an installation token that a trust policy grants. Each step is begun only
 * when all before it have agreed; whatever comes of it is remembered once.
 */
export function createExchange(ports: ExchangePorts, rules: ExchangeRules): Exchange {
  return (request, caller) => {
    const { identity } = request
    const about = { kind: 'exchange', scope: request.scopes[0] ?? request.scope, identity, caller } as const
    return remembered(about, ports, (record) => run(request, { ports, rules, record, signal: caller.signal }))
  }
}

interface RunNeeds {
  readonly ports: ExchangePorts
  readonly rules: ExchangeRules
  readonly record: OpenRecord
  readonly signal: Cancellation
}

async function run(request: ExchangeRequest, needs: RunNeeds): Promise<Issued> {
  const { ports, rules, record, signal } = needs
  const { subjectToken, scope, identity, cap } = admit(request, rules, ports.clock.now())

  await ADMITTED // those who came with it are admitted first: signatures are checked in a row
  const verified = record.time('verify', () => ports.verify(subjectToken, signal))
  const claims = verified instanceof Promise ? await verified : verified
  record.claims = claims

  const accept = (policy: TrustPolicy) => refuseUnkeptSingleUse(policy, ports.reservations)
  const asking = { claims, scope, identity, cap, accept }
  const decision = await decide(asking, needs)
  const { policy, grant } = decision
  return once({ policy, subjectToken, asking }, ports, async () => {
    // Both at once: neither GitHub nor the store waits for the other, and no refresh token can fail the exchange.
    const family = beginFamily({ policy, asking }, needs)
    const token = await obtain(decision, needs)
    const refreshToken = family === undefined ? undefined : await family
    return {
      token: token.token,
      expiresAt: token.expiresAt,
      permissions: grant.permissions,
      refreshToken,
      abandon: () => ports.revoke(token),
    }
  })
}

const ADMITTED = Promise.resolve()

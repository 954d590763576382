import type { TrustPolicy } from '../policy/trust-policy.ts'
import { asDenial } from '../terms/denial.ts'
import { type AdmissionRules, admit } from './admit.ts'
import { type DecisionRules, decide } from './decide.ts'
import { beginFamily, type FamilyRules } from './family.ts'
import { obtain } from './obtain.ts'
import type { ExchangePorts } from './ports.ts'
import { type OpenRecord, openRecord } from './record.ts'
import type { Caller, Exchange, ExchangeRequest, Issued } from './request.ts'
import { once, refuseUnkeptSingleUse } from './single-use.ts'

/** What the operator chose. */
export interface ExchangeRules extends AdmissionRules, DecisionRules, FamilyRules {}

/**
 * The use case: trades a subject token for an installation token that a trust policy grants. Each step is begun only
 * when all before it have agreed; whatever comes of it is remembered once.
 */
export function createExchange(ports: ExchangePorts, rules: ExchangeRules): Exchange {
  return async (request, caller) => {
    const record = openRecord(
      {
        kind: 'exchange',
        requestId: caller.requestId,
        protocol: caller.protocol,
        userAgent: caller.userAgent,
        scope: request.scopes[0] ?? request.scope,
        identity: request.identity,
      },
      ports.clock,
    )
    try {
      const issued = await run(request, caller, { ports, rules, record, signal: caller.signal })
      ports.remember(record.close(undefined))
      return issued
    } catch (error) {
      const denial = asDenial(error)
      ports.remember(record.close(denial))
      throw denial
    }
  }
}

interface RunNeeds {
  readonly ports: ExchangePorts
  readonly rules: ExchangeRules
  readonly record: OpenRecord
  readonly signal: AbortSignal
}

async function run(request: ExchangeRequest, caller: Caller, needs: RunNeeds): Promise<Issued> {
  const { ports, rules, record } = needs
  const { subjectToken, scope, identity, cap } = admit(request, rules, ports.clock.now())

  const claims = await record.time('verify', () => ports.verify(subjectToken, caller.signal))
  record.claims = claims

  const accept = (policy: TrustPolicy) => refuseUnkeptSingleUse(policy, ports.reservations)
  const asking = { claims, scope, identity, cap, accept }
  const decision = await decide(asking, needs)
  const { policy, grant } = decision
  const token = await once({ policy, subjectToken, asking }, ports, async () => {
    // Both at once: neither GitHub nor the store waits for the other, and no refresh token can fail the exchange.
    const family = beginFamily({ policy, asking }, { ...ports, ...needs })
    return { ...(await obtain(decision, needs)), refreshToken: await family }
  })
  return {
    token: token.token,
    expiresAt: token.expiresAt,
    permissions: grant.permissions,
    ...(token.refreshToken === undefined ? {} : { refreshToken: token.refreshToken }),
    abandon: () => ports.revoke(token),
  }
}

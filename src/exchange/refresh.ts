import { type Cap, parseCap } from '../policy/cap.ts'
import type { TrustPolicy } from '../policy/trust-policy.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial, type Reason } from '../terms/denial.ts'
import { nameKey, parseScope } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { type AdmissionRules, refuseUnlessServed } from './admit.ts'
import { type DecisionRules, decide } from './decide.ts'
import type { FamilyRules } from './family.ts'
import { obtain } from './obtain.ts'
import type { ExchangePorts } from './ports.ts'
import type { OpenRecord } from './record.ts'
import type { RefreshTokenContents } from './refresh-token.ts'
import { remembered } from './remembered.ts'
import { bearerOf, type Refresh, type Refreshed, type RefreshRequest, scopeOf } from './request.ts'
import { marksOf } from './revocation-marks.ts'
import type { Standing } from './stores.ts'

export interface RefreshRules extends AdmissionRules, DecisionRules, FamilyRules {}

/**
 * The other use case: trades a refresh token for a fresh installation token and the next refresh token (RFC 9700 §4.14.2:
 * rotation with reuse detection). The policy is loaded and evaluated again, against the claims of the original token.
 * A refresh that fails consumes nothing: the generation moves on only after the mint.
 */
export function createRefresh(ports: ExchangePorts, rules: RefreshRules): Refresh {
  return (request, caller) => {
    const about = { kind: 'refresh', scope: request.scopes[0] ?? request.scope, identity: '', caller } as const
    return remembered(about, ports, (record) => run(request, { ports, rules, record, signal: caller.signal }))
  }
}

interface RunNeeds {
  readonly ports: ExchangePorts
  readonly rules: RefreshRules
  readonly record: OpenRecord
  readonly signal: Cancellation
}

async function run(request: RefreshRequest, needs: RunNeeds): Promise<Refreshed> {
  const { ports, rules, record, signal } = needs
  const wantedScope = scopeOf(request)
  const contents = await openToken(bearerOf(request.authorization, 'refresh token'), ports)
  const wantedCap = parseCap(request.cap)
  const scope = parseScope(contents.scope)
  const { claims, identity, family, generation } = contents
  record.claims = claims
  record.scope = contents.scope
  record.identity = identity
  record.refresh = { family, generation }

  refuseOtherScope(wantedScope, contents)
  refuseUnlessServed({ owner: scope.owner, issuer: claims.iss }, rules)
  await refuseUnlessStanding(contents, ports)

  const familyCap = contents.cap === undefined ? undefined : new Map(contents.cap)
  const accept = (policy: TrustPolicy) => void endOf(contents, policy, { now: ports.clock.now(), rules })
  const decision = await decide({ claims, scope, identity, cap: wantedCap, familyCap, accept }, needs)
  const { policy, grant } = decision
  const endsAtMs = endOf(contents, policy, { now: ports.clock.now(), rules })

  // Sealed first: what cannot be handed out must neither mint a token nor use this one up.
  const sealed = await sealNext(contents, wantedCap, ports)

  const token = await obtain(decision, needs)
  try {
    await advance(contents, ports)
    signal.throwIfAborted()
    return {
      token: token.token,
      expiresAt: token.expiresAt,
      permissions: grant.permissions,
      refreshToken: { token: sealed, expiresAt: new Date(endsAtMs) },
      abandon: () => ports.revoke(token),
    }
  } catch (error) {
    ports.revoke(token)
    throw error
  }
}

async function openToken(token: string, { seal, clock }: ExchangePorts): Promise<RefreshTokenContents> {
  const contents = await seal.open(token)
  if (contents === undefined) {
    throw new Denial('REFRESH_TOKEN_INVALID', 'this is not a refresh token of this service, or its key was withdrawn')
  }
  if (contents.endsAtMs > clock.now()) return contents
  throw new Denial(
    'REFRESH_TOKEN_EXPIRED',
    `the refresh token expired at ${new Date(contents.endsAtMs).toISOString()}: exchange a fresh OIDC token`,
  )
}

/** A refresh token is for the scope it was issued for; a request may name it, and no other. */
function refuseOtherScope(wanted: string, { scope }: RefreshTokenContents): void {
  if (wanted === '' || nameKey(wanted) === nameKey(scope)) return
  throw new Denial(
    'REFRESH_SCOPE_MISMATCH',
    `the refresh token is for scope ${quote(scope)}, not for ${quote(wanted)}: leave the scope out, or exchange an OIDC token`,
    { field: 'scopes' },
  )
}

/** The refresh token that follows. What was narrowed stays so; only a cap can make it outgrow the header it travels in. */
async function sealNext(contents: RefreshTokenContents, wanted: Cap, { seal }: ExchangePorts): Promise<string> {
  const cap = wanted === undefined ? contents.cap : [...wanted]
  const sealed = await seal.seal({ ...contents, generation: contents.generation + 1, cap })
  if (sealed !== undefined) return sealed
  throw new Denial('CAP_MALFORMED', 'cap is too long for the next refresh token to carry it: name fewer permissions', {
    field: 'cap',
  })
}

/** Looks before anything is spent. Reuse revokes the whole family: one of two holders is a thief, and nobody knows which. */
async function refuseUnlessStanding(contents: RefreshTokenContents, { families, marks }: ExchangePorts): Promise<void> {
  const { family, generation, startedAtMs } = contents
  const [standing, marked] = await Promise.all([
    families.standing(family, generation),
    marks.markedSince(marksOf(contents), startedAtMs),
  ])
  if (standing === 'reused' || standing === 'ahead') await revoke(contents, families)
  refuseStanding(marked ? 'revoked' : standing)
}

async function advance(contents: RefreshTokenContents, { families }: ExchangePorts): Promise<void> {
  const standing = await families.advance(contents.family, contents.generation)
  if (standing === 'ahead') await revoke(contents, families)
  refuseStanding(standing)
}

/**
 * Of a token that is ahead, too: the store was rolled back, so that it takes for current what was used already. Whoever
 * used that has no more of it once a later token shows up.
 */
async function revoke(
  { family, startedAtMs, endsAtMs }: RefreshTokenContents,
  families: ExchangePorts['families'],
): Promise<void> {
  await families.revoke(family, endsAtMs - startedAtMs)
}

function refuseStanding(standing: Standing): void {
  if (standing === 'current' || standing === 'repeat') return
  const [reason, message] = REFUSALS[standing]
  throw new Denial(reason, `${message}: exchange a fresh OIDC token`)
}

/** When the family ends by the policy as it is now. Refuses `REFRESH_NOT_ALLOWED` when that is over, or never was. */
function endOf(
  { startedAtMs, endsAtMs }: RefreshTokenContents,
  { refresh }: TrustPolicy,
  { now, rules }: { readonly now: number; readonly rules: FamilyRules },
): number {
  if (refresh === undefined) {
    throw new Denial(
      'REFRESH_NOT_ALLOWED',
      'the trust policy does not allow refreshing any more: exchange a fresh OIDC token',
    )
  }
  const end = Math.min(endsAtMs, startedAtMs + refresh.maxAgeMs, startedAtMs + rules.maxRefreshAgeMs)
  if (end > now) return end
  throw new Denial(
    'REFRESH_NOT_ALLOWED',
    'the trust policy now allows refreshing for a shorter time: exchange a fresh OIDC token',
  )
}

const REFUSALS = {
  exhausted: ['REFRESH_TOKEN_EXHAUSTED', 'the refresh token was repeated too often'],
  reused: ['REFRESH_TOKEN_REUSED', 'the refresh token was used before, so all that came of it is revoked'],
  revoked: ['REFRESH_TOKEN_REVOKED', 'the refresh token was revoked'],
  unknown: ['REFRESH_TOKEN_UNKNOWN', 'the refresh token is not known here'],
  ahead: ['REFRESH_TOKEN_UNKNOWN', 'the refresh token is not known here'],
} as const satisfies Record<Exclude<Standing, 'current' | 'repeat'>, readonly [Reason, string]>

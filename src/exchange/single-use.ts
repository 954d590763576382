import { createHash } from 'node:crypto'
import type { TrustPolicy } from '../policy/trust-policy.ts'
import { Denial, type Reason } from '../terms/denial.ts'
import { formatScope, nameKey } from '../terms/scope.ts'
import type { SubjectToken } from '../terms/subject-token.ts'
import type { Asking } from './decide.ts'
import type { Clock } from './ports.ts'
import type { Reservations } from './stores.ts'

export interface SingleUse {
  readonly policy: TrustPolicy
  readonly subjectToken: SubjectToken
  readonly asking: Asking
}

export interface SingleUseNeeds {
  /** Undefined where no store can see every exchange: then no token can be promised to be used once. */
  readonly reservations: Reservations | undefined
  readonly clock: Clock
}

/**
 * Does `work` at most once for a token, scope and identity, where the policy says `single_use: true`. The use is reserved
 * before the mint, and given back only when GitHub certainly issued nothing: after a lost answer there is no second try.
 * Refuses `SINGLE_USE_REPEATED`, `SINGLE_USE_UNAVAILABLE`, `STORE_*`.
 */
export function once<T>(use: SingleUse, needs: SingleUseNeeds, work: () => Promise<T>): Promise<T> {
  return use.policy.singleUse ? reserved(use, needs, work) : work()
}

async function reserved<T>(
  { subjectToken, asking }: SingleUse,
  { reservations, clock }: SingleUseNeeds,
  work: () => Promise<T>,
): Promise<T> {
  if (reservations === undefined) throw unavailable()
  const key = useOf(subjectToken, asking)
  const lifeMs = asking.claims.exp * 1000 - clock.now() + CLOCK_DIFFERENCE_MS
  if (!(await reservations.reserve(key, lifeMs))) {
    throw new Denial(
      'SINGLE_USE_REPEATED',
      'this token was used before, and the trust policy allows each token one exchange: get a fresh token',
    )
  }
  try {
    return await work()
  } catch (error) {
    // A store that fails here must not hide why nothing was issued: the use is lost, which is the safe side.
    if (error instanceof Denial && NOTHING_ISSUED.has(error.reason)) await reservations.release(key).catch(() => {})
    throw error
  }
}

/** Refuses `SINGLE_USE_UNAVAILABLE`: a policy that counts on what cannot be promised grants nothing. */
export function refuseUnkeptSingleUse({ singleUse }: TrustPolicy, reservations: Reservations | undefined): void {
  if (singleUse && reservations === undefined) throw unavailable()
}

function unavailable(): Denial {
  return new Denial(
    'SINGLE_USE_UNAVAILABLE',
    'the trust policy allows each token one exchange, which this service cannot see to: its operator must set STORE_URL, or SINGLE_PROCESS=true for a single process',
  )
}

/**
 * Issuer, token, scope and identity. Without a `jti` the token is its signing input: an ECDSA signature can be changed
 * into another valid one, so that the whole token would not tell it.
 */
function useOf({ compact }: SubjectToken, { claims, scope, identity }: Asking): string {
  const token = claims.jti ?? compact.slice(0, compact.lastIndexOf('.'))
  const kind = claims.jti === undefined ? 'input' : 'jti'
  const parts = [claims.iss, kind, token, nameKey(formatScope(scope)), identity]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

/** GitHub answered, and the answer was no token. */
const NOTHING_ISSUED: ReadonlySet<Reason> = new Set<Reason>([
  'MINT_REPOSITORY_NOT_SELECTED',
  'MINT_PERMISSION_NOT_GRANTED',
  'MINT_PERMISSION_MALFORMED',
  'MINT_UNPROCESSABLE',
  'MINT_REFUSED',
  'APP_NOT_INSTALLED',
  'INSTALLATION_SUSPENDED',
  'APP_CREDENTIALS_REFUSED',
  'GITHUB_RATE_LIMITED',
])

/**
 * A replica whose clock is behind takes the token for valid when it has expired here: the use is remembered until it has
 * expired everywhere. 5 minutes is what other clocks may be ahead of ours (contract §5).
 */
const CLOCK_DIFFERENCE_MS = 300_000

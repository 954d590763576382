import type { Clock } from '../exchange/ports.ts'
import type { Signer } from '../terms/app-key.ts'

/**
 * The App's own credential: signed once per lifetime for all calls, and anew in the background a minute before its end, so
 * that no call which comes in that minute waits for a signature. While it cannot be renewed it serves as long as it is good.
 */
export interface AppJwt {
  /** The one in use, where it is good; undefined: `get` has it signed. */
  current(): string | undefined
  /**
   * `skewSeconds`: GitHub's clock minus ours, as GitHub's refusal of the last one showed it. Refuses as the signer does, and
   * for a second after that without asking it again.
   */
  get(skewSeconds?: number): Promise<{ readonly jwt: string; readonly expiresAt: string }>
  /** Which signature is in use now. */
  serial(): number
  /** Forgets a JWT that GitHub refused, unless it was replaced meanwhile, or another was forgotten a moment ago. */
  discard(serial: number): void
}

export interface AppJwtOptions {
  readonly appId: number
  readonly sign: Signer
  readonly clock: Pick<Clock, 'now'>
}

export function createAppJwt({ appId, sign, clock }: AppJwtOptions): AppJwt {
  let serial = 0
  let skewMs = 0
  let current: Signed | undefined
  let signing: Promise<Signed> | undefined
  let failure: { readonly error: unknown; readonly at: number } | undefined
  let discardedAt = Number.NEGATIVE_INFINITY

  const signNew = (): Promise<Signed> => {
    const issuedAt = Math.floor((clock.now() + skewMs) / 1000)
    const expiresAt = issuedAt + LIFE_SECONDS
    const expiresAtMs = expiresAt * 1000 - skewMs
    const work = signJwt({ iat: issuedAt - DRIFT_SECONDS, exp: expiresAt, iss: String(appId) }, sign)
    const signed = work.then((jwt) => ({ jwt, expiresAt: new Date(expiresAtMs).toISOString(), expiresAtMs }))
    signing = signed
    signed.then(
      (fresh) => {
        if (signing !== signed) return // it follows a clock that is not GitHub's
        signing = undefined
        failure = undefined
        current = fresh
        serial += 1
      },
      (error: unknown) => {
        if (signing !== signed) return
        signing = undefined
        failure = { error, at: clock.now() }
      },
    )
    return signed
  }

  /** A key service that fails is not asked by each exchange: whoever comes within the second gets the same refusal. */
  const hasJustFailed = (): boolean => failure !== undefined && isWithin(FAILURE_MS, failure.at)
  const isWithin = (ms: number, since: number): boolean => clock.now() >= since && clock.now() - since < ms

  const inUse = (): Signed | undefined => {
    const left = (current?.expiresAtMs ?? 0) - clock.now()
    if (current === undefined || left <= LAST_USE_MS || left > LIFE_SECONDS * 1000) return undefined
    // Its failure is for whoever finds no JWT that is good.
    if (left <= RENEW_BEFORE_END_MS && signing === undefined && !hasJustFailed()) signNew().catch(() => {})
    return current
  }

  return {
    current: () => inUse()?.jwt,
    async get(skewSeconds) {
      if (skewSeconds !== undefined) {
        const skew = Number.isFinite(skewSeconds) ? skewSeconds * 1000 : 0
        // All who were refused with one JWT learn of the same clock, give or take a second: one new signature is enough.
        if (Math.abs(skew - skewMs) > SAME_CLOCK_MS) {
          skewMs = skew
          current = undefined
          signing = undefined
        }
      }
      const good = inUse()
      if (good !== undefined) return good
      if (signing === undefined && failure !== undefined && hasJustFailed()) throw failure.error
      return signing ?? signNew()
    },
    serial: () => serial,
    discard(refused) {
      if (refused !== serial || isWithin(DISCARD_EVERY_MS, discardedAt)) return
      discardedAt = clock.now()
      current = undefined
    },
  }
}

interface Signed {
  readonly jwt: string
  readonly expiresAt: string
  /** By our clock, in milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** A compact JWS (RFC 7515 §7.1) with RS256. */
async function signJwt(claims: Readonly<Record<string, string | number>>, sign: Signer): Promise<string> {
  const input = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`
  return `${input}.${Buffer.from(await sign(input)).toString('base64url')}`
}

function encode(part: Readonly<Record<string, string | number>>): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

/** GitHub takes at most 10 minutes from `iat` on to `exp`, counted by its own clock: 9 and the minute below. */
const LIFE_SECONDS = 9 * 60
/** GitHub's advice against clock drift (contract §9). */
const DRIFT_SECONDS = 60
const RENEW_BEFORE_END_MS = 60_000
/** What a call may take until GitHub looks at it. */
const LAST_USE_MS = 5_000
const FAILURE_MS = 1_000
/** While GitHub refuses the App altogether, a key service signs no more than this for nothing. */
const DISCARD_EVERY_MS = 5_000
/** GitHub tells its clock in whole seconds, and an answer takes its time. */
const SAME_CLOCK_MS = 5_000

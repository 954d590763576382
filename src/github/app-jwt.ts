import type { Clock } from '../exchange/ports.ts'
import type { Signer } from '../terms/app-key.ts'

/** The App's own credential: signed once per lifetime and used by all calls until a minute before its end. */
export interface AppJwt {
  /** `skewSeconds`: GitHub's clock minus ours, as GitHub's refusal of the last one showed it. */
  get(skewSeconds?: number): Promise<{ readonly jwt: string; readonly expiresAt: string }>
  /** Which signature is in use now. */
  serial(): number
  /** Forgets a JWT that GitHub refused, unless it was replaced meanwhile. */
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
  let current: { readonly signed: Promise<string>; expiresAtMs: number } | undefined

  const signNew = () => {
    const issuedAt = Math.floor((clock.now() + skewMs) / 1000)
    const expiresAt = issuedAt + LIFE_SECONDS
    const signed = signJwt({ iat: issuedAt - DRIFT_SECONDS, exp: expiresAt, iss: String(appId) }, sign)
    serial += 1
    const mine = { signed, expiresAtMs: expiresAt * 1000 - skewMs }
    current = mine
    signed.catch(() => {
      // A key service that fails is not asked by each exchange: whoever comes within the second gets the same refusal.
      mine.expiresAtMs = clock.now() + RENEW_BEFORE_END_MS + FAILURE_MS
    })
    return mine
  }

  return {
    async get(skewSeconds) {
      if (skewSeconds !== undefined) {
        skewMs = Number.isFinite(skewSeconds) ? skewSeconds * 1000 : 0
        current = undefined
      }
      const left = (current?.expiresAtMs ?? 0) - clock.now()
      const usable =
        current !== undefined && left > RENEW_BEFORE_END_MS && left <= LIFE_SECONDS * 1000 ? current : signNew()
      return { jwt: await usable.signed, expiresAt: new Date(usable.expiresAtMs).toISOString() }
    },
    serial: () => serial,
    discard(refused) {
      if (refused === serial) current = undefined
    },
  }
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
const FAILURE_MS = 1_000

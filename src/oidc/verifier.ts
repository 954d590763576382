import type { Clock, Verify } from '../exchange/ports.ts'
import type { Logger } from '../runtime/log.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import type { Claims } from '../terms/claims.ts'
import { Denial } from '../terms/denial.ts'
import type { SubjectToken } from '../terms/subject-token.ts'
import { quote } from '../terms/text.ts'
import { type Tracer, UNTRACED } from '../terms/tracer.ts'
import { type Budget, createBudget, domainOf } from './budget.ts'
import { checkClaims } from './check-claims.ts'
import { algorithmNotAllowed, checkHeader } from './check-header.ts'
import type { Provider } from './discovery.ts'
import { type Candidate, readKeySet, unlessAllBroken } from './key-set.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import type { ListedIssuer } from './listed-issuer.ts'
import { createLoader, type IssuerFetch } from './loader.ts'
import type { Lookup } from './name-lookup.ts'
import { createProviders } from './providers.ts'
import { verifyQuickly } from './quick-verify.ts'
import { signatureInvalid, verifySignature } from './verify-signature.ts'

export interface VerifierOptions {
  readonly issuers: readonly ListedIssuer[]
  /** http, and loopback addresses, for issuers at a loopback host: development and tests only. */
  readonly allowLoopback: boolean
  /** How long ago a token may have been issued, in milliseconds; as long as its `exp` allows when absent. */
  readonly maxTokenAgeMs?: number | undefined
  readonly clock: Clock
  readonly log: Logger
  /** All addresses of a name; the machine's resolver by default. */
  readonly lookup?: Lookup
  readonly limits?: Partial<Limits>
  readonly tracer?: Tracer
  /** Told of each issuer that was asked for its keys. */
  readonly onFetch?: (fetch: IssuerFetch) => void
}

export interface Verifier {
  readonly verify: Verify
  /** Asks for keys ahead of their expiry; it does so by itself, every 10 s. Over when all issuers have answered or failed. */
  renew(): Promise<void>
  /** Ends what is being fetched; whoever waits for it is refused with `SHUTTING_DOWN`. */
  close(): Promise<void>
}

/**
 * Proves subject tokens: the issuer's keys are found by discovery or were listed, then algorithm, signature and claims are
 * checked (contract §5). Nothing is fetched for a header that is refused anyway, nor because a signature does not match.
 */
export function createVerifier({ issuers, allowLoopback, clock, log, ...options }: VerifierOptions): Verifier {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const fixed = fixedProviders(issuers, limits)
  const listed = new Map(issuers.map((each) => [each.issuer, each]))
  const loader = createLoader({
    listed,
    allowLoopback,
    clock,
    limits,
    lookup: options.lookup,
    tracer: options.tracer ?? UNTRACED,
    onFetch: options.onFetch ?? (() => {}),
  })
  const providers = createProviders({ load: loader.load, clock, log, limits })
  const trials = createBudget(limits.trials, clock)
  const renewing = setInterval(providers.renew, limits.renewEveryMs).unref()

  const keysFor = async (token: SubjectToken, kid: string | undefined, signal: Cancellation) => {
    const { iss } = token.payload
    const provider = fixed.get(iss)
    if (provider !== undefined) return unlessAllBroken(candidates(provider, token, kid))
    const since = clock.monotonic()
    const seen = await providers.current(iss, signal)
    const keys = await unlessAllBroken(candidates(seen.provider, token, kid))
    // What was answered after this call began is not out of date.
    if (keys.length > 0 || seen.answeredAt >= since) return keys
    const newer = await providers.newerThan(seen, iss, signal)
    return newer === undefined ? keys : unlessAllBroken(candidates(newer.provider, token, kid))
  }

  /** Whether the signature fits the one key that may have made it; undefined when that cannot be said at once. */
  const fitsAtOnce = (token: SubjectToken, kid: string | undefined): boolean | undefined => {
    const { iss } = token.payload
    const provider = fixed.get(iss) ?? providers.fresh(iss)?.provider
    const keys = provider === undefined ? [] : candidates(provider, token, kid)
    const key = keys.length === 1 ? keys[0]?.() : undefined
    return key === undefined ? undefined : verifyQuickly(token, key)
  }

  const verifyInTime = async (token: SubjectToken, kid: string | undefined, signal: Cancellation): Promise<Claims> => {
    const keys = await keysFor(token, kid, signal)
    if (keys.length === 0) throw keyUnknown(token, kid)
    spendTrials(trials, token, keys.length)
    await verifySignature(token, keys, signal)
    return claimsOf(token)
  }

  const claimsOf = ({ payload, exactPayload }: SubjectToken): Claims => {
    const claims = checkClaims(payload, { nowMs: clock.now(), maxAgeMs: options.maxTokenAgeMs })
    return exactPayload === undefined ? claims : { ...claims, exactPayload }
  }

  return {
    verify(token, signal) {
      signal.throwIfAborted()
      const kid = checkHeader(token.header)
      const fits = fitsAtOnce(token, kid)
      if (fits === undefined) return verifyInTime(token, kid, signal)
      if (!fits) throw signatureInvalid()
      return claimsOf(token)
    },
    renew: providers.renew,
    async close() {
      clearInterval(renewing)
      await loader.close()
    },
  }
}

/** Issuers with a static key set: whatever algorithm suits its keys. */
function fixedProviders(issuers: readonly ListedIssuer[], { keysPerSet }: Limits): ReadonlyMap<string, Provider> {
  const found = new Map<string, Provider>()
  for (const { issuer, keys } of issuers) {
    if (keys === undefined) continue
    const set = readKeySet(keys, keysPerSet)
    if (set === undefined) throw new TypeError(`the keys of issuer ${quote(issuer)} are no JSON Web Key Set`)
    found.set(issuer, { algorithms: undefined, keys: set })
  }
  return found
}

/** The keys to try. Refuses an algorithm that the issuer does not list. */
function candidates(
  { algorithms, keys }: Provider,
  { header: { alg } }: SubjectToken,
  kid: string | undefined,
): readonly Candidate[] {
  if (algorithms?.has(alg) === false)
    throw algorithmNotAllowed(alg, 'the discovery document of its issuer does not list it')
  return keys.candidates({ alg, kid })
}

function keyUnknown({ header, payload }: SubjectToken, kid: string | undefined): Denial {
  const key = kid === undefined ? 'no key' : `no key ${quote(kid)}`
  return new Denial(
    'KEY_UNKNOWN',
    `unable to verify bearer token: issuer ${quote(payload.iss)} publishes ${key} that suits ${quote(header.alg)}`,
  )
}

/** A set of 500 keys without a `kid` in the token makes 500 verifications of one request: that has a price. */
function spendTrials(trials: Budget, { payload }: SubjectToken, keys: number): void {
  const beyond = keys - FREE_TRIALS
  const retryAfterMs = beyond > 0 ? trials.take(domainOf(payload.iss), beyond) : undefined
  if (retryAfterMs === undefined) return
  throw new Denial(
    'ISSUER_BUSY',
    `too many keys had to be tried for tokens of issuer ${quote(payload.iss)}: name the key in the header (kid), or try again later`,
    { retryAfterMs },
  )
}

/** What real sets hold while they rotate. */
const FREE_TRIALS = 8

import type { Clock } from '../exchange/ports.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import { CLIENT, type Tracer } from '../terms/tracer.ts'
import { type Budget, createBudget, domainOf } from './budget.ts'
import { discover, isLoopbackHost, type Provider } from './discovery.ts'
import { createGuardedFetch } from './guarded-fetch.ts'
import type { Limits } from './limits.ts'
import type { ListedIssuer } from './listed-issuer.ts'
import type { Lookup } from './name-lookup.ts'

/** How an issuer's keys were fetched, for metrics. */
export interface IssuerFetch {
  readonly issuer: string
  readonly outcome: 'ok' | 'invalid' | 'forbidden' | 'unavailable' | 'busy'
  readonly durationMs: number
}

/** Asks issuers for their keys, within what each of them may do. */
export interface Loader {
  /** `known`: it answered well before. Refuses with `ISSUER_*`, and ends by itself. */
  load(issuer: string, known: boolean): Promise<Provider>
  close(): Promise<void>
}

export interface LoaderOptions {
  readonly listed: ReadonlyMap<string, ListedIssuer>
  readonly allowLoopback: boolean
  readonly clock: Clock
  readonly limits: Limits
  readonly lookup: Lookup | undefined
  readonly tracer: Tracer
  readonly onFetch: (fetch: IssuerFetch) => void
}

/**
 * Anybody can name an issuer, so requests are counted by registrable domain and in all, for `jwks_uri` by its own domain.
 * Issuers that answered before have a budget apart, and those the operator listed and GitHub's own have none: naming
 * thousands of invented issuers, on whatever domain, keeps nobody from renewing real keys.
 */
export function createLoader(options: LoaderOptions): Loader {
  const { listed, allowLoopback, clock, limits, lookup, tracer, onFetch } = options
  const closing = new AbortController()
  const get = createGuardedFetch(limits, lookup)
  const strangers = createBudget(limits.fetches, clock)
  const acquaintances = createBudget(limits.fetches, clock)

  async function loadNow(issuer: string, known: boolean): Promise<Provider> {
    if (!URL.canParse(issuer)) throw noHost(issuer)
    const about = listed.get(issuer)
    const loopback = allowLoopback && isLoopbackHost(new URL(issuer).hostname)
    const permission = { loopback, privateNetworks: about?.privateAddress === true }
    const budget = known ? acquaintances : strangers
    const free = about !== undefined || issuer === GITHUB_ACTIONS
    return discover(issuer, {
      fetch: async (url) => {
        if (!free) spend(budget, url)
        return get({ url, permission, ca: about?.ca }, closing.signal)
      },
      allowHttpLoopback: loopback,
      keysPerSet: limits.keysPerSet,
    })
  }

  return {
    async load(issuer, known) {
      const begin = clock.monotonic()
      const report = (outcome: IssuerFetch['outcome']) =>
        onFetch({ issuer, outcome, durationMs: clock.monotonic() - begin })
      try {
        const provider = await tracer.span('issuer keys', () => loadNow(issuer, known), CLIENT)
        report('ok')
        return provider
      } catch (error) {
        report(outcomeOf(asDenial(error)))
        throw error
      }
    },
    async close() {
      closing.abort(new Denial('SHUTTING_DOWN', 'the service is shutting down: try again'))
    },
  }
}

function outcomeOf({ reason }: Denial): IssuerFetch['outcome'] {
  switch (reason) {
    case 'ISSUER_ADDRESS_FORBIDDEN':
      return 'forbidden'
    case 'ISSUER_BUSY':
      return 'busy'
    case 'ISSUER_INVALID':
      return 'invalid'
    default:
      return 'unavailable'
  }
}

/** What the rules of an issuer let pass, and no URL is: a broken IPv6 literal, or a label that is no punycode. */
function noHost(issuer: string): Denial {
  return new Denial(
    'ISSUER_INVALID',
    `unable to fetch or create the provider: the host of issuer ${quote(issuer)} can not exist`,
  )
}

function spend(budget: Budget, url: URL): void {
  const domain = domainOf(url.href)
  const retryAfterMs = budget.take(domain)
  if (retryAfterMs === undefined) return
  throw new Denial(
    'ISSUER_BUSY',
    `unable to fetch or create the provider: too many requests to issuers, or to ${quote(domain)} alone: try again later`,
    { retryAfterMs, metadata: { domain } },
  )
}

const GITHUB_ACTIONS = 'https://token.actions.githubusercontent.com'

import NodeCache from 'node-cache'
import type { Clock, Installation } from '../exchange/ports.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { type Answer, describe, isRedirect } from './answer.ts'
import type { Call } from './call.ts'
import { createExpiring } from './expiring.ts'
import { type KnownInstallation, parseInstallation } from './installation-answer.ts'
import { isUnanswered, notInstalled, ownerRenamed } from './known-failures.ts'
import type { LookupBudget } from './lookup-budget.ts'

export interface Installations {
  /** The App's installation for an owner, an organization or a user. Refuses as `FindInstallation` of the ports. */
  find(owner: string, signal: AbortSignal): Promise<KnownInstallation>
  /**
   * Looks again after GitHub said that `gone` is not (or no longer) usable; `askedAt`, by the monotonic clock, is when it was
   * asked. Refuses, beside the reasons of `find`, when the owner's name is now another account's.
   */
  renew(gone: Installation, askedAt: number): Promise<KnownInstallation>
}

export interface InstallationsOptions {
  readonly call: Call
  readonly clock: Clock
  readonly budget: LookupBudget
  readonly staleMaxMs: number
}

export function createInstallations({ call, clock, budget, staleMaxMs }: InstallationsOptions): Installations {
  // Holds only what exists at GitHub: strangers cannot fill it, so that it needs no eviction.
  const found = new NodeCache({ useClones: false, checkperiod: 0, stdTTL: 0 })
  const refused = createExpiring<(owner: string) => Denial>(MISSES_REMEMBERED, clock)
  const flights = createSingleFlight<KnownInstallation>()

  const refuse = (owner: string, refusal: Refusal): Denial => {
    found.del(cacheKey(owner))
    refused.set(nameKey(owner), refusal.denial, refusal.rememberMs)
    budget.spend(owner, refusal.calls)
    return refusal.denial(owner)
  }

  const lookUp = async (owner: string): Promise<KnownInstallation> => {
    const outcome = await ask(call, owner)
    if ('denial' in outcome) throw refuse(owner, outcome)
    found.set(cacheKey(owner), { installation: outcome, checkedAt: clock.monotonic() } satisfies Entry)
    refused.delete(nameKey(owner))
    return outcome
  }

  const share = (owner: string, signal: AbortSignal | undefined, work = () => lookUp(owner)) =>
    flights.run(nameKey(owner), signal, work)

  return {
    async find(owner, signal) {
      const entry = found.get<Entry>(cacheKey(owner))
      const age = clock.monotonic() - (entry?.checkedAt ?? 0)
      if (entry !== undefined && age < FRESH_MS) return entry.installation
      const known = refused.get(nameKey(owner))
      if (known !== undefined) throw known(owner)
      if (entry === undefined) return share(owner, signal, () => budget.admit(owner, () => lookUp(owner)))
      try {
        return await share(owner, signal)
      } catch (error) {
        if (isUnanswered(error) && age < FRESH_MS + staleMaxMs) return entry.installation
        throw error
      }
    },
    async renew(gone, askedAt) {
      const owner = gone.account.login
      const entry = found.get<Entry>(cacheKey(owner))
      if (entry !== undefined && entry.checkedAt > askedAt) return sameAccount(gone, entry.installation)
      found.del(cacheKey(owner))
      return sameAccount(gone, await share(owner, undefined))
    },
  }
}

interface Entry {
  readonly installation: KnownInstallation
  /** On the monotonic clock. */
  readonly checkedAt: number
}

interface Refusal {
  readonly denial: (owner: string) => Denial
  readonly calls: number
  readonly rememberMs: number
}

/** Directly, never by paging through all installations; GitHub has one route for organizations and one for users. */
async function ask(call: Call, owner: string): Promise<KnownInstallation | Refusal> {
  const common = {
    as: 'app',
    retry: 'safe',
    owner,
    doing: 'looking for the installation',
    maxBytes: ANSWER_LIMIT_BYTES,
  } as const
  const organization = await call({ ...common, route: 'GET /orgs/{org}/installation', parameters: { org: owner } })
  if (organization.status !== 404) return read(organization, owner, 1)
  const user = await call({ ...common, route: 'GET /users/{username}/installation', parameters: { username: owner } })
  return read(user, owner, 2)
}

function read(answer: Answer, owner: string, calls: number): KnownInstallation | Refusal {
  if (answer.status === 404) return { denial: notInstalled, calls, rememberMs: MISS_MS }
  if (isRedirect(answer)) return { denial: ownerRenamed, calls, rememberMs: MISS_MS }
  if (answer.status >= 400) throw refusedByGitHub(answer)
  const parsed = parseInstallation(answer)
  // After a rename GitHub may answer with the account's new name; the old one may be somebody else's tomorrow.
  if (nameKey(parsed.account.login) !== nameKey(owner)) return { denial: ownerRenamed, calls, rememberMs: MISS_MS }
  if (parsed.suspended) return { denial: suspended, calls, rememberMs: SUSPENDED_MS }
  return parsed
}

/** An installation of another account than the one that was meant: its policies and grants are not the caller's. */
function sameAccount(before: Installation, now: KnownInstallation): KnownInstallation {
  if (before.account.id === now.account.id) return now
  throw new Denial(
    'APP_NOT_INSTALLED',
    `no installation found for ${quote(before.account.login)}: the name went to another account meanwhile; try again`,
  )
}

function suspended(owner: string): Denial {
  return new Denial(
    'INSTALLATION_SUSPENDED',
    `the installation of the GitHub App for ${quote(owner)} is suspended: its administrators can unsuspend it in the account's settings`,
  )
}

function refusedByGitHub(answer: Answer): Denial {
  return new Denial(
    answer.status === 403 ? 'APP_CREDENTIALS_REFUSED' : 'MINT_REFUSED',
    `failed to get token: GitHub answered ${answer.status} while looking for the installation`,
    { cause: describe(answer) },
  )
}

/** Prefixed: node-cache takes `toString` and the like for present. */
function cacheKey(owner: string): string {
  return `owner:${nameKey(owner)}`
}

/**
 * How long a name is believed to be the account's: after a rename it can be anybody's, so it is looked at again although
 * nothing fails. One call in ten minutes is nothing beside an installation's quota.
 */
const FRESH_MS = 10 * 60_000
/** Contract §11.10, for all the owner's repositories. */
const MISS_MS = 60_000
/** Short: the next thing its administrator does is to lift it and to try again. */
const SUSPENDED_MS = 15_000
const MISSES_REMEMBERED = 20_000
const ANSWER_LIMIT_BYTES = 256 * 1024

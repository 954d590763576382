import NodeCache from 'node-cache'
import type { Clock, Installation } from '../exchange/ports.ts'
import type { CacheReport } from '../exchange/reports.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { type Answer, describe, isRedirect } from './answer.ts'
import type { Call } from './call.ts'
import { createExpiring } from './expiring.ts'
import { type KnownInstallation, parseInstallation } from './installation-answer.ts'
import { isUnanswered, notInstalled, ownerRenamed } from './known-failures.ts'
import type { LookupBudget } from './lookup-budget.ts'
import { isDueAhead, type RefreshAhead } from './refresh-ahead.ts'
import { sameAccount } from './with-installation.ts'

export interface Installations {
  /** The App's installation for an owner, an organization or a user. Refuses as `FindInstallation` of the ports. */
  find(owner: string, signal: Cancellation): KnownInstallation | Promise<KnownInstallation>
  /**
   * Looks again after GitHub said that `gone` is not (or no longer) usable; `askedAt`, by the monotonic clock, is when it was
   * asked. Refuses, beside the reasons of `find`, when the owner's name is now another account's.
   */
  renew(gone: Installation, askedAt: number): Promise<KnownInstallation>
  /** What is known without asking: the installation (which may be out of date), or that it was refused a moment ago. */
  known(owner: string): KnownInstallation | 'refused' | undefined
  /** Drops what is known of an owner. A look-up that is under way is not kept. */
  forget(owner: string): void
  /** What is known is looked at anew before it is used again. */
  distrust(): void
}

export interface InstallationsOptions {
  /** Whoever asks with an App's credential gets that App's installations, whatever the answer calls it. */
  readonly appId: number
  readonly call: Call
  readonly clock: Clock
  readonly budget: LookupBudget
  readonly ahead: RefreshAhead
  readonly staleMaxMs: number
  readonly onCache: (report: CacheReport) => void
  readonly onFound: (installation: Installation) => void
}

export function createInstallations(options: InstallationsOptions): Installations {
  const { call, clock, budget, ahead, staleMaxMs, onCache } = options
  // Holds only what exists at GitHub: strangers cannot fill it, so that it needs no eviction.
  const found = new NodeCache({ useClones: false, checkperiod: 0, stdTTL: 0 })
  const refused = createExpiring<(owner: string) => Denial>(MISSES_REMEMBERED, clock)
  const flights = createSingleFlight<KnownInstallation>()
  let app: Installation['app'] = { id: options.appId, slug: '' } // one object for all
  let epoch = 0 // rises with each `forget` and `distrust`: what was asked before is not kept after

  const refuse = (owner: string, refusal: Refusal): Denial => {
    found.del(cacheKey(owner))
    refused.set(nameKey(owner), refusal.denial, refusal.rememberMs)
    budget.spend(owner, refusal.calls)
    return refusal.denial(owner)
  }

  const lookUp = async (owner: string, type?: AccountType): Promise<KnownInstallation> => {
    const begun = epoch
    const outcome = await ask(call, owner, type)
    if ('denial' in outcome) throw refuse(owner, outcome)
    const { slug } = outcome.app
    if (slug !== app.slug) app = { id: options.appId, slug }
    const installation = { ...outcome, app }
    options.onFound(installation)
    if (begun !== epoch) return installation
    found.set(cacheKey(owner), { installation, checkedAt: clock.monotonic() } satisfies Entry)
    refused.delete(nameKey(owner))
    return installation
  }

  const share = (owner: string, signal: Cancellation | undefined, work = () => lookUp(owner)) =>
    flights.run(`${epoch}/${nameKey(owner)}`, signal, work)

  const findAnew = async (owner: string, entry: Entry | undefined, signal: Cancellation) => {
    const known = refused.get(nameKey(owner))
    if (known !== undefined) throw known(owner)
    if (entry === undefined) return share(owner, signal, () => budget.admit(owner, () => lookUp(owner)))
    const age = clock.monotonic() - entry.checkedAt
    try {
      return await share(owner, signal)
    } catch (error) {
      if (!isUnanswered(error) || age >= FRESH_MS + staleMaxMs) throw error
      onCache({ cache: 'installation', outcome: 'stale' })
      return entry.installation
    }
  }

  return {
    find(owner, signal) {
      const entry = found.get<Entry>(cacheKey(owner))
      const age = clock.monotonic() - (entry?.checkedAt ?? 0)
      const isFresh = entry !== undefined && age < FRESH_MS
      onCache({ cache: 'installation', outcome: isFresh ? 'hit' : 'miss' })
      if (isFresh) {
        if (isDueAhead(age, FRESH_MS))
          ahead.begin(`installation/${entry.installation.app.id}/${nameKey(owner)}`, () => share(owner, undefined))
        return entry.installation
      }
      return findAnew(owner, entry, signal)
    },
    async renew(gone, askedAt) {
      const owner = gone.account.login
      const entry = found.get<Entry>(cacheKey(owner))
      if (entry !== undefined && entry.checkedAt > askedAt) return sameAccount(gone, entry.installation)
      found.del(cacheKey(owner))
      return sameAccount(gone, await share(owner, undefined, () => lookUp(owner, gone.account.type)))
    },
    known(owner) {
      const entry = found.get<Entry>(cacheKey(owner))
      return entry?.installation ?? (refused.get(nameKey(owner)) === undefined ? undefined : 'refused')
    },
    forget(owner) {
      epoch += 1
      found.del(cacheKey(owner))
      refused.delete(nameKey(owner))
    },
    distrust() {
      epoch += 1
      found.flushAll()
      refused.clear()
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
async function ask(call: Call, owner: string, type?: AccountType): Promise<KnownInstallation | Refusal> {
  const common = {
    as: 'app',
    retry: 'safe',
    owner,
    doing: 'looking for the installation',
    maxBytes: ANSWER_LIMIT_BYTES,
  } as const
  const asOrganization = () => call({ ...common, route: 'GET /orgs/{org}/installation', parameters: { org: owner } })
  const asUser = () => call({ ...common, route: 'GET /users/{username}/installation', parameters: { username: owner } })
  const [first, second] = type === 'User' ? [asUser, asOrganization] : [asOrganization, asUser]
  const answer = await first()
  return answer.status === 404 ? read(await second(), owner, 2) : read(answer, owner, 1)
}

type AccountType = Installation['account']['type']

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

import type { Clock, PolicyRequest } from '../exchange/ports.ts'
import { Denial } from '../terms/denial.ts'
import { POLICY_SUFFIX, policyPath } from '../terms/identity.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import type { Call } from './call.ts'
import { createExpiring } from './expiring.ts'
import type { LookupBudget } from './lookup-budget.ts'
import { createPolicyListings } from './policy-listing.ts'
import type { ReaderToken } from './reader-tokens.ts'

/** Policies that are not there, kept apart from those that are: strangers choose what is looked for (contract §11.10, §12). */
export interface PolicyMisses {
  /** The refusal of a request that needs no call to GitHub: the repository or the identity was not found a moment ago. */
  find(request: PolicyRequest): Denial | undefined
  /** Resolves when no listing of the repository is under way, after which `find` may know more. */
  settled(request: PolicyRequest): Promise<void>
  /** There is no such file: remembers that, and lists what there is, for whoever asks next. Answers the refusal. */
  missing(request: PolicyRequest, found: Miss): Promise<Denial>
  /** The refusal holds for the whole repository and is remembered; `POLICY_READ_FORBIDDEN` is only paid for. */
  refused(request: PolicyRequest, denial: Denial): void
  /** Of a repository as the installation sees it, whatever was not found there. */
  forget(installationId: number, repository: string): void
  /** Of all that the installation sees. */
  forgetInstallation(installationId: number): void
  clear(): void
}

interface Miss {
  readonly reader: ReaderToken
  /** Of the App whose token it is. */
  readonly call: Call
  /** What is there instead of a file. */
  readonly what: string | undefined
  /** False when a push has changed the repository while it was looked for. */
  readonly remember: boolean
}

export interface PolicyMissesOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly budget: LookupBudget
}

export function createPolicyMisses({ clock, budget }: PolicyMissesOptions): PolicyMisses {
  const identities = createExpiring<{ readonly what: string | undefined }>(REMEMBERED, clock)
  const repositories = createExpiring<Denial>(REMEMBERED, clock)
  const listings = createPolicyListings(clock)

  return {
    find(request) {
      const key = repositoryKey(request)
      const refusal = repositories.get(key)
      if (refusal !== undefined) return refusal
      const miss = identities.get(`${key}/${request.identity}`)
      if (miss !== undefined) return notFound(request, miss.what)
      return listings.provesAbsent(key, `${request.identity}${POLICY_SUFFIX}`) ? notFound(request) : undefined
    },
    settled: (request) => listings.settled(repositoryKey(request)),
    async missing(request, { reader, call, what, remember }) {
      const { owner, repository, identity } = request
      const key = repositoryKey(request)
      if (remember) identities.set(`${key}/${identity}`, { what }, MISS_MS)
      budget.spend(owner, 1)
      if (await listings.learn({ key, owner, repository, reader, call })) budget.spend(owner, 1)
      return notFound(request, what)
    },
    refused(request, denial) {
      // What is forbidden today may be allowed at any moment; the budget bounds what asking costs.
      if (denial.reason !== 'POLICY_READ_FORBIDDEN') repositories.set(repositoryKey(request), denial, MISS_MS)
      budget.spend(request.owner, 1)
    },
    forget(installationId, repository) {
      const key = `${installationId}/${nameKey(repository)}`
      repositories.delete(key)
      identities.deleteStartingWith(`${key}/`)
      listings.forget(key)
    },
    forgetInstallation(installationId) {
      repositories.deleteStartingWith(`${installationId}/`)
      identities.deleteStartingWith(`${installationId}/`)
      listings.clear()
    },
    clear() {
      repositories.clear()
      identities.clear()
      listings.clear()
    },
  }
}

/** Of the installation, not the account: what was not found is looked for anew as soon as the App is installed anew. */
function repositoryKey({ installation, repository }: Pick<PolicyRequest, 'installation' | 'repository'>): string {
  return `${installation.id}/${nameKey(repository)}`
}

function notFound({ owner, repository, identity }: PolicyRequest, what?: string): Denial {
  const path = policyPath(identity)
  const place = `${path} in ${owner}/${repository} on the default branch`
  return new Denial(
    'POLICY_NOT_FOUND',
    `unable to find trust policy for ${quote(identity)}: ${what === undefined ? `there is no ${place}` : `${place} is ${what}, not a file`}`,
  )
}

const MISS_MS = 60_000
/** At some 200 bytes each; the budget lets a process learn of about 900 in the minute that they live. */
const REMEMBERED = 5000

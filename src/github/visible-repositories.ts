import { LRUCache } from 'lru-cache'
import type { Clock, Installation, ListRepositories } from '../exchange/ports.ts'
import type { CacheReport } from '../exchange/reports.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial } from '../terms/denial.ts'
import { isJsonObject } from '../terms/json.ts'
import { permissionsOf } from '../terms/permissions.ts'
import { quote } from '../terms/text.ts'
import { type AccessTokenOptions, requestAccessToken } from './access-token.ts'
import { type Answer, describe } from './answer.ts'
import { InstallationDoubted, unreadable } from './known-failures.ts'
import { type WithInstallationOptions, withInstallation } from './with-installation.ts'

/** Which repositories an installation reaches. */
export interface VisibleRepositories {
  readonly list: ListRepositories
  /** Drops what is known of an installation, when GitHub has shown that it is not so any more. */
  forget(installation: Pick<Installation, 'id'>): void
  /** Drops what is known of all installations of an account. */
  forgetAccount(accountId: number): void
}

export interface VisibleRepositoriesOptions extends AccessTokenOptions, WithInstallationOptions {
  readonly clock: Clock
  readonly onCache: (report: CacheReport) => void
}

/** Asked for once in five minutes, by a token that reads metadata alone, and shared by all who wait. */
export function createVisibleRepositories(options: VisibleRepositoriesOptions): VisibleRepositories {
  const { clock, onCache } = options
  const listings = new LRUCache<number, Listing>({
    maxSize: NAMES_KEPT,
    sizeCalculation: ({ names }) => names.length + 1,
  })
  const flights = createSingleFlight<readonly string[]>()
  let epoch = 0 // rises with each `forget`: a listing from before is not kept

  const listAnew = async (installation: Installation) => {
    const begun = epoch
    const askedAt = clock.monotonic()
    const names = await withInstallation(installation, (current) => listAll(current, options), options)
    if (begun === epoch)
      listings.set(installation.id, { accountId: installation.account.id, names, endsAt: askedAt + FRESH_MS })
    return names
  }

  return {
    list(installation, signal) {
      if (signal.aborted) return Promise.reject(signal.reason)
      const known = listings.get(installation.id)
      const isFresh = known !== undefined && clock.monotonic() < known.endsAt
      onCache({ cache: 'repositories', outcome: isFresh ? 'hit' : 'miss' })
      if (isFresh) return known.names
      return flights.run(`${epoch}/${installation.id}`, signal, () => listAnew(installation))
    },
    forget({ id }) {
      epoch += 1
      listings.delete(id)
    },
    forgetAccount(accountId) {
      epoch += 1
      for (const [id, listing] of [...listings.entries()]) if (listing.accountId === accountId) listings.delete(id)
    },
  }
}

interface Listing {
  readonly accountId: number
  readonly names: readonly string[]
  /** On the monotonic clock. */
  readonly endsAt: number
}

async function listAll(installation: Installation, options: VisibleRepositoriesOptions): Promise<readonly string[]> {
  const token = await metadataToken(installation, options)
  const pageOf = (page: number) => listPage({ installation, token, page }, options)
  const first = await pageOf(1)
  const pages = Math.ceil(first.total / PER_PAGE)
  if (pages > PAGES_LIMIT) throw tooMany(installation, first.total)
  const names = [...first.names]
  for (let next = 2; next <= pages; next += PAGES_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(PAGES_AT_ONCE, pages - next + 1) }, (_, index) => next + index)
    for (const page of await Promise.all(numbers.map(pageOf))) names.push(...page.names)
  }
  return names
}

/** For the whole installation, and therefore with nothing but names and descriptions to read; it is not kept. */
async function metadataToken(installation: Installation, options: VisibleRepositoriesOptions): Promise<string> {
  const grant = { installation, owner: installation.account.login, repositories: 'all', permissions: METADATA } as const
  const answer = await requestAccessToken({ grant, doing: DOING, retry: 'safe' }, options)
  if (answer.kind === 'issued') return answer.token.token
  throw new Denial(
    'MINT_PERMISSION_NOT_GRANTED',
    `token exchange failure (StatusUnprocessableEntity): the GitHub App's installation for ${quote(grant.owner)} does not let it see its repositories`,
    { cause: describe(answer.answer) },
  )
}

interface PageRequest {
  readonly installation: Installation
  readonly token: string
  readonly page: number
}

async function listPage(request: PageRequest, { call }: VisibleRepositoriesOptions) {
  const { installation, token, page } = request
  const answer = await call({
    route: 'GET /installation/repositories',
    parameters: { per_page: PER_PAGE, page },
    as: { token, installationId: installation.id },
    maxBytes: ANSWER_LIMIT_BYTES,
    doing: DOING,
    owner: installation.account.login,
    retry: 'safe',
  })
  // GitHub takes a fresh token at each of its machines only after a moment; a suspended installation's at none.
  if (answer.status === 401 || answer.status === 403) throw new InstallationDoubted(refused(answer))
  if (answer.status !== 200) throw unreadable(DOING, answer)
  return readPage(answer, installation)
}

function readPage(answer: Answer, { account }: Installation) {
  const { body } = answer
  const total = isJsonObject(body) ? body['total_count'] : undefined
  const repositories = isJsonObject(body) ? body['repositories'] : undefined
  if (!Number.isSafeInteger(total) || !Array.isArray(repositories)) throw unreadable(DOING, answer)
  const names = repositories.flatMap((repository: unknown) => {
    const name = isJsonObject(repository) ? repository['name'] : undefined
    if (!isJsonObject(repository) || typeof name !== 'string' || !NAME.test(name)) throw unreadable(DOING, answer)
    // A name of another account would name another repository in the token.
    const owner = repository['owner']
    return isJsonObject(owner) && owner['id'] === account.id ? [name] : []
  })
  return { total: Number(total), names }
}

function refused(answer: Answer): Denial {
  return new Denial('MINT_REFUSED', `failed to get token: GitHub answered ${answer.status} while ${DOING}; try again`, {
    cause: describe(answer),
  })
}

function tooMany({ account }: Installation, total: number): Denial {
  return new Denial(
    'REPOSITORIES_TOO_MANY',
    `trust policy: the GitHub App's installation for ${quote(account.login)} reaches ${total} repositories, and repository_patterns can be looked up in ${PER_PAGE * PAGES_LIMIT} at most: name the repositories instead`,
  )
}

function metadataRead() {
  const permissions = permissionsOf([['metadata', 'read']])
  if (permissions === undefined) throw new Error('unreachable: there is one entry')
  return permissions
}

const METADATA = metadataRead()
const DOING = 'listing the repositories of the installation'
const NAME = /^[A-Za-z0-9._-]{1,100}$/
const FRESH_MS = 5 * 60_000
/** GitHub's largest page. */
const PER_PAGE = 100
/** 10,000 repositories: a listing of more would take longer than an exchange may. */
const PAGES_LIMIT = 100
/** Well below GitHub's limit of 100 concurrent requests, which the other calls share. */
const PAGES_AT_ONCE = 10
/** A hundred repositories at 6 to 8 KiB, several times over. */
const ANSWER_LIMIT_BYTES = 4 * 1024 * 1024
/** Of all installations; some 40 MB. */
const NAMES_KEPT = 500_000

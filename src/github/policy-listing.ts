import { LRUCache } from 'lru-cache'
import type { Clock } from '../exchange/ports.ts'
import { Denial } from '../terms/denial.ts'
import { POLICY_FOLDER } from '../terms/identity.ts'
import { isJsonObject } from '../terms/json.ts'
import type { Answer } from './answer.ts'
import type { Call } from './call.ts'
import type { ReaderToken } from './reader-tokens.ts'

interface RepositoryToList {
  /** Equal for one repository of one installation. */
  readonly key: string
  readonly owner: string
  readonly repository: string
  readonly reader: ReaderToken
  /** Of the App whose token it is. */
  readonly call: Call
}

/** Which policies a repository has, asked for once after something was not found there (contract §12). */
export interface PolicyListings {
  /** True when a listing of the last minute shows that there is no such file. */
  provesAbsent(key: string, file: string): boolean
  /** Resolves when no listing of the repository is under way. */
  settled(key: string): Promise<void>
  /** Lists the repository's policies unless that was done in the last minute; never fails. Tells whether GitHub was asked. */
  learn(repository: RepositoryToList): Promise<boolean>
  forget(key: string): void
  clear(): void
}

export function createPolicyListings(clock: Pick<Clock, 'monotonic'>): PolicyListings {
  const listings = new LRUCache<string, Listing>({
    maxSize: NAMES_REMEMBERED,
    sizeCalculation: ({ names }) => names.size + 1,
  })
  const underWay = new Map<string, Promise<void>>()

  let epoch = 0 // rises with each `forget`: a listing from before is not kept

  const live = (key: string): Listing | undefined => {
    const listing = listings.get(key)
    return listing !== undefined && clock.monotonic() < listing.endsAt ? listing : undefined
  }

  const list = async (repository: RepositoryToList) => {
    const begun = epoch
    const names = await fileNames(repository)
    if (names === undefined || begun !== epoch) return
    const complete = names.size < LISTING_LIMIT
    listings.set(repository.key, {
      names: complete ? names : NOTHING,
      complete,
      endsAt: clock.monotonic() + LISTING_MS,
    })
  }

  return {
    provesAbsent(key, file) {
      const listing = live(key)
      return listing?.complete === true && !listing.names.has(file)
    },
    settled: async (key) => underWay.get(key),
    async learn(repository) {
      const { key } = repository
      if (live(key) !== undefined) return false
      const running = underWay.get(key)
      if (running !== undefined) {
        await running
        return false
      }
      const work = list(repository)
      underWay.set(key, work)
      await work.finally(() => {
        if (underWay.get(key) === work) underWay.delete(key)
      })
      return true
    },
    forget(key) {
      epoch += 1
      listings.delete(key)
    },
    clear() {
      epoch += 1
      listings.clear()
    },
  }
}

interface Listing {
  readonly names: ReadonlySet<string>
  /** False: GitHub shows the first 1,000 entries, so that a name that is not among them proves nothing. */
  readonly complete: boolean
  /** On the monotonic clock. */
  readonly endsAt: number
}

/** The names in the policies' folder; undefined when GitHub did not say, which costs the next request a call of its own. */
async function fileNames({
  owner,
  repository,
  reader,
  call,
}: RepositoryToList): Promise<ReadonlySet<string> | undefined> {
  try {
    const answer = await call({
      route: `GET /repos/{owner}/{repo}/contents/${POLICY_FOLDER}`,
      parameters: { owner, repo: repository },
      as: { token: reader.token, installationId: reader.installationId },
      maxBytes: ANSWER_LIMIT_BYTES,
      doing: 'listing the trust policies',
      owner,
      retry: 'safe',
    })
    return namesOf(answer)
  } catch (error) {
    if (error instanceof Denial) return undefined
    throw error
  }
}

function namesOf({ status, body }: Answer): ReadonlySet<string> | undefined {
  if (status === 404) return NOTHING
  if (status !== 200) return undefined
  if (!Array.isArray(body)) return isJsonObject(body) && typeof body['type'] === 'string' ? NOTHING : undefined
  const names = body.map((entry: unknown) => (isJsonObject(entry) ? entry['name'] : undefined))
  return names.every((name) => typeof name === 'string') ? new Set(names) : undefined
}

const NOTHING: ReadonlySet<string> = new Set()
/** Contract §11.10. */
const LISTING_MS = 60_000
/** What the contents API shows of a folder at most. */
const LISTING_LIMIT = 1000
/** About 20 MB of names. */
const NAMES_REMEMBERED = 200_000
/** 1,000 entries at up to 4 KiB, with four addresses each. */
const ANSWER_LIMIT_BYTES = 4 * 1024 * 1024

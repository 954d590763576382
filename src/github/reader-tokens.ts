import { LRUCache } from 'lru-cache'
import type { Clock, Grant, Installation } from '../exchange/ports.ts'
import type { CacheReport } from '../exchange/reports.ts'
import { atMost } from '../runtime/at-most.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial } from '../terms/denial.ts'
import { permissionsOf } from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { type AccessTokenOptions, requestAccessToken } from './access-token.ts'
import { describe } from './answer.ts'
import { readUnprocessable } from './unprocessable.ts'

/** A token that reads the contents of a repository, or of two, and nothing else: kept here, never handed out. */
export interface ReaderToken {
  readonly token: string
  readonly installationId: number
  /** On the monotonic clock: until shortly after it, it proves that the App was given the repository. */
  readonly mintedAt: number
  /** On the clock of the day. */
  readonly endsAt: number
}

interface ReaderRequest {
  readonly installation: Installation
  readonly owner: string
  readonly repository: string
  /** For the refusal: what the policy that can't be read was wanted for. */
  readonly identity: string
}

export interface ReaderTokens {
  /**
   * Refuses `REPOSITORY_NOT_SELECTED`, `CONTENTS_NOT_GRANTED`, `REPOSITORY_RENAMED`, `GITHUB_*`, …
   * Throws InstallationDoubted on 404 and 403.
   */
  get(request: ReaderRequest): Promise<ReaderToken>
  /**
   * The same, for a repository whose file is read beside that of another: where neither has a token yet, one is minted for
   * both, and whoever asks for the other meanwhile shares it. Where the App has not both, GitHub does not say which is
   * missing: the other's own token tells.
   */
  getBeside(request: ReaderRequest, beside: string): Promise<ReaderToken>
  /** Forgets a token that GitHub refused, unless it was replaced meanwhile. */
  drop(request: Pick<ReaderRequest, 'installation' | 'repository'>, refused: ReaderToken): void
  /** Forgets the tokens of an installation, or of one of its repositories; one that is being minted is not kept. */
  forget(installationId: number, repository?: string): void
}

export interface ReaderTokensOptions extends AccessTokenOptions {
  readonly clock: Clock
  readonly onCache: (report: CacheReport) => void
}

export function createReaderTokens(options: ReaderTokensOptions): ReaderTokens {
  const { clock, onCache } = options
  const tokens = new LRUCache<string, ReaderToken>(atMost(TOKENS_KEPT))
  const flights = createSingleFlight<ReaderToken>()
  /** By the key of each of the two repositories: true when one token was minted for both. */
  const pairs = new Map<string, Promise<boolean>>()
  let epoch = 0 // rises with each `forget`

  const heldFor = (request: Pick<ReaderRequest, 'installation' | 'repository'>): ReaderToken | undefined => {
    const held = tokens.get(keyOf(request))
    return held !== undefined && clock.now() < held.endsAt ? held : undefined
  }
  const keep = (begun: number, token: ReaderToken, requests: readonly ReaderRequest[]) => {
    if (begun === epoch) for (const request of requests) tokens.set(keyOf(request), token)
  }
  const mintAlone = (request: ReaderRequest): Promise<ReaderToken> =>
    flights.run(`${epoch}/${keyOf(request)}`, undefined, async () => {
      const begun = epoch
      const fresh = await mintReader(request, [request.repository], options)
      keep(begun, fresh, [request])
      return fresh
    })
  const mintPair = (one: ReaderRequest, other: ReaderRequest): Promise<boolean> => {
    const keys = [keyOf(one), keyOf(other)]
    const work = mintBoth(one, other).finally(() => {
      for (const key of keys) if (pairs.get(key) === work) pairs.delete(key)
    })
    for (const key of keys) pairs.set(key, work)
    work.catch(() => {}) // each of those who wait is told
    return work
  }
  const mintBoth = async (one: ReaderRequest, other: ReaderRequest): Promise<boolean> => {
    const begun = epoch
    return isReached(async () => {
      keep(begun, await mintReader(one, [one.repository, other.repository], options), [one, other])
    })
  }
  const find = async (request: ReaderRequest): Promise<ReaderToken> => {
    const held = heldFor(request)
    onCache({ cache: 'reader_token', outcome: held === undefined ? 'miss' : 'hit' })
    if (held !== undefined) return held
    const pair = pairs.get(keyOf(request))
    if (pair !== undefined && (await pair)) {
      const shared = heldFor(request)
      if (shared !== undefined) return shared
    }
    return mintAlone(request)
  }

  const findBeside = async (request: ReaderRequest, beside: string): Promise<ReaderToken> => {
    const other = { ...request, repository: beside }
    if (keyOf(other) === keyOf(request) || heldFor(request) !== undefined || heldFor(other) !== undefined)
      return find(request)
    if (await (pairs.get(keyOf(request)) ?? mintPair(request, other))) return find(request)
    // The other's own token tells which of the two is missing.
    if (await isReached(() => find(other))) throw new NotReached('GitHub grants the other repository alone')
    return mintAlone(request)
  }

  return {
    get: (request) => inWordsFor(request, find(request)),
    getBeside: (request, beside) => inWordsFor(request, findBeside(request, beside)),
    drop(request, refused) {
      const key = keyOf(request)
      if (tokens.peek(key) === refused) tokens.delete(key)
    },
    forget(installationId, repository) {
      epoch += 1
      const prefix = `${installationId}/`
      const one = repository === undefined ? undefined : `${prefix}${nameKey(repository)}`
      for (const key of [...tokens.keys()]) {
        if (one === undefined ? key.startsWith(prefix) : key === one) tokens.delete(key)
      }
    },
  }
}

/** GitHub's 422 (contract §12): the App is installed, and was not given the repository. Whoever shares a mint words it anew. */
class NotReached extends Error {}

/** False when the App was not given the repository; whatever else goes wrong is thrown. */
async function isReached(mint: () => Promise<unknown>): Promise<boolean> {
  try {
    await mint()
    return true
  } catch (error) {
    if (error instanceof NotReached) return false
    throw error
  }
}

async function inWordsFor(request: ReaderRequest, work: Promise<ReaderToken>): Promise<ReaderToken> {
  try {
    return await work
  } catch (error) {
    throw error instanceof NotReached ? notSelected(request, error) : error
  }
}

async function mintReader(
  request: ReaderRequest,
  repositories: readonly [string, ...string[]],
  options: ReaderTokensOptions,
): Promise<ReaderToken> {
  const { installation, owner } = request
  const grant: Grant = { installation, owner, repositories, permissions: CONTENTS_READ }
  const { clock } = options
  const askedAt = { monotonic: clock.monotonic(), now: clock.now() }
  const answer = await requestAccessToken({ grant, doing: 'asking to read the trust policy', retry: 'safe' }, options)
  if (answer.kind === 'issued') {
    const endsAt = Math.min(askedAt.now + LONGEST_LIFE_MS, answer.token.expiresAt.getTime() - END_MARGIN_MS)
    const { token, installationId } = answer.token
    return { token, installationId, mintedAt: askedAt.monotonic, endsAt }
  }
  const fault = readUnprocessable(answer.answer, grant)
  const cause = describe(answer.answer)
  throw fault.kind === 'permission' ? contentsNotGranted(request, cause) : new NotReached(cause.message)
}

function notSelected({ owner, repository, identity }: ReaderRequest, cause: Error): Denial {
  return new Denial(
    'REPOSITORY_NOT_SELECTED',
    `unable to find trust policy for ${quote(identity)}: the GitHub App's installation for ${quote(owner)} does not reach the repository ${quote(repository)}, or it does not exist; select it in the installation's settings`,
    { cause },
  )
}

function contentsNotGranted({ owner }: ReaderRequest, cause: Error): Denial {
  return new Denial(
    'CONTENTS_NOT_GRANTED',
    `the GitHub App may not read trust policies of ${quote(owner)}: grant it "contents: read" and accept that for the installation`,
    { cause },
  )
}

function keyOf({ installation, repository }: Pick<ReaderRequest, 'installation' | 'repository'>): string {
  return `${installation.id}/${nameKey(repository)}`
}

function contentsRead() {
  const permissions = permissionsOf([['contents', 'read']])
  if (permissions === undefined) throw new Error('unreachable: there is one entry')
  return permissions
}

const CONTENTS_READ = contentsRead()
/** Contract §12. */
const LONGEST_LIFE_MS = 50 * 60_000
/** A token is not used for a call that may outlast it. */
const END_MARGIN_MS = 60_000
/** Some 8 MB; only repositories that the App was given get here. */
const TOKENS_KEPT = 20_000

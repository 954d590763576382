import { LRUCache } from 'lru-cache'
import type { Clock, Grant, Installation } from '../exchange/ports.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial } from '../terms/denial.ts'
import { permissionsOf } from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { type AccessTokenOptions, requestAccessToken } from './access-token.ts'
import { describe } from './answer.ts'
import { readUnprocessable } from './unprocessable.ts'

/** A token that reads the contents of one repository and nothing else: kept here, never handed out. */
export interface ReaderToken {
  readonly token: string
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
  /** Forgets a token that GitHub refused, unless it was replaced meanwhile. */
  drop(request: Pick<ReaderRequest, 'installation' | 'repository'>, refused: ReaderToken): void
}

export interface ReaderTokensOptions extends AccessTokenOptions {
  readonly clock: Clock
}

export function createReaderTokens(options: ReaderTokensOptions): ReaderTokens {
  const { clock } = options
  const tokens = new LRUCache<string, ReaderToken>({ max: TOKENS_KEPT })
  const flights = createSingleFlight<ReaderToken>()
  return {
    async get(request) {
      const key = keyOf(request)
      const held = tokens.get(key)
      if (held !== undefined && clock.now() < held.endsAt) return held
      return flights.run(key, undefined, async () => {
        const fresh = await mintReader(request, options)
        tokens.set(key, fresh)
        return fresh
      })
    },
    drop(request, refused) {
      const key = keyOf(request)
      if (tokens.peek(key) === refused) tokens.delete(key)
    },
  }
}

async function mintReader(request: ReaderRequest, options: ReaderTokensOptions): Promise<ReaderToken> {
  const { installation, owner, repository } = request
  const grant: Grant = { installation, owner, repositories: [repository], permissions: CONTENTS_READ }
  const { clock } = options
  const askedAt = { monotonic: clock.monotonic(), now: clock.now() }
  const answer = await requestAccessToken({ grant, doing: 'asking to read the trust policy', retry: 'safe' }, options)
  if (answer.kind === 'issued') {
    const endsAt = Math.min(askedAt.now + LONGEST_LIFE_MS, answer.token.expiresAt.getTime() - END_MARGIN_MS)
    return { token: answer.token.token, mintedAt: askedAt.monotonic, endsAt }
  }
  const fault = readUnprocessable(answer.answer, grant)
  const cause = describe(answer.answer)
  throw fault.kind === 'permission' ? contentsNotGranted(request, cause) : notSelected(request, cause)
}

/** What a reader's 422 means (contract §12): the App is installed, and was not given this repository. */
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
/** Some 2 MB; only repositories that the App was given get here. */
const TOKENS_KEPT = 5000

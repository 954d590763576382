import type { Clock, Installation, TrustedIssuersAnswer, TrustedIssuersRequest } from '../exchange/ports.ts'
import type { Finding } from '../policy/trust-policy.ts'
import type { TrustedIssuersCompilation } from '../policy/trusted-issuers.ts'
import type { Logger } from '../runtime/log.ts'
import type { Denial } from '../terms/denial.ts'
import { TRUSTED_ISSUERS_FILE, TRUSTED_ISSUERS_PATH } from '../terms/identity.ts'
import type { AppClient } from './app-client.ts'
import { type AppPool, isOfOneApp, weight } from './app-pool.ts'
import { type KnownFile, readFile } from './file-read.ts'
import { sameAccount, withInstallation } from './with-installation.ts'

/** What reading an organization's list of trusted issuers came to. */
export interface ListRead {
  readonly found: TrustedIssuersAnswer | { readonly kind: 'invalid'; readonly findings: readonly Finding[] }
  /** The blob; undefined when there was none. */
  readonly file: KnownFile | undefined
}

export interface TrustedIssuersReadOptions {
  readonly pool: AppPool
  readonly clock: Clock
  readonly log: Logger
  readonly compile: (text: string) => Promise<TrustedIssuersCompilation>
}

/**
 * Asks the Apps of the owner one after the other, all of them. That none was given the policy repository opens the owner to
 * every issuer, so it must be certain: an App that cannot be asked just now may have it, and GitHub must have said "not
 * given" to one at least, confirmed with a fresh look at its installation.
 */
export async function readTrustedIssuers(
  request: TrustedIssuersRequest,
  known: ListRead | undefined,
  options: TrustedIssuersReadOptions,
): Promise<ListRead> {
  const { pool, clock, log } = options
  const { installation, owner, repository } = request
  const first = pool.withId(installation.app.id)
  const apps = [...(first === undefined ? [] : [first]), ...pool.inOrder(owner).filter((app) => app !== first)]
  const read = async (app: AppClient, find: () => Promise<Installation>): Promise<ListRead | Refused> => {
    const askedAt = clock.monotonic()
    let tried: Installation | undefined
    try {
      tried = await find()
      return await readWith({ app, installation: tried, request, known }, options)
    } catch (error) {
      if (!isOfOneApp(error)) throw error
      if (error.reason === 'POLICY_READ_FORBIDDEN') throw error // contract §6: fails closed
      pool.note(app, error)
      return { app, tried, askedAt, denial: error }
    }
  }

  const refusals: Refused[] = []
  for (const app of apps) {
    const outcome = await read(app, async () => (app === first ? installation : findSame(app, request)))
    if (!('denial' in outcome)) return outcome
    refusals.push(outcome)
  }
  const notGiven = refusals.filter(({ denial }) => isNotGiven(denial))
  refuseUnlessCertain(refusals, notGiven)
  for (const { app, tried, askedAt } of notGiven) {
    if (tried === undefined) continue
    const current = await app.installations.renew(tried, askedAt)
    const outcome = current.id === tried.id ? undefined : await read(app, async () => current)
    if (outcome !== undefined && !('denial' in outcome)) return outcome
    if (outcome !== undefined && !isNotGiven(outcome.denial)) throw outcome.denial
  }
  log.warn(
    { owner, repository, apps: apps.map(({ id }) => id) },
    "no GitHub App can read the organization's policy repository: its list of trusted issuers, if it has one, is not enforced",
  )
  return { found: UNREADABLE, file: undefined }
}

/** Why an App could not read the list. */
interface Refused {
  readonly app: AppClient
  /** undefined: no installation was found to try it with. */
  readonly tried: Installation | undefined
  /** On the monotonic clock. */
  readonly askedAt: number
  readonly denial: Denial
}

/** The App was not given the policy repository. That GitHub knows it by another name is not that: it fails closed. */
function isNotGiven({ reason }: Denial): boolean {
  return reason === 'REPOSITORY_NOT_SELECTED'
}

/** An App that is not installed has nothing; one that is suspended or limited may have the list all the same. */
function refuseUnlessCertain(refusals: readonly Refused[], notGiven: readonly Refused[]): void {
  const others = refusals.filter((refused) => !notGiven.includes(refused)).map(({ denial }) => denial)
  const [unsure] = others
    .filter(({ reason }) => reason !== 'APP_NOT_INSTALLED')
    .toSorted((a, b) => weight(a) - weight(b))
  if (unsure !== undefined) throw unsure
  if (notGiven.length === 0) throw others[0] ?? new Error('an owner has no App')
}

interface Reading {
  readonly app: AppClient
  readonly installation: Installation
  readonly request: TrustedIssuersRequest
  readonly known: ListRead | undefined
}

async function readWith(
  { app, installation, request, known }: Reading,
  { clock, compile }: TrustedIssuersReadOptions,
): Promise<ListRead> {
  const { owner, repository, beside } = request
  const about = {
    owner,
    repository,
    beside,
    file: TRUSTED_ISSUERS_FILE,
    identity: '',
    doing: DOING,
    known: known?.file,
  }
  const read = await withInstallation(
    installation,
    (current) => readFile({ ...about, installation: current }, { ...app, clock }),
    { installations: app.installations, clock },
  )
  const { reader } = read
  switch (read.kind) {
    case 'missing':
      return { found: ABSENT, file: undefined }
    case 'no-file':
      return {
        found: { kind: 'invalid', findings: [finding(`${TRUSTED_ISSUERS_PATH} is ${read.what}, not a file`)] },
        file: undefined,
      }
    case 'unchanged':
      if (known?.file === undefined) throw new Error('GitHub was asked whether nothing had changed')
      return { found: known.found, file: { ...known.file, reader, etag: read.etag ?? known.file.etag } }
    case 'file': {
      const file = { sha: read.sha, etag: read.etag, reader }
      if (!read.text.ok) return { found: { kind: 'invalid', findings: [read.text.finding] }, file }
      return { found: foundIn(await compile(read.text.text), read.sha), file }
    }
  }
}

function foundIn(compilation: TrustedIssuersCompilation, sha: string): ListRead['found'] {
  if (!compilation.ok) return { kind: 'invalid', findings: compilation.findings }
  return { kind: 'list', list: compilation.list, sha, stale: false }
}

/** Another App's installation, of the very account that is asked for. */
async function findSame(app: AppClient, { owner, installation }: TrustedIssuersRequest): Promise<Installation> {
  return sameAccount(installation, await app.installations.find(owner, NEVER))
}

function finding(message: string): Finding {
  return { message, pointer: '' }
}

/** One for all owners: most have no list. */
const ABSENT = { kind: 'absent', unreadable: false } as const
const UNREADABLE = { kind: 'absent', unreadable: true } as const
const DOING = "reading the organization's list of trusted issuers"
/** Shared work does not end with one of its callers; each call has limits of its own. */
const NEVER = new AbortController().signal

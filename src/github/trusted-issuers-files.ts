import { LRUCache } from 'lru-cache'
import type {
  Clock,
  Installation,
  LoadTrustedIssuers,
  TrustedIssuersAnswer,
  TrustedIssuersRequest,
} from '../exchange/ports.ts'
import type { Finding } from '../policy/trust-policy.ts'
import type { TrustedIssuersCompilation } from '../policy/trusted-issuers.ts'
import type { Logger } from '../runtime/log.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial, type Reason } from '../terms/denial.ts'
import { POLICY_FOLDER, TRUSTED_ISSUERS_FILE } from '../terms/identity.ts'
import { quote } from '../terms/text.ts'
import type { AppClient } from './app-client.ts'
import { type AppPool, gravest, isOfOneApp } from './app-pool.ts'
import type { CacheReport } from './cache-report.ts'
import { type KnownFile, readFile } from './file-read.ts'
import { isUnanswered, SupersededAnswer } from './known-failures.ts'
import { createSuperseded } from './superseded.ts'
import { sameAccount, withInstallation } from './with-installation.ts'

export interface TrustedIssuersFiles {
  readonly load: LoadTrustedIssuers
  /** `pushed`: the file itself was changed, so that for a minute its old blob is not believed. */
  forget(accountId: number, pushed: boolean): void
  /** The blob as a push left it: it is the present one, whatever it was before. */
  confirm(accountId: number, sha: string): void
  /** Everything is looked at anew before it is used again, and does not stand in for GitHub's answer. */
  distrust(): void
}

export interface TrustedIssuersFilesOptions {
  readonly pool: AppPool
  readonly clock: Clock
  readonly log: Logger
  readonly compile: (text: string) => TrustedIssuersCompilation
  readonly onCache: (report: CacheReport) => void
}

/** The organizations' lists of trusted issuers (contract §6): fresh for five minutes, one look-up in flight per owner. */
export function createTrustedIssuersFiles(options: TrustedIssuersFilesOptions): TrustedIssuersFiles {
  const { clock, onCache } = options
  // Only accounts with an installation get here.
  const entries = new LRUCache<string, Entry>({ max: OWNERS_KEPT })
  const superseded = createSuperseded(clock)
  const flights = createSingleFlight<TrustedIssuersAnswer>()
  let epoch = 0 // rises with each `forget`: what was begun before is not kept after

  const ageOf = (entry: Entry) => clock.monotonic() - entry.checkedAt
  const isFresh = (entry: Entry) =>
    !entry.distrusted && ageOf(entry) < (entry.found.kind === 'refused' ? REFUSAL_MS : FRESH_MS)

  /** The last good list, which an invalid one leaves in force for an hour. */
  const answerOf = ({ found, good }: Entry): TrustedIssuersAnswer => {
    if (found.kind === 'refused') throw found.denial
    if (found.kind !== 'invalid') return found
    if (good !== undefined && clock.monotonic() - good.at < GOOD_MS) return { ...good.answer, stale: true }
    throw invalid(found.findings)
  }
  /** What answers while GitHub limits or does not answer: the last that it said, for an hour. */
  const standIn = (entry: Entry | undefined): TrustedIssuersAnswer | undefined => {
    if (entry === undefined || entry.distrusted || entry.found.kind === 'refused') return undefined
    if (entry.found.kind !== 'invalid') {
      if (ageOf(entry) >= FRESH_MS + GOOD_MS) return undefined
      return entry.found.kind === 'list' ? { ...entry.found, stale: true } : entry.found
    }
    const { good } = entry
    return good !== undefined && clock.monotonic() - good.at < GOOD_MS ? { ...good.answer, stale: true } : undefined
  }

  const loadAnew = async (request: TrustedIssuersRequest, known: Entry | undefined): Promise<TrustedIssuersAnswer> => {
    const key = keyOf(request.installation.account.id)
    const begun = epoch
    const keep = (entry: Entry): Entry => {
      if (begun === epoch) entries.set(key, entry)
      return entry
    }
    try {
      const looked = await look(request, known, options)
      if (looked.found.kind !== 'absent' && superseded.isOld(key, looked.file?.sha ?? '')) throw notYetThere(request)
      return answerOf(keep(withGood(looked, known, clock.monotonic())))
    } catch (error) {
      const stale = isUnanswered(error) ? standIn(known) : undefined
      if (stale !== undefined && known !== undefined && begun === epoch) {
        keep({ ...known, askAgainAt: clock.monotonic() + silenceMs(error) })
        onCache({ cache: 'trusted_issuers', outcome: 'stale' })
        return stale
      }
      if (!(error instanceof Denial)) throw error
      const denial = spoken(error, request)
      if (denial.reason === 'TRUSTED_ISSUERS_FORBIDDEN') keep(refused(denial, clock.monotonic()))
      throw denial
    }
  }

  return {
    load(request, signal) {
      signal.throwIfAborted()
      const key = keyOf(request.installation.account.id)
      const entry = entries.get(key)
      const fresh = entry !== undefined && isFresh(entry)
      onCache({ cache: 'trusted_issuers', outcome: fresh ? 'hit' : 'miss' })
      if (fresh) return answerOf(entry)
      const waiting = entry !== undefined && clock.monotonic() < entry.askAgainAt ? standIn(entry) : undefined
      return waiting ?? flights.run(`${epoch}/${key}`, signal, () => loadAnew(request, entry))
    },
    forget(accountId, pushed) {
      epoch += 1
      const key = keyOf(accountId)
      const sha = entries.peek(key)?.file?.sha
      if (pushed && sha !== undefined) superseded.note(key, sha)
      entries.delete(key)
    },
    confirm: (accountId, sha) => superseded.confirm(keyOf(accountId), sha),
    distrust() {
      epoch += 1
      for (const [key, entry] of [...entries.entries()]) entries.set(key, { ...entry, distrusted: true })
    },
  }
}

type ListAnswer = Extract<TrustedIssuersAnswer, { kind: 'list' }>

type Found =
  | TrustedIssuersAnswer
  | { readonly kind: 'invalid'; readonly findings: readonly Finding[] }
  | { readonly kind: 'refused'; readonly denial: Denial }

interface Entry {
  readonly found: Found
  /** The blob that was read last; undefined when there was none. */
  readonly file: KnownFile | undefined
  /** The last valid list, and when GitHub last said that it is the one; on the monotonic clock. */
  readonly good: { readonly answer: ListAnswer; readonly at: number } | undefined
  /** On the monotonic clock. */
  readonly checkedAt: number
  /** Not before then, as GitHub demanded (its rate limits); on the monotonic clock. */
  readonly askAgainAt: number
  /** Messages may have been missed: it is looked at anew before it is used, and does not stand in for an answer. */
  readonly distrusted: boolean
}

type Looked = Pick<Entry, 'found' | 'file'>

function withGood({ found, file }: Looked, known: Entry | undefined, now: number): Entry {
  const good = found.kind === 'list' ? { answer: found, at: now } : found.kind === 'invalid' ? known?.good : undefined
  return { found, file, good, checkedAt: now, askAgainAt: 0, distrusted: false }
}

function refused(denial: Denial, now: number): Entry {
  return {
    ...withGood({ found: { kind: 'absent', unreadable: false }, file: undefined }, undefined, now),
    found: { kind: 'refused', denial },
  }
}

/**
 * Asks the Apps of the owner one after the other, all of them, until one can read. That none was given the policy repository
 * opens the owner to every issuer, so it must be certain, and is confirmed with a fresh look at the installations: an App
 * that could not be asked (GitHub limits it, its key is refused, …) may well be the one that can read, so that then its
 * refusal stands. A read that GitHub forbids or sends elsewhere is the last word, whatever others can (contract §6).
 */
async function look(
  request: TrustedIssuersRequest,
  known: Entry | undefined,
  options: TrustedIssuersFilesOptions,
): Promise<Looked> {
  const { pool, clock, log } = options
  const { installation, owner, repository } = request
  const first = pool.withId(installation.app.id)
  const apps = [...(first === undefined ? [] : [first]), ...pool.inOrder(owner).filter((app) => app !== first)]
  const refusals: Denial[] = []
  const unreached: { readonly app: AppClient; readonly tried: Installation; readonly askedAt: number }[] = []
  /** Undefined, with the refusal kept, when another App may be able to do the work all the same. */
  const orElse = async <T>(app: AppClient, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      if (!isOfOneApp(error) || FINAL.has(error.reason)) throw error
      pool.note(app, error)
      refusals.push(error)
      return undefined
    }
  }
  const read = (app: AppClient, of: Installation) =>
    orElse(app, () => readWith({ app, installation: of, request, known }, options))
  /** It may be the one that could not answer that can read. */
  const refuseUnlessUnreached = () => {
    const unasked = refusals.filter(({ reason }) => !UNREACHED.has(reason))
    if (unasked.length > 0) throw gravest(unasked)
  }
  for (const app of apps) {
    const askedAt = clock.monotonic()
    const tried = await orElse(app, async () => (app === first ? installation : findSame(app, request)))
    if (tried === undefined) continue
    const found = await read(app, tried)
    if (found !== undefined) return found
    unreached.push({ app, tried, askedAt })
  }
  refuseUnlessUnreached()
  for (const { app, tried, askedAt } of unreached) {
    const current = await orElse(app, () => app.installations.renew(tried, askedAt))
    if (current === undefined || current.id === tried.id) continue
    const found = await read(app, current)
    if (found !== undefined) return found
  }
  refuseUnlessUnreached()
  log.warn(
    { owner, repository, apps: apps.map(({ id }) => id) },
    "no GitHub App can read the organization's policy repository: its list of trusted issuers, if it has one, is not enforced",
  )
  return { found: { kind: 'absent', unreadable: true }, file: undefined }
}

interface Reading {
  readonly app: AppClient
  readonly installation: Installation
  readonly request: TrustedIssuersRequest
  readonly known: Entry | undefined
}

async function readWith(
  { app, installation, request, known }: Reading,
  { clock, compile }: TrustedIssuersFilesOptions,
): Promise<Looked> {
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
      return { found: { kind: 'absent', unreadable: false }, file: undefined }
    case 'no-file':
      return { found: { kind: 'invalid', findings: [finding(`${PATH} is ${read.what}, not a file`)] }, file: undefined }
    case 'unchanged':
      if (known?.file === undefined) throw new Error('GitHub was asked whether nothing had changed')
      return { found: known.found, file: { ...known.file, reader, etag: read.etag ?? known.file.etag } }
    case 'file': {
      const file = { sha: read.sha, etag: read.etag, reader }
      if (!read.text.ok) return { found: { kind: 'invalid', findings: [read.text.finding] }, file }
      return { found: foundIn(compile(read.text.text), read.sha), file }
    }
  }
}

function foundIn(compilation: TrustedIssuersCompilation, sha: string): Found {
  if (!compilation.ok) return { kind: 'invalid', findings: compilation.findings }
  return { kind: 'list', list: compilation.list, sha, stale: false }
}

/** Another App's installation, of the very account that is asked for. */
async function findSame(app: AppClient, { owner, installation }: TrustedIssuersRequest): Promise<Installation> {
  return sameAccount(installation, await app.installations.find(owner, NEVER))
}

function invalid(findings: readonly Finding[]): Denial {
  return new Denial(
    'TRUSTED_ISSUERS_INVALID',
    "the organization's list of trusted issuers is invalid: its administrators must correct it",
    { cause: findings },
  )
}

/** The refusals of reading a file, in the words for this one. */
function spoken(error: Denial, { owner, repository }: TrustedIssuersRequest): Denial {
  const { reason, cause, retryAfterMs } = error
  const again = retryAfterMs === undefined ? {} : { retryAfterMs }
  switch (reason) {
    case 'POLICY_READ_FORBIDDEN':
      return new Denial(
        'TRUSTED_ISSUERS_FORBIDDEN',
        `GitHub forbids the App to read the list of trusted issuers in ${quote(`${owner}/${repository}`)}, so that no issuer is trusted`,
        { cause },
      )
    case 'REPOSITORY_RENAMED': // whoever has its name tomorrow must not be believed, and nobody says what the list says
      return new Denial(
        'TRUSTED_ISSUERS_FORBIDDEN',
        `GitHub knows ${quote(`${owner}/${repository}`)} by another name, so that the list of trusted issuers cannot be read and no issuer is trusted: make a repository with that name, or ask with the owner's present one`,
        { cause },
      )
    case 'GITHUB_TIMEOUT': // contract §6: unreachable is Unavailable, however long it took
      return new Denial('GITHUB_UNAVAILABLE', error.message, { cause, ...again })
    default:
      return error
  }
}

function notYetThere({ owner, repository }: TrustedIssuersRequest): Denial {
  return new Denial(
    'GITHUB_UNAVAILABLE',
    `GitHub still shows ${PATH} of ${quote(`${owner}/${repository}`)} as it was before the last push; try again`,
    { cause: new SupersededAnswer('the blob is the one from before the push'), retryAfterMs: REPLICATION_MS },
  )
}

function finding(message: string): Finding {
  return { message, pointer: '' }
}

/** GitHub said until when it wants to hear nothing; for a minute at most it is believed. */
function silenceMs(error: unknown): number {
  if (!(error instanceof Denial) || error.reason !== 'GITHUB_RATE_LIMITED') return 0
  return Math.min(error.retryAfterMs ?? 0, LONGEST_SILENCE_MS)
}

function keyOf(accountId: number): string {
  return String(accountId)
}

const PATH = `${POLICY_FOLDER}/${TRUSTED_ISSUERS_FILE}`
const DOING = "reading the organization's list of trusted issuers"
/** The App is not there, or was not given the policy repository: it has said all that it can. */
const UNREACHED: ReadonlySet<Reason> = new Set<Reason>([
  'REPOSITORY_NOT_SELECTED',
  'APP_NOT_INSTALLED',
  'INSTALLATION_SUSPENDED',
])
/** GitHub has spoken of the file itself. */
const FINAL: ReadonlySet<Reason> = new Set<Reason>(['POLICY_READ_FORBIDDEN'])
/** Shared work does not end with one of its callers; each call has limits of its own. */
const NEVER = new AbortController().signal
/** Contract §6. */
const FRESH_MS = 5 * 60_000
const GOOD_MS = 60 * 60_000
/** A rule of the organization may be lifted at any moment. */
const REFUSAL_MS = 15_000
const LONGEST_SILENCE_MS = 60_000
const REPLICATION_MS = 2_000
/** Some 10 KB each with their patterns. */
const OWNERS_KEPT = 5_000

import { LRUCache } from 'lru-cache'
import type {
  Clock,
  Installation,
  LoadTrustedIssuers,
  TrustedIssuersAnswer,
  TrustedIssuersRequest,
} from '../exchange/ports.ts'
import { trustedIssuersBytes } from '../policy/compiled-size.ts'
import type { Finding } from '../policy/trust-policy.ts'
import type { TrustedIssuersCompilation } from '../policy/trusted-issuers.ts'
import type { Logger } from '../runtime/log.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial, type Reason } from '../terms/denial.ts'
import { POLICY_FOLDER, TRUSTED_ISSUERS_FILE } from '../terms/identity.ts'
import { quote } from '../terms/text.ts'
import type { AppClient } from './app-client.ts'
import type { AppPool } from './app-pool.ts'
import type { CacheReport } from './cache-report.ts'
import { type KnownFile, readFile } from './file-read.ts'
import { isUnanswered, SupersededAnswer } from './known-failures.ts'
import { isDueAhead, type RefreshAhead } from './refresh-ahead.ts'
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
  readonly ahead: RefreshAhead
  readonly compile: (text: string) => TrustedIssuersCompilation
  readonly onCache: (report: CacheReport) => void
}

/** The organizations' lists of trusted issuers (contract §6): fresh for five minutes, one look-up in flight per owner. */
export function createTrustedIssuersFiles(options: TrustedIssuersFilesOptions): TrustedIssuersFiles {
  const { clock, ahead, onCache } = options
  // Only accounts with an installation get here.
  const entries = new LRUCache<string, Entry>({ max: OWNERS_KEPT, maxSize: LISTS_BYTES, sizeCalculation: bytesOf })
  const superseded = createSuperseded(clock)
  const flights = createSingleFlight<TrustedIssuersAnswer>()
  let epoch = 0 // rises with each `forget`: what was begun before is not kept after

  const ageOf = (entry: Entry) => clock.monotonic() - entry.checkedAt
  const isFresh = (entry: Entry) =>
    !entry.distrusted && ageOf(entry) < (entry.found.kind === 'refused' ? REFUSAL_MS : FRESH_MS)

  const isDue = (entry: Entry) =>
    entry.found.kind !== 'refused' && isDueAhead(ageOf(entry), FRESH_MS) && clock.monotonic() >= entry.askAgainAt

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
        if (!isFresh(known)) onCache({ cache: 'trusted_issuers', outcome: 'stale' })
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
      const flight = `${epoch}/${key}`
      if (fresh) {
        if (isDue(entry))
          ahead.begin(`issuers/${key}`, () => flights.run(flight, undefined, () => loadAnew(request, entry)))
        return answerOf(entry)
      }
      const waiting = entry !== undefined && clock.monotonic() < entry.askAgainAt ? standIn(entry) : undefined
      return waiting ?? flights.run(flight, signal, () => loadAnew(request, entry))
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
  /** What `found` holds, about. */
  readonly bytes: number
  /** The last valid list, and when GitHub last said that it is the one; on the monotonic clock. */
  readonly good: { readonly answer: ListAnswer; readonly at: number; readonly bytes: number } | undefined
  /** On the monotonic clock. */
  readonly checkedAt: number
  /** Not before then, as GitHub demanded (its rate limits); on the monotonic clock. */
  readonly askAgainAt: number
  /** Messages may have been missed: it is looked at anew before it is used, and does not stand in for an answer. */
  readonly distrusted: boolean
}

type Looked = Pick<Entry, 'found' | 'file' | 'bytes'>

function bytesOf({ found, bytes, good }: Entry): number {
  return bytes + (good === undefined || good.answer === found ? 0 : good.bytes)
}

function withGood({ found, file, bytes }: Looked, known: Entry | undefined, now: number): Entry {
  const good =
    found.kind === 'list' ? { answer: found, at: now, bytes } : found.kind === 'invalid' ? known?.good : undefined
  return { found, file, bytes, good, checkedAt: now, askAgainAt: 0, distrusted: false }
}

function refused(denial: Denial, now: number): Entry {
  return {
    ...withGood({ ...NOTHING, found: { kind: 'absent', unreadable: false } }, undefined, now),
    found: { kind: 'refused', denial },
  }
}

/**
 * Asks the Apps of the owner one after the other, all of them: that none can read the policy repository opens the owner to
 * every issuer, so it must be certain, and is confirmed with a fresh look at the installations.
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
  const unreached: { readonly app: AppClient; readonly tried: Installation; readonly askedAt: number }[] = []
  for (const app of apps) {
    const askedAt = clock.monotonic()
    const tried = await unlessUnreached(async () => (app === first ? installation : findSame(app, request)))
    if (tried === undefined) continue
    const found = await unlessUnreached(() => readWith({ app, installation: tried, request, known }, options))
    if (found !== undefined) return found
    unreached.push({ app, tried, askedAt })
  }
  for (const { app, tried, askedAt } of unreached) {
    const current = await unlessUnreached(() => app.installations.renew(tried, askedAt))
    if (current === undefined || current.id === tried.id) continue
    const found = await unlessUnreached(() => readWith({ app, installation: current, request, known }, options))
    if (found !== undefined) return found
  }
  log.warn(
    { owner, repository, apps: apps.map(({ id }) => id) },
    "no GitHub App can read the organization's policy repository: its list of trusted issuers, if it has one, is not enforced",
  )
  return { ...NOTHING, found: { kind: 'absent', unreadable: true } }
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
      return { ...NOTHING, found: { kind: 'absent', unreadable: false } }
    case 'no-file':
      return { ...NOTHING, found: { kind: 'invalid', findings: [finding(`${PATH} is ${read.what}, not a file`)] } }
    case 'unchanged':
      if (known?.file === undefined) throw new Error('GitHub was asked whether nothing had changed')
      return {
        found: known.found,
        bytes: known.bytes,
        file: { ...known.file, reader, etag: read.etag ?? known.file.etag },
      }
    case 'file': {
      const file = { sha: read.sha, etag: read.etag, reader }
      if (!read.text.ok) return { ...NOTHING, found: { kind: 'invalid', findings: [read.text.finding] }, file }
      const { text } = read.text
      const compilation = compile(text)
      return { found: foundIn(compilation, read.sha), bytes: trustedIssuersBytes(compilation, text), file }
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

/** Undefined when the App is not there, or was not given the policy repository, under that name at least. */
async function unlessUnreached<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Denial && UNREACHED.has(error.reason)) return undefined
    throw error
  }
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
const UNREACHED: ReadonlySet<Reason> = new Set<Reason>([
  'REPOSITORY_NOT_SELECTED',
  'REPOSITORY_RENAMED',
  'APP_NOT_INSTALLED',
  'INSTALLATION_SUSPENDED',
])
/** Shared work does not end with one of its callers; each call has limits of its own. */
const NEVER = new AbortController().signal
/** Contract §6. */
const FRESH_MS = 5 * 60_000
const GOOD_MS = 60 * 60_000
/** A rule of the organization may be lifted at any moment. */
const REFUSAL_MS = 15_000
const LONGEST_SILENCE_MS = 60_000
const REPLICATION_MS = 2_000
const OWNERS_KEPT = 5_000
/** As `trustedIssuersBytes` counts: some 200 patterns that are no plain texts. */
const LISTS_BYTES = 16 * 1024 * 1024
/** There is no file, or none that was compiled. */
const NOTHING = { file: undefined, bytes: 1024 } as const

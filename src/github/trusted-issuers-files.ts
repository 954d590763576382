import { LRUCache } from 'lru-cache'
import type { LoadTrustedIssuers, TrustedIssuersAnswer, TrustedIssuersRequest } from '../exchange/ports.ts'
import type { CacheReport } from '../exchange/reports.ts'
import { trustedIssuersBytes } from '../policy/compiled-size.ts'
import type { Finding } from '../policy/trust-policy.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial } from '../terms/denial.ts'
import { TRUSTED_ISSUERS_PATH } from '../terms/identity.ts'
import { quote } from '../terms/text.ts'
import { isUnanswered, silenceMs, supersededFile } from './known-failures.ts'
import { isDueAhead, type RefreshAhead } from './refresh-ahead.ts'
import { createSuperseded } from './superseded.ts'
import { type ListRead, readTrustedIssuers, type TrustedIssuersReadOptions } from './trusted-issuers-read.ts'

export interface TrustedIssuersFiles {
  readonly load: LoadTrustedIssuers
  /** `distrust`: for a minute what was known is not believed to be the present state. */
  forget(accountId: number, distrust: boolean): void
  /** The blob as a push left it: it is the present one, whatever it was before, and no other one is. */
  confirm(accountId: number, sha: string): void
  /** Everything is looked at anew before it is used again, and does not stand in for GitHub's answer. */
  distrust(): void
}

export interface TrustedIssuersFilesOptions extends TrustedIssuersReadOptions {
  readonly ahead: RefreshAhead
  readonly onCache: (report: CacheReport) => void
}

/** The organizations' lists of trusted issuers (contract §6): fresh for five minutes, one look-up in flight per owner. */
export function createTrustedIssuersFiles(options: TrustedIssuersFilesOptions): TrustedIssuersFiles {
  const { clock, ahead, onCache } = options
  // Only accounts with an installation get here.
  const entries = new LRUCache<string, Entry>({ maxSize: LISTS_BYTES, sizeCalculation: bytesOf })
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
  const standIn = (entry: Entry): TrustedIssuersAnswer | undefined => {
    if (entry.distrusted || entry.found.kind === 'refused') return undefined
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
      const read = await readTrustedIssuers(request, lastRead(known), options)
      if (superseded.isOld(key, blobOf(read))) throw supersededFile(request, TRUSTED_ISSUERS_PATH)
      return answerOf(keep(withGood(read, known, clock.monotonic())))
    } catch (error) {
      if (known !== undefined && begun === epoch && isUnanswered(error)) {
        const stale = standIn(known)
        if (stale !== undefined) {
          keep({ ...known, askAgainAt: clock.monotonic() + silenceMs(error) })
          if (!isFresh(known)) onCache({ cache: 'trusted_issuers', outcome: 'stale' })
          return stale
        }
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
    forget(accountId, distrust) {
      epoch += 1
      const key = keyOf(accountId)
      const entry = entries.peek(key)
      if (distrust && entry !== undefined && entry.found.kind !== 'refused') superseded.note(key, blobOf(entry))
      entries.delete(key)
    },
    confirm(accountId, sha) {
      const key = keyOf(accountId)
      superseded.confirm(key, sha)
      // A machine that had not heard of the push may have been asked after it: the former list, or none, is not the answer.
      epoch += 1
      if (entries.peek(key)?.file?.sha !== sha) entries.delete(key)
    },
    distrust() {
      epoch += 1
      for (const [key, entry] of [...entries.entries()]) entries.set(key, { ...entry, distrusted: true })
    },
  }
}

type ListAnswer = Extract<TrustedIssuersAnswer, { kind: 'list' }>

interface Entry extends Omit<ListRead, 'found'> {
  readonly found: ListRead['found'] | { readonly kind: 'refused'; readonly denial: Denial }
  /** The last valid list, and when GitHub last said that it is the one; on the monotonic clock. */
  readonly good: { readonly answer: ListAnswer; readonly at: number } | undefined
  /** On the monotonic clock. */
  readonly checkedAt: number
  /** Not before then, as GitHub demanded (its rate limits); on the monotonic clock. */
  readonly askAgainAt: number
  /** Messages may have been missed: it is looked at anew before it is used, and does not stand in for an answer. */
  readonly distrusted: boolean
}

function lastRead(entry: Entry | undefined): ListRead | undefined {
  if (entry === undefined || entry.found.kind === 'refused') return undefined
  const { found, file } = entry
  return { found, file }
}

/** Of a list that is absent a text that no blob has: where a push has made one, its absence is what was before. */
function blobOf({ file }: Pick<ListRead, 'file'>): string {
  return file?.sha ?? ''
}

function bytesOf({ found, good }: Entry): number {
  const lists = new Set([
    ...(found.kind === 'list' ? [found.list] : []),
    ...(good === undefined ? [] : [good.answer.list]),
  ])
  return [...lists].reduce((sum, list) => sum + trustedIssuersBytes(list), ENTRY_BYTES)
}

function withGood({ found, file }: ListRead, known: Entry | undefined, now: number): Entry {
  const good = found.kind === 'list' ? { answer: found, at: now } : found.kind === 'invalid' ? known?.good : undefined
  return { found, file, good, checkedAt: now, askAgainAt: 0, distrusted: false }
}

function refused(denial: Denial, now: number): Entry {
  return {
    ...withGood({ found: { kind: 'absent', unreadable: false }, file: undefined }, undefined, now),
    found: { kind: 'refused', denial },
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

function keyOf(accountId: number): string {
  return String(accountId)
}

/** Contract §6. */
const FRESH_MS = 5 * 60_000
const GOOD_MS = 60 * 60_000
/** A rule of the organization may be lifted at any moment. */
const REFUSAL_MS = 15_000
/** As `trustedIssuersBytes` counts: 300 patterns that are no plain texts, or 32,000 owners without a list. */
const LISTS_BYTES = 16 * 1024 * 1024
const ENTRY_BYTES = 512

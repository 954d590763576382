import { LRUCache } from 'lru-cache'
import type { Clock, Installation, LoadPolicy, PolicyFile, PolicyRequest } from '../exchange/ports.ts'
import type { CacheReport } from '../exchange/reports.ts'
import { policyBytes } from '../policy/compiled-size.ts'
import type { Compilation, PolicyKind } from '../policy/trust-policy.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial, type Reason } from '../terms/denial.ts'
import { POLICY_SUFFIX, policyPath } from '../terms/identity.ts'
import { nameKey } from '../terms/scope.ts'
import { detached } from '../terms/text.ts'
import type { Call } from './call.ts'
import { type KnownFile, type PolicyRead, readFile } from './file-read.ts'
import type { Installations } from './installations.ts'
import { isUnanswered, saysNothing, silenceMs, supersededFile } from './known-failures.ts'
import type { LookupBudget } from './lookup-budget.ts'
import { createPolicyMisses } from './policy-misses.ts'
import type { ReaderTokens } from './reader-tokens.ts'
import { isDueAhead, type RefreshAhead } from './refresh-ahead.ts'
import { createSuperseded } from './superseded.ts'
import { withInstallation } from './with-installation.ts'

export interface PolicyFiles {
  readonly load: LoadPolicy
  /**
   * Drops what is known of a repository's policies, for a push that changed them: nothing from before it is served again,
   * not even when GitHub is silent, and a read that is under way is not kept. `distrust`: for a minute the blob that was
   * known is not believed to be the present one.
   */
  forget(
    repository: { readonly accountId: number; readonly repository: string },
    identities: readonly string[] | 'all',
    distrust: boolean,
  ): void
  /** Drops what is known of all repositories of an account. */
  forgetAccount(accountId: number): void
  /** The misses of an installation, or of one repository as it sees it. */
  forgetMisses(installationId: number, repository?: string): void
  /** The blob of a policy as a push left it: what `forget` distrusts is the present one again, and another one is not. */
  confirm(
    policy: Pick<PolicyRequest, 'repository' | 'identity' | 'kind'> & { readonly accountId: number },
    sha: string,
  ): void
  /** Everything is looked at anew before it is used again, and does not stand in for GitHub's answer. */
  distrust(): void
}

export interface PolicyFilesOptions {
  readonly clock: Clock
  readonly budget: LookupBudget
  readonly ahead: RefreshAhead
  /** The App of an installation. */
  readonly appOf: (installation: Installation) => AppAccess
  /** May take turns, so that a stranger's file holds nobody up. */
  readonly compile: (text: string, kind: PolicyKind) => Promise<Compilation>
  /** How long past its freshness the last good policy may stand in for GitHub's answer; 0 is off. */
  readonly staleMaxMs: number
  readonly onCache: (report: CacheReport) => void
}

/** What reading files takes of an App. */
export interface AppAccess {
  readonly call: Call
  readonly readers: ReaderTokens
  readonly installations: Installations
}

/**
 * The policies of all repositories: compiled once, fresh for five minutes, then revalidated; those in use are so in the
 * fifth minute already, in the background. Whichever App has read a policy, it is the same for all of them.
 */
export function createPolicyFiles(options: PolicyFilesOptions): PolicyFiles {
  const { clock, budget, ahead, appOf, compile, staleMaxMs, onCache } = options
  // Only what exists gets here, so no miss pushes a policy out; bounded all the same, since anybody may install a public App.
  const policies = new LRUCache<string, Entry>({
    maxSize: POLICIES_BYTES,
    sizeCalculation: ({ bytes }) => bytes,
  })
  const misses = createPolicyMisses(options)
  const superseded = createSuperseded(clock)
  const flights = createSingleFlight<PolicyFile>()
  let epoch = 0 // rises with each `forget`: what was begun before is not kept after

  const ageOf = (entry: Entry) => clock.monotonic() - entry.checkedAt
  const isFresh = (entry: Entry) => !entry.distrusted && ageOf(entry) < FRESH_MS
  const isDue = (entry: Entry) => isDueAhead(ageOf(entry), FRESH_MS) && clock.monotonic() >= entry.askAgainAt
  const mayStandIn = (entry: Entry) =>
    entry.compilation.ok && !entry.distrusted && staleMaxMs > 0 && ageOf(entry) < FRESH_MS + staleMaxMs

  const load = async (request: PolicyRequest, known: Entry | undefined): Promise<PolicyFile> => {
    const key = policyKey(request)
    const begun = epoch
    try {
      if (known === undefined) refuseKnownMiss(await misses.settled(request).then(() => misses.find(request)))
      const read = (installation: PolicyRequest['installation']) => readFresh({ ...request, installation }, known)
      const { installations } = appOf(request.installation)
      const { target, entry } = await withInstallation(request.installation, read, { installations, clock })
      if (begun === epoch) policies.set(detached(key), entry)
      return fileOf(target, entry, false)
    } catch (error) {
      if (error instanceof Denial && OF_THE_REPOSITORY.has(error.reason)) misses.refused(request, error)
      if (known === undefined || begun !== epoch) throw error
      if (isUnanswered(error) && mayStandIn(known)) {
        policies.set(key, { ...known, askAgainAt: clock.monotonic() + silenceMs(error) })
        if (!isFresh(known)) onCache({ cache: 'policy', outcome: 'stale' })
        return fileOf(request, known, !isFresh(known))
      }
      if (error instanceof Denial && !saysNothing(error)) policies.delete(key)
      throw error
    }
  }

  const loadUnknown = async (request: PolicyRequest): Promise<PolicyFile> => {
    try {
      return await budget.admit(request.owner, () => load(request, undefined))
    } catch (error) {
      // What those who were admitted have learnt answers those who no longer are.
      if (error instanceof Denial && error.reason === 'LOOKUP_BUDGET_EXHAUSTED')
        refuseKnownMiss(await misses.settled(request).then(() => misses.find(request)))
      throw error
    }
  }

  const readFresh = async (target: PolicyRequest, known: Entry | undefined) => {
    const begun = epoch
    const app = appOf(target.installation)
    const read = await readFile(
      { ...target, known, file: `${target.identity}${POLICY_SUFFIX}`, doing: DOING },
      { ...app, clock },
    )
    if (read.kind === 'missing' || read.kind === 'no-file') {
      const what = read.kind === 'no-file' ? read.what : undefined
      throw await misses.missing(target, { reader: read.reader, call: app.call, what, remember: begun === epoch })
    }
    if (read.kind === 'file' && superseded.isOld(policyKey(target), read.sha))
      throw supersededFile(target, policyPath(target.identity))
    return { target, entry: await entryOf(read, target, known) }
  }

  const entryOf = async (
    read: Extract<PolicyRead, { kind: 'file' | 'unchanged' }>,
    { installation, kind }: PolicyRequest,
    known: Entry | undefined,
  ): Promise<Entry> => {
    const { reader } = read
    // Written out: an object that others are spread into has its members in a second one.
    const entry = ({ compilation, bytes, sha }: Content, etag: string | undefined): Entry => ({
      compilation,
      bytes,
      sha,
      etag,
      reader,
      installation,
      checkedAt: clock.monotonic(),
      askAgainAt: 0,
      distrusted: false,
    })
    if (read.kind === 'unchanged') return entry(unchanged(known), read.etag ?? known?.etag)
    const { sha, text, etag } = read
    if (known?.sha === sha) return entry(known, etag)
    const compilation: Compilation = text.ok
      ? await compile(text.text, kind)
      : { ok: false, stage: 'parse', findings: [text.finding] }
    const bytes = ENTRY_BYTES + policyBytes(compilation, text.ok ? text.text : '')
    return entry({ compilation, bytes, sha }, etag)
  }

  return {
    load(request, signal) {
      if (signal.aborted) return Promise.reject(signal.reason)
      const key = policyKey(request)
      const entry = policies.get(key)
      const fresh = entry !== undefined && isFresh(entry)
      onCache({ cache: 'policy', outcome: fresh ? 'hit' : 'miss' })
      if (fresh && !isDue(entry)) return fileOf(request, entry, false)
      const flight = `${epoch}/${request.installation.id}/${key}`
      if (fresh) {
        ahead.begin(`policy/${key}`, () => flights.run(flight, undefined, () => load(request, entry)))
        return fileOf(request, entry, false)
      }
      if (entry !== undefined && clock.monotonic() < entry.askAgainAt && mayStandIn(entry))
        return fileOf(request, entry, true)
      if (entry !== undefined) return flights.run(flight, signal, () => load(request, entry))
      const miss = misses.find(request)
      return miss === undefined ? flights.run(flight, signal, () => loadUnknown(request)) : Promise.reject(miss)
    },
    forget({ accountId, repository }, identities, distrust) {
      epoch += 1
      const prefix = `${accountId}/${nameKey(repository)}/`
      for (const [key, { sha }] of [...policies.entries()]) {
        if (!key.startsWith(prefix)) continue
        const identity = key.slice(key.lastIndexOf('/') + 1)
        if (identities !== 'all' && !identities.includes(identity)) continue
        policies.delete(key)
        if (distrust) superseded.note(key, sha)
      }
    },
    forgetAccount(accountId) {
      epoch += 1
      for (const key of [...policies.keys()]) if (key.startsWith(`${accountId}/`)) policies.delete(key)
    },
    forgetMisses(installationId, repository) {
      epoch += 1
      if (repository === undefined) misses.forgetInstallation(installationId)
      else misses.forget(installationId, repository)
    },
    confirm({ accountId, repository, kind, identity }, sha) {
      const key = `${accountId}/${nameKey(repository)}/${kind}/${identity}`
      superseded.confirm(key, sha)
      // Nothing was known of it when the push came, and a machine that had not heard of the push was asked after it.
      epoch += 1
      if (policies.get(key)?.sha !== sha) policies.delete(key)
    },
    distrust() {
      epoch += 1
      for (const [key, entry] of [...policies.entries()]) policies.set(key, { ...entry, distrusted: true })
      misses.clear()
    },
  }
}

interface Entry extends KnownFile {
  readonly compilation: Compilation
  /** What it holds, about. */
  readonly bytes: number
  /** When GitHub last said that this is the file, on the monotonic clock. */
  readonly checkedAt: number
  /** Not before then, as GitHub demanded (its rate limits); on the monotonic clock. */
  readonly askAgainAt: number
  /** The one it was read with. */
  readonly installation: Installation
  /** Messages may have been missed: it is revalidated before it is used, and does not stand in for an answer. */
  readonly distrusted: boolean
}

type Content = Pick<Entry, 'compilation' | 'bytes' | 'sha'>

function unchanged(known: Entry | undefined): Entry {
  if (known === undefined) throw new Error('GitHub was asked whether nothing had changed')
  return known
}

function refuseKnownMiss(miss: Denial | undefined): void {
  if (miss !== undefined) throw miss
}

/** Where another App has read it, that one is known to reach the repository. */
function fileOf({ installation, identity }: PolicyRequest, entry: Entry, stale: boolean): PolicyFile {
  const { sha, compilation } = entry
  const reached = entry.installation.app.id === installation.app.id ? installation : entry.installation
  return { installation: reached, path: policyPath(identity), sha, stale, compilation }
}

/** By the account's id: when a name goes to another account, the former one's policies do not go with it. */
function policyKey(request: PolicyRequest): string {
  const { installation, repository, kind, identity } = request
  return `${installation.account.id}/${nameKey(repository)}/${kind}/${identity}`
}

/** Contract §12. */
const FRESH_MS = 5 * 60_000
const DOING = 'reading the trust policy'
const ENTRY_BYTES = 1024
/** As `policyBytes` counts: some 3,000 policies with one pattern that is no plain text, or 22,000 without one. */
const POLICIES_BYTES = 64 * 1024 * 1024
/** Refusals that say something of the repository as a whole. */
const OF_THE_REPOSITORY: ReadonlySet<Reason> = new Set([
  'REPOSITORY_NOT_SELECTED',
  'REPOSITORY_RENAMED',
  'CONTENTS_NOT_GRANTED',
  'POLICY_READ_FORBIDDEN',
])

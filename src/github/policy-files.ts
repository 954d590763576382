import { LRUCache } from 'lru-cache'
import type { Clock, LoadPolicy, PolicyFile, PolicyRequest } from '../exchange/ports.ts'
import type { Compilation, PolicyKind } from '../policy/trust-policy.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { Denial, type Reason } from '../terms/denial.ts'
import { policyPath } from '../terms/identity.ts'
import { nameKey } from '../terms/scope.ts'
import type { Call } from './call.ts'
import { isUnanswered, saysNothing } from './known-failures.ts'
import type { LookupBudget } from './lookup-budget.ts'
import { createPolicyMisses } from './policy-misses.ts'
import { type KnownFile, type PolicyRead, readPolicy } from './policy-read.ts'
import type { ReaderTokens } from './reader-tokens.ts'
import { type WithInstallationOptions, withInstallation } from './with-installation.ts'

export interface PolicyFiles {
  readonly load: LoadPolicy
  /**
   * Drops what is known of a repository's policies, for a push that changed them: nothing from before it is served again,
   * not even when GitHub is silent, and a read that is under way is not kept.
   */
  forget(repository: Pick<PolicyRequest, 'installation' | 'repository'>): void
}

export interface PolicyFilesOptions extends WithInstallationOptions {
  readonly call: Call
  readonly clock: Clock
  readonly budget: LookupBudget
  readonly readers: ReaderTokens
  readonly compile: (text: string, kind: PolicyKind) => Compilation
  /** How long past its freshness the last good policy may stand in for GitHub's answer; 0 is off. */
  readonly staleMaxMs: number
}

/** The policies of all repositories: compiled once, fresh for five minutes, then revalidated. */
export function createPolicyFiles(options: PolicyFilesOptions): PolicyFiles {
  const { clock, budget, compile, staleMaxMs } = options
  // Only what exists gets here, so no miss pushes a policy out; bounded all the same, since anybody may install a public App.
  const policies = new LRUCache<string, Entry>({ max: POLICIES_KEPT })
  const misses = createPolicyMisses(options)
  const flights = createSingleFlight<PolicyFile>()
  let epoch = 0 // rises with each `forget`: what was begun before is not kept after

  const ageOf = (entry: Entry) => clock.monotonic() - entry.checkedAt
  const mayStandIn = (entry: Entry) => entry.compilation.ok && staleMaxMs > 0 && ageOf(entry) < FRESH_MS + staleMaxMs

  const load = async (request: PolicyRequest, known: Entry | undefined): Promise<PolicyFile> => {
    const key = policyKey(request)
    const begun = epoch
    try {
      if (known === undefined) refuseKnownMiss(await misses.settled(request).then(() => misses.find(request)))
      const read = (installation: PolicyRequest['installation']) => readFresh({ ...request, installation }, known)
      const { target, entry } = await withInstallation(request.installation, read, options)
      if (begun === epoch) policies.set(key, entry)
      return fileOf(target, entry, false)
    } catch (error) {
      if (error instanceof Denial && OF_THE_REPOSITORY.has(error.reason)) misses.refused(request, error)
      if (known === undefined || begun !== epoch) throw error
      if (isUnanswered(error) && mayStandIn(known)) {
        policies.set(key, { ...known, askAgainAt: clock.monotonic() + silenceMs(error) })
        return fileOf(request, known, true)
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
    const read = await readPolicy({ ...target, known }, options)
    if (read.kind === 'missing' || read.kind === 'no-file') {
      const what = read.kind === 'no-file' ? read.what : undefined
      throw await misses.missing(target, { reader: read.reader, what, remember: begun === epoch })
    }
    return { target, entry: entryOf(read, known, (text) => compile(text, target.kind)) }
  }

  const entryOf = (
    read: Extract<PolicyRead, { kind: 'file' | 'unchanged' }>,
    known: Entry | undefined,
    compileText: (text: string) => Compilation,
  ): Entry => {
    const common = { reader: read.reader, checkedAt: clock.monotonic(), askAgainAt: 0 }
    if (read.kind === 'unchanged') return { ...unchanged(known), ...common, etag: read.etag ?? known?.etag }
    const { sha, text, etag } = read
    if (known?.sha === sha) return { ...known, ...common, etag }
    const compilation: Compilation = text.ok
      ? compileText(text.text)
      : { ok: false, stage: 'parse', findings: [text.finding] }
    return { compilation, sha, etag, ...common }
  }

  return {
    async load(request, signal) {
      signal.throwIfAborted()
      const key = policyKey(request)
      const entry = policies.get(key)
      if (entry !== undefined && ageOf(entry) < FRESH_MS) return fileOf(request, entry, false)
      if (entry !== undefined && clock.monotonic() < entry.askAgainAt && mayStandIn(entry))
        return fileOf(request, entry, true)
      const flight = `${epoch}/${key}`
      if (entry !== undefined) return flights.run(flight, signal, () => load(request, entry))
      refuseKnownMiss(misses.find(request))
      return flights.run(flight, signal, () => loadUnknown(request))
    },
    forget(repository) {
      epoch += 1
      const prefix = `${repositoryKey(repository)}/`
      for (const key of [...policies.keys()]) if (key.startsWith(prefix)) policies.delete(key)
      misses.forget(repository)
    },
  }
}

interface Entry extends KnownFile {
  readonly compilation: Compilation
  /** When GitHub last said that this is the file, on the monotonic clock. */
  readonly checkedAt: number
  /** Not before then, as GitHub demanded (its rate limits); on the monotonic clock. */
  readonly askAgainAt: number
}

function unchanged(known: Entry | undefined): Entry {
  if (known === undefined) throw new Error('GitHub was asked whether nothing had changed')
  return known
}

function refuseKnownMiss(miss: Denial | undefined): void {
  if (miss !== undefined) throw miss
}

function fileOf({ installation, identity }: PolicyRequest, { sha, compilation }: Entry, stale: boolean): PolicyFile {
  return { installation, path: policyPath(identity), sha, stale, compilation }
}

/** GitHub said until when it wants to hear nothing; for a minute at most it is believed. Silence is asked again at once. */
function silenceMs({ reason, retryAfterMs }: Denial): number {
  return reason === 'GITHUB_RATE_LIMITED' ? Math.min(retryAfterMs ?? 0, LONGEST_SILENCE_MS) : 0
}

function policyKey(request: PolicyRequest): string {
  return `${repositoryKey(request)}/${request.kind}/${request.identity}`
}

/** By the account's id: when a name goes to another account, the former one's policies do not go with it. */
function repositoryKey({ installation, repository }: Pick<PolicyRequest, 'installation' | 'repository'>): string {
  return `${installation.account.id}/${nameKey(repository)}`
}

/** Contract §12. */
const FRESH_MS = 5 * 60_000
const LONGEST_SILENCE_MS = 60_000
/** Some 5 KB each when compiled. */
const POLICIES_KEPT = 10_000
/** Refusals that say something of the repository as a whole. */
const OF_THE_REPOSITORY: ReadonlySet<Reason> = new Set([
  'REPOSITORY_NOT_SELECTED',
  'REPOSITORY_RENAMED',
  'CONTENTS_NOT_GRANTED',
  'POLICY_READ_FORBIDDEN',
])

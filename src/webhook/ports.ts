import type { Announce } from '../exchange/changes.ts'
import type { Clock, Installation, ListRepositories } from '../exchange/ports.ts'
import type { Finding, PolicyKind } from '../policy/trust-policy.ts'
import type { TrustedIssuers } from '../policy/trusted-issuers.ts'
import type { ChangedFiles, Range } from '../terms/changed-files.ts'
import type { CheckRun } from '../terms/check-run.ts'
import type { PolicyChange } from '../terms/policy-change.ts'

/** What the webhook needs from the world. Each call refuses with a Denial and ends by its own limits. */
export interface WebhookPorts {
  readonly openRepository: OpenRepository
  readonly listRepositories: ListRepositories
  /** The organization's list as exchanges see it; undefined: it has none, or it can't be read just now. */
  readonly loadTrustedIssuers: (installation: Installation, owner: string) => Promise<TrustedIssuers | undefined>
  readonly announce: Announce
  readonly lintPolicy: LintPolicy
  readonly lintTrustedIssuers: (text: string) => Promise<Lint>
  readonly policyEvents: PolicyEvents
  readonly clock: Clock
  /** Calls `work` after so many milliseconds; the result takes that back. */
  readonly schedule: (milliseconds: number, work: () => void) => () => void
}

/** One repository as one App may look at it. Refuses `APP_NOT_INSTALLED`, `CONTENTS_NOT_GRANTED`, `GITHUB_*`, … */
export type OpenRepository = (target: Target) => Promise<Repository>

export interface Target {
  /** The App that the delivery was sent to. */
  readonly appId: number
  readonly owner: string
  readonly repository: string
  /** GitHub's id of the owner's account. */
  readonly accountId: number
}

export interface Repository {
  readonly installation: Installation
  /** What the installation was granted, level by permission; undefined: not known. */
  readonly granted: ReadonlyMap<string, string> | undefined
  /** True when the installation has all repositories of its account. */
  readonly reachesAll: boolean
  readonly mayWriteChecks: boolean
  /** `gone`: the later commit does not exist. */
  changedFiles(range: Range): Promise<ChangedFiles | 'gone'>
  /** A file of the policies' folder, by its name. */
  readFile(file: string, commit: string): Promise<CommitFile>
  /** The summary of the App's newest check run of this name that is done; undefined: there is none. */
  lastSummary(commit: string, name: string): Promise<string | undefined>
  /** Answers the check run's id. */
  writeCheckRun(run: CheckRun): Promise<number>
}

export type CommitFile =
  /** `sha` is the Git blob's. */
  { readonly ok: true; readonly text: string; readonly sha: string } | { readonly ok: false; readonly fault: string }

/** All that can be said of a policy's text, by the rules of this service. */
export type LintPolicy = (text: string, context: LintContext) => Promise<Lint>

export interface LintContext {
  readonly kind: PolicyKind
  readonly owner: string
  readonly trusted: TrustedIssuers | undefined
  readonly granted: ReadonlyMap<string, string> | undefined
  /** Names in lower case; undefined: not known. */
  readonly reachable: ReadonlySet<string> | 'all' | undefined
}

export interface Lint {
  readonly valid: boolean
  readonly errors: readonly Finding[]
  readonly warnings: readonly Finding[]
}

/** Takes the account of one changed policy of a default branch; returns at once, and never fails. */
export interface PolicyEvents {
  send(change: PolicyChange): void
}

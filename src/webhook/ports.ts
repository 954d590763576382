import type { Announce } from '../exchange/changes.ts'
import type { Clock, Installation, ListRepositories } from '../exchange/ports.ts'
import type { Finding, PolicyKind } from '../policy/trust-policy.ts'
import type { TrustedIssuers } from '../policy/trusted-issuers.ts'

/** What the webhook needs from the world. Each call refuses with a Denial and ends by its own limits. */
export interface WebhookPorts {
  readonly openRepository: OpenRepository
  readonly listRepositories: ListRepositories
  /** The organization's list as exchanges see it; undefined: it has none, or it can't be read just now. */
  readonly loadTrustedIssuers: (installation: Installation, owner: string) => Promise<TrustedIssuers | undefined>
  readonly announce: Announce
  readonly lintPolicy: LintPolicy
  readonly lintTrustedIssuers: (text: string) => Lint
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

export type Range =
  | { readonly kind: 'between'; readonly before: string; readonly after: string }
  /** Since `head` left `base`: a commit, or a branch by its name. */
  | { readonly kind: 'since'; readonly base: string; readonly head: string }
  | { readonly kind: 'everything'; readonly at: string }

export interface ChangedFiles {
  readonly files: readonly { readonly path: string; readonly action: FileAction }[]
  /** False: GitHub does not show all of the policies' folder. */
  readonly complete: boolean
}

export type FileAction = 'added' | 'modified' | 'removed'
export type CommitFile =
  /** `sha` is the Git blob's. */
  { readonly ok: true; readonly text: string; readonly sha: string } | { readonly ok: false; readonly fault: string }

export interface CheckRun {
  /** undefined: a new one. */
  readonly id: number | undefined
  readonly name: string
  readonly commit: string
  /** undefined: it is not done yet. */
  readonly conclusion: 'success' | 'failure' | undefined
  readonly title: string
  /** Markdown. */
  readonly summary: string
  readonly annotations: readonly CheckAnnotation[]
}

export interface CheckAnnotation {
  readonly path: string
  readonly line: number
  readonly column: number | undefined
  readonly level: 'failure' | 'warning'
  readonly message: string
}

/** All that can be said of a policy's text, by the rules of this service. */
export type LintPolicy = (text: string, context: LintContext) => Lint

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
  send(event: PolicyEvent): void
}

/** What happened to one policy, for the `dev.octo-sts.policy` CloudEvent. */
export interface PolicyEvent {
  readonly org: string
  readonly repo: string
  readonly ref: string
  readonly commit: string
  readonly before: string
  /** Who sent the push to GitHub, and in whose name; empty where GitHub does not say. */
  readonly actor: string
  readonly pusher: string
  readonly forced: boolean
  readonly path: string
  readonly action: FileAction
  /** Of a removed policy, and of one that could not be looked at: undefined. */
  readonly valid: boolean | undefined
  readonly error: string | undefined
  readonly time: Date
}

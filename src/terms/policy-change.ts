import type { FileAction } from './changed-files.ts'

/** What a push to a default branch did to one policy, or to the list of trusted issuers. */
export interface PolicyChange {
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
  /** undefined: it was removed, or could not be looked at. */
  readonly valid: boolean | undefined
  readonly error: string | undefined
  readonly time: Date
}

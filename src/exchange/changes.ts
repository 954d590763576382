/**
 * What GitHub says has changed, so that what is remembered of it must be looked at anew: known here by a webhook, and on
 * the other replicas by a message of the store.
 */
export type Change =
  /** A push to the default branch touched these files; `all`: it cannot be said which. Paths as in the repository. */
  | {
      readonly kind: 'policies'
      readonly accountId: number
      readonly owner: string
      readonly repository: string
      readonly paths: readonly string[] | 'all'
    }
  /** An App was installed, removed, suspended, unsuspended, given other permissions or other repositories. */
  | { readonly kind: 'installation'; readonly accountId: number; readonly owner: string }
  /** The repository was renamed, transferred, deleted, or made public or private; `repository` is the name it had before, too. */
  | { readonly kind: 'repository'; readonly accountId: number; readonly owner: string; readonly repository: string }

/**
 * Drops what the change has made stale, here before it resolves, and on the other replicas as soon as the store has
 * told them. Never rejects: a store that fails is logged, and those replicas revalidate once they hear of it again.
 */
export type Announce = (change: Change) => Promise<void>

/** One path that differs; a renamed file is one removed and one added. */
export interface ChangedFile {
  readonly path: string
  readonly action: FileAction
}

export type FileAction = 'added' | 'modified' | 'removed'

/** Which two states are compared: commits by their SHA, or (for `base`) the name of a branch. */
export type Range =
  /** What a push has changed, whatever lies between. */
  | { readonly kind: 'between'; readonly before: string; readonly after: string }
  /** What `head` has changed since it left `base`: what a pull request shows. */
  | { readonly kind: 'since'; readonly base: string; readonly head: string }
  /** All that is there. */
  | { readonly kind: 'everything'; readonly at: string }

export interface ChangedFiles {
  readonly files: readonly ChangedFile[]
  /** False: the policies' folder is larger than GitHub shows. */
  readonly complete: boolean
}

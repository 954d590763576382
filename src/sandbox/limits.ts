/** How much GitHub answers at most. Settable, so that a test meets a limit without thousands of files. */
export interface Limits {
  /** Changed files of a comparison: the rest is left out without a word. */
  compareFiles: number
  /** Commits of a comparison that is not paged. */
  compareCommits: number
  /** Changed files of one commit, in all pages. */
  commitFiles: number
  /** Entries of a tree, of which more are left out with `truncated`. */
  treeEntries: number
  /** Changed files of a pull request, in all pages: the rest is left out without a word. */
  pullFiles: number
}

/** As documented at docs.github.com/rest with each operation. */
export function gitHubLimits(): Limits {
  return { compareFiles: 300, compareCommits: 250, commitFiles: 3000, treeEntries: 100_000, pullFiles: 3000 }
}

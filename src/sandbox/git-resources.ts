import type { FileChange } from './git-diff.ts'
import type { GitCommit } from './git-history.ts'
import { blobBytes, type GitChild, modeOf } from './git-object.ts'
import type { GitHubState, Repository } from './github-state.ts'
import { accountResource } from './resources.ts'

/** Where a repository's JSON leads: its API and its pages. */
export interface GitPlace {
  readonly repository: Repository
  readonly state: Pick<GitHubState, 'findAccount'>
  readonly baseUrl: string
}

/** GitHub's JSON of a commit (`commit`), without its files. */
export function commitResource(commit: GitCommit, place: GitPlace) {
  const { sha, tree, parents, message, date } = commit
  const { api, html } = addressesOf(place)
  const account = place.state.findAccount(commit.author.name)
  const user = account === undefined ? null : accountResource(account, place.baseUrl)
  const person = { ...commit.author, date: isoSeconds(date) }
  return {
    url: `${api}/commits/${sha}`,
    sha,
    node_id: nodeIdOf(place, 'C', sha),
    html_url: `${html}/commit/${sha}`,
    comments_url: `${api}/commits/${sha}/comments`,
    commit: {
      url: `${api}/git/commits/${sha}`,
      author: person,
      committer: person,
      message,
      comment_count: 0,
      tree: { sha: tree, url: `${api}/git/trees/${tree}` },
      verification: { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null },
    },
    author: user,
    committer: user,
    parents: parents.map((parent) => ({
      sha: parent,
      url: `${api}/commits/${parent}`,
      html_url: `${html}/commit/${parent}`,
    })),
  }
}

/** GitHub's JSON of a changed file (`diff-entry`), as of the commit that is named. Without `patch`, as for large files. */
export function diffEntry(change: FileChange, commit: string, place: GitPlace) {
  const { path, status, sha, previousPath, additions, deletions } = change
  const { api, html } = addressesOf(place)
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  return {
    sha,
    filename: path,
    status,
    additions,
    deletions,
    changes: additions + deletions,
    blob_url: `${html}/blob/${commit}/${encoded}`,
    raw_url: `${html}/raw/${commit}/${encoded}`,
    contents_url: `${api}/contents/${encoded}?ref=${commit}`,
    ...(previousPath === undefined ? {} : { previous_filename: previousPath }),
  }
}

/** One line of a tree. */
export function treeEntry(path: string, { entry, sha }: GitChild, place: GitPlace) {
  const { api } = addressesOf(place)
  const mode = modeOf(entry)
  if (entry === 'directory') return { path, mode, type: 'tree', sha, url: `${api}/git/trees/${sha}` }
  const size = blobBytes(entry)?.length
  if (size === undefined) return { path, mode, type: 'commit', sha }
  return { path, mode, type: 'blob', sha, size, url: `${api}/git/blobs/${sha}` }
}

export function addressesOf({ repository: { owner, name }, baseUrl }: Pick<GitPlace, 'repository' | 'baseUrl'>) {
  const full = `${owner.login}/${name}`
  return { api: `${baseUrl}/repos/${full}`, html: `https://github.com/${full}` }
}

export function nodeIdOf({ repository }: Pick<GitPlace, 'repository'>, type: string, name: string): string {
  return `${type}_${Buffer.from(`${repository.id}:${name}`).toString('base64url')}`
}

/** GitHub's times have no fractions. */
export function isoSeconds(date: Date): string {
  return `${date.toISOString().slice(0, -5)}Z`
}

import { buildTrees, type GitFiles, type GitTree, type GitTrees, objectSha, type StoredEntry } from './git-object.ts'

export interface GitPerson {
  readonly name: string
  readonly email: string
}

export interface GitCommit {
  /** As Git computes it, from all that is below. */
  readonly sha: string
  readonly files: GitFiles
  readonly trees: GitTrees
  /** Object name of the root tree. */
  readonly tree: string
  readonly parents: readonly string[]
  readonly author: GitPerson
  readonly message: string
  readonly date: Date
}

/** The objects that a repository shares with its forks, by their names: GitHub answers them in each of them. */
export interface GitObjects {
  readonly commits: Map<string, GitCommit>
  readonly trees: Map<string, GitTree>
  readonly blobs: Map<string, StoredEntry>
}

export function createObjects(): GitObjects {
  return { commits: new Map(), trees: new Map(), blobs: new Map() }
}

export interface CommitDraft {
  readonly parent: GitCommit | undefined
  /** Path to its new content, or null where it is removed. */
  readonly changes: ReadonlyMap<string, StoredEntry | null>
  readonly author: GitPerson
  readonly message: string
  readonly date: Date
}

/** Makes a commit on top of its parent, and stores it with its trees and blobs. */
export function writeCommit(objects: GitObjects, { parent, changes, author, message, date }: CommitDraft): GitCommit {
  const files = new Map(parent?.files)
  for (const [path, entry] of changes) {
    if (entry === null) files.delete(path)
    else files.set(path, entry)
    if (entry !== null && entry.type !== 'submodule') objects.blobs.set(entry.sha, entry)
  }
  const trees = buildTrees(files)
  for (const tree of trees.values()) objects.trees.set(tree.sha, tree)
  const tree = trees.get('')?.sha ?? ''
  const parents = parent === undefined ? [] : [parent.sha]
  const facts = { tree, parents, author, message, date }
  const commit = { ...facts, sha: commitSha(facts), files, trees }
  objects.commits.set(commit.sha, commit)
  return commit
}

/** The commit and all before it, the newest first. */
export function ancestry(objects: GitObjects, head: GitCommit): readonly GitCommit[] {
  const seen = new Map<string, GitCommit>()
  const ahead = [head]
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    if (seen.has(next.sha)) continue
    seen.set(next.sha, next)
    ahead.push(...next.parents.map((sha) => objects.commits.get(sha)).filter((found) => found !== undefined))
  }
  return [...seen.values()]
}

/** The newest commit that both come from. */
export function mergeBase(objects: GitObjects, one: GitCommit, other: GitCommit): GitCommit | undefined {
  const before = new Set(ancestry(objects, one).map(({ sha }) => sha))
  return ancestry(objects, other).find(({ sha }) => before.has(sha))
}

/** What `to` has and `from` has not, the oldest first: `git log from..to`, reversed. */
export function commitsBetween(objects: GitObjects, from: GitCommit, to: GitCommit): readonly GitCommit[] {
  const before = new Set(ancestry(objects, from).map(({ sha }) => sha))
  return ancestry(objects, to)
    .filter(({ sha }) => !before.has(sha))
    .reverse()
}

function commitSha({
  tree,
  parents,
  author: { name, email },
  message,
  date,
}: Omit<GitCommit, 'sha' | 'files' | 'trees'>) {
  const person = `${name} <${email}> ${Math.floor(date.getTime() / 1000)} +0000`
  const lines = [`tree ${tree}`, ...parents.map((sha) => `parent ${sha}`), `author ${person}`, `committer ${person}`]
  return objectSha('commit', Buffer.from(`${lines.join('\n')}\n\n${message}\n`))
}

import { type GitCommit, type GitPerson, writeCommit } from './git-history.ts'
import { type GitEntry, storedEntry } from './git-object.ts'
import type { Repository } from './github-state.ts'
import { headOfPull } from './repository-pulls.ts'

export interface CommitOptions {
  /** The default branch when absent. A new branch starts from the default branch's head. */
  readonly branch?: string
  /** Path to its new content; null removes it. */
  readonly files: Readonly<Record<string, string | Buffer | GitEntry | null>>
  /** The commit's parent, instead of the branch's head: what a force push does. */
  readonly force?: string
  readonly author?: GitPerson
  readonly message?: string
}

/** What a push event says: the branch's head before (forty zeros for a new branch) and after. */
export interface Push {
  readonly before: string
  readonly after: string
}

/** The `before` of a new branch, and the `after` of a deleted one. */
export const NO_COMMIT = '0'.repeat(40)

/** Changes of repositories' Git data. Each change of files is a commit, with the name Git would give it. */
export function createGit(find: (owner: string, name: string) => Repository, now: () => number) {
  const commit = (owner: string, name: string, options: CommitOptions): Push => {
    const repository = find(owner, name)
    const branch = options.branch ?? repository.defaultBranch
    const head = repository.branches.get(branch)
    const start = head ?? repository.branches.get(repository.defaultBranch)
    const { login } = repository.owner
    const made = writeCommit(repository.objects, {
      parent: options.force === undefined ? start : commitOf(repository, options.force),
      changes: new Map(
        Object.entries(options.files).map(([path, content]) => [path, content === null ? null : storedEntry(content)]),
      ),
      author: options.author ?? { name: login, email: `${login}@users.noreply.github.com` },
      message: options.message ?? `Change ${Object.keys(options.files).join(', ').slice(0, LONGEST_SUBJECT)}`,
      date: new Date(now()),
    })
    repository.branches.set(branch, made)
    return { before: head?.sha ?? NO_COMMIT, after: made.sha }
  }

  return {
    /** Commits on a branch, and answers what the push did. */
    commit,

    /** Writes a file (text or bytes), a symbolic link or a submodule; on the default branch unless another is named. */
    putFile(owner: string, name: string, path: string, content: string | Buffer | GitEntry, branch?: string): void {
      commit(owner, name, { files: { [path]: content }, ...(branch === undefined ? {} : { branch }) })
    },

    removeFile(owner: string, name: string, path: string, branch?: string): void {
      commit(owner, name, { files: { [path]: null }, ...(branch === undefined ? {} : { branch }) })
    },

    /** A branch that starts at a commit, or at the default branch's head; moves the branch when it is there. */
    setBranch(owner: string, name: string, branch: string, sha?: string): Push {
      const repository = find(owner, name)
      const before = repository.branches.get(branch)?.sha ?? NO_COMMIT
      const commit = commitOf(repository, sha ?? repository.defaultBranch)
      repository.branches.set(branch, commit)
      return { before, after: commit.sha }
    },

    /** Deletes a branch; its commits stay, as at GitHub. */
    deleteBranch(owner: string, name: string, branch: string): Push {
      const repository = find(owner, name)
      const last = commitOf(repository, `heads/${branch}`)
      repository.branches.delete(branch)
      repository.deletedBranches.set(branch, last)
      return { before: last.sha, after: NO_COMMIT }
    },

    /** The name of a branch's newest commit; of the default branch unless another is named. */
    headOf(owner: string, name: string, branch?: string): string {
      const repository = find(owner, name)
      return commitOf(repository, branch ?? repository.defaultBranch).sha
    },
  }
}

/**
 * The commit of a branch (with or without `refs/heads/`), of a pull request (`refs/pull/1/head`), or of a SHA-1, which
 * may be cut to seven characters and may be any of the fork network's.
 */
export function findCommit(repository: Repository, ref: string): GitCommit | undefined {
  const { branches, defaultBranch, objects, pulls } = repository
  const name = ref.replace(/^refs\//, '')
  const pull = PULL_HEAD.exec(name)?.[1]
  if (pull !== undefined) return headOfPull(pulls.get(Number(pull)))
  const branch = branches.get(name === 'HEAD' ? defaultBranch : name) ?? branches.get(name.replace(/^heads\//, ''))
  if (branch !== undefined || !SHA.test(name)) return branch
  return objects.commits.get(name) ?? [...objects.commits.values()].find(({ sha }) => sha.startsWith(name))
}

/** Seeding the sandbox with what it has not is a mistake of the test, not a state of GitHub. */
function commitOf(repository: Repository, ref: string): GitCommit {
  const found = findCommit(repository, ref)
  if (found === undefined) {
    throw new Error(`the sandbox has no commit ${ref} in ${repository.owner.login}/${repository.name}`)
  }
  return found
}

const PULL_HEAD = /^pull\/(\d+)\/head$/
const SHA = /^[0-9a-f]{7,40}$/
/** As Git's own advice for the first line of a message. */
const LONGEST_SUBJECT = 60

import { commitsBetween, type GitCommit, mergeBase } from './git-history.ts'
import type { Account, PullRequest, Repository } from './github-state.ts'

export interface PullOptions {
  /** A branch of the same repository, or of a fork: then its owner, and its name where it is another. */
  readonly head: { readonly owner?: string; readonly repo?: string; readonly branch: string }
  /** The default branch when absent. */
  readonly base?: string
  readonly title?: string
}

/** Pull requests. They follow their branches: what is committed there is theirs at once. */
export function createPulls(find: (owner: string, name: string) => Repository, about: PullNeeds) {
  const pull = (owner: string, name: string, number: number) => {
    const found = find(owner, name).pulls.get(number)
    if (found === undefined) throw new Error(`the sandbox has no pull request ${number} in ${owner}/${name}`)
    return found
  }
  return {
    /** Opens a pull request by the owner of its head, and answers its number. */
    openPull(owner: string, name: string, { head, base, title }: PullOptions): number {
      const repository = find(owner, name)
      const source = find(head.owner ?? owner, head.repo ?? name)
      if (source.objects !== repository.objects) throw new Error(`${source.name} is no fork of ${owner}/${name}`)
      const opened: PullRequest = {
        id: about.newId(),
        number: repository.pulls.size + 1,
        title: title ?? `Merge ${head.branch}`,
        user: source.owner,
        head: { repository: source, branch: head.branch },
        base: { repository, branch: base ?? repository.defaultBranch },
        state: 'open',
        createdAt: new Date(about.now()),
      }
      if (headOfPull(opened) === undefined) throw new Error(`${source.name} has no branch ${head.branch}`)
      repository.pulls.set(opened.number, opened)
      return opened.number
    },

    closePull(owner: string, name: string, number: number): void {
      pull(owner, name, number).state = 'closed'
    },

    findPull: pull,
  }
}

interface PullNeeds {
  readonly newId: () => number
  readonly now: () => number
}

/** Where a pull request stands: its newest commit, its base branch's, and what it would bring there. */
export interface PullPosition {
  readonly head: GitCommit
  readonly base: GitCommit
  /** What both come from: the files that differ from this are the pull request's. */
  readonly from: GitCommit | undefined
  readonly commits: readonly GitCommit[]
}

/** Undefined when a branch never had a commit. */
export function positionOf(pull: PullRequest): PullPosition | undefined {
  const { repository } = pull.base
  const head = headOfPull(pull)
  const base = repository.branches.get(pull.base.branch) ?? repository.deletedBranches.get(pull.base.branch)
  if (head === undefined || base === undefined) return undefined
  const from = mergeBase(repository.objects, base, head)
  return { head, base, from, commits: commitsBetween(repository.objects, base, head) }
}

/** The newest commit of a pull request's branch, or the last it had when the branch is gone. */
export function headOfPull(pull: PullRequest | undefined): GitCommit | undefined {
  if (pull === undefined) return undefined
  const { repository, branch } = pull.head
  return repository.branches.get(branch) ?? repository.deletedBranches.get(branch)
}

/** The open pull requests of a repository whose newest commit this is. */
export function pullsWithHead({ pulls }: Repository, sha: string): readonly PullRequest[] {
  return [...pulls.values()].filter((pull) => pull.state === 'open' && headOfPull(pull)?.sha === sha)
}

/** How the author of a pull request stands to its repository. */
export function associationOf(user: Account, repository: Repository): 'OWNER' | 'CONTRIBUTOR' | 'NONE' {
  if (user === repository.owner) return 'OWNER'
  return repository.private ? 'CONTRIBUTOR' : 'NONE'
}

import { compare } from './compare.ts'
import { diffFiles } from './git-diff.ts'
import type { GitCommit } from './git-history.ts'
import { commitResource, diffEntry } from './git-resources.ts'
import { type Answer, GitHubError, notFound } from './github-answer.ts'
import type { Repository } from './github-state.ts'
import { page } from './page.ts'
import { findCommit } from './repository-git.ts'
import { readable } from './repository-lookup.ts'
import { ok, type Route, type RouteContext, type RouteRequest } from './route.ts'

/** Commits, and what changed between two of them. */
export const COMMIT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/commits/{ref}',
    documentation: 'commits/commits#get-a-commit',
    by: 'anybody but the app',
    answer: (request, context) => {
      const repository = readable(request, context, 'contents')
      return withFiles(commitNamed(repository, request.params['ref']), repository, { request, context })
    },
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/compare/{basehead}',
    documentation: 'commits/commits#compare-two-commits',
    by: 'anybody but the app',
    answer: (request, context) => {
      const repository = readable(request, context, 'contents')
      const [base, head, ...rest] = (request.params['basehead'] ?? '').split('...')
      if (base === undefined || head === undefined || rest.length > 0) throw notFound()
      const [from, to] = [base, head].map((side) => commitOfNetwork(side, repository, context))
      if (from === undefined || to === undefined) throw notFound()
      return compare({ base: from, head: to }, { request, context, repository })
    },
  },
]

/** The commit, as the routes below `commits/` refuse what there is not. */
export function commitNamed(repository: Repository, ref = ''): GitCommit {
  if (repository.branches.size === 0) throw new GitHubError(409, 'Git Repository is empty.')
  const found = findCommit(repository, ref)
  if (found === undefined) throw new GitHubError(422, `No commit found for SHA: ${ref}`)
  return found
}

function withFiles(
  commit: GitCommit,
  repository: Repository,
  { request, context }: { readonly request: RouteRequest; readonly context: RouteContext },
): Answer {
  const place = { repository, ...context }
  const [parent] = commit.parents
  const before = parent === undefined ? undefined : repository.objects.commits.get(parent)
  const changes = diffFiles(before?.files ?? new Map(), commit.files)
  const resource = commitResource(commit, place)
  const query = new URLSearchParams({ per_page: String(FILES_A_PAGE), ...Object.fromEntries(request.query) })
  const { items, headers } = page(changes.slice(0, context.limits.commitFiles), query, resource.url, FILES_A_PAGE)
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
  const additions = sum(changes.map((change) => change.additions))
  const deletions = sum(changes.map((change) => change.deletions))
  const stats = { total: additions + deletions, additions, deletions }
  const files = items.map((change) => diffEntry(change, commit.sha, place))
  return { ...ok({ ...resource, stats, files }), headers }
}

/** A ref or SHA of the repository; or `owner:branch` or `owner:repo:branch`, of another in the network. */
function commitOfNetwork(side: string, repository: Repository, { state }: RouteContext): GitCommit | undefined {
  const [ref = '', second, first] = side.split(':').reverse()
  if (second === undefined) return findCommit(repository, ref)
  const owner = first ?? second
  const other =
    first === undefined
      ? state.repositories().find((one) => one.owner.login === owner && one.objects === repository.objects)
      : state.findRepository(owner, second)
  return other?.objects === repository.objects ? findCommit(other, ref) : undefined
}

/** "If there are more than 300 files in the commit diff … the response will include pagination link headers." */
const FILES_A_PAGE = 300

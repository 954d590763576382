import { diffFiles } from './git-diff.ts'
import { commitsBetween, type GitCommit, mergeBase } from './git-history.ts'
import { addressesOf, commitResource, diffEntry } from './git-resources.ts'
import { type Answer, GitHubError } from './github-answer.ts'
import type { Repository } from './github-state.ts'
import { page } from './page.ts'
import { ok, type RouteContext, type RouteRequest } from './route.ts'

/**
 * "Compare two commits": the commits of the head that the base has not, and the files that differ between the head and
 * the commit both come from. Files are cut without a word, and shown on the first page only.
 */
export function compare(
  { base, head }: { readonly base: GitCommit; readonly head: GitCommit },
  about: { readonly request: RouteRequest; readonly context: RouteContext; readonly repository: Repository },
): Answer {
  const { repository, request, context } = about
  const place = { repository, ...context }
  const from = mergeBase(repository.objects, base, head)
  if (from === undefined) throw new GitHubError(404, `No common ancestor between ${base.sha} and ${head.sha}.`)
  const ahead = commitsBetween(repository.objects, base, head)
  const behind = commitsBetween(repository.objects, head, base)
  const { api, html } = addressesOf(place)
  const path = `compare/${base.sha}...${head.sha}`
  const isPaged = request.query.has('page') || request.query.has('per_page')
  const { items, headers } = isPaged
    ? page(ahead, request.query, `${api}/${path}`)
    : { items: ahead.slice(-context.limits.compareCommits), headers: {} }
  const isFirst = Number(request.query.get('page') ?? 1) <= 1
  const files = isFirst ? diffFiles(from.files, head.files).slice(0, context.limits.compareFiles) : []
  return {
    ...ok({
      url: `${api}/${path}`,
      html_url: `${html}/${path}`,
      permalink_url: `${html}/${path}`,
      diff_url: `${html}/${path}.diff`,
      patch_url: `${html}/${path}.patch`,
      base_commit: commitResource(base, place),
      merge_base_commit: commitResource(from, place),
      status: statusOf(ahead.length, behind.length),
      ahead_by: ahead.length,
      behind_by: behind.length,
      total_commits: ahead.length,
      commits: items.map((commit) => commitResource(commit, place)),
      ...(isFirst ? { files: files.map((change) => diffEntry(change, head.sha, place)) } : {}),
    }),
    headers,
  }
}

function statusOf(ahead: number, behind: number): 'identical' | 'ahead' | 'behind' | 'diverged' {
  if (ahead > 0) return behind > 0 ? 'diverged' : 'ahead'
  return behind > 0 ? 'behind' : 'identical'
}

import { diffFiles } from './git-diff.ts'
import { diffEntry } from './git-resources.ts'
import { notFound } from './github-answer.ts'
import type { PullRequest, Repository } from './github-state.ts'
import { page } from './page.ts'
import { pullResource } from './pull-resource.ts'
import { readable } from './repository-lookup.ts'
import { type PullPosition, positionOf } from './repository-pulls.ts'
import { ok, type Route, type RouteContext, type RouteRequest } from './route.ts'

/** Pull requests and the files they change. */
export const PULL_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/pulls/{pull_number}',
    documentation: 'pulls/pulls#get-a-pull-request',
    by: 'anybody but the app',
    answer: (request, context) => {
      const { pull, position } = pullOf(request, context)
      return ok(pullResource(pull, position, context.baseUrl))
    },
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/pulls/{pull_number}/files',
    documentation: 'pulls/pulls#list-pull-requests-files',
    by: 'anybody but the app',
    answer: (request, context) => {
      const { pull, position, repository } = pullOf(request, context)
      const { from, head } = position
      const changes = diffFiles(from?.files ?? new Map(), head.files).slice(0, context.limits.pullFiles)
      const url = `${context.baseUrl}/repositories/${repository.id}/pulls/${pull.number}/files`
      const { items, headers } = page(changes, request.query, url)
      return { ...ok(items.map((change) => diffEntry(change, head.sha, { repository, ...context }))), headers }
    },
  },
]

function pullOf(
  request: RouteRequest,
  context: RouteContext,
): { readonly pull: PullRequest; readonly position: PullPosition; readonly repository: Repository } {
  const repository = readable(request, context, 'pull_requests')
  const pull = repository.pulls.get(Number(request.params['pull_number']))
  const position = pull === undefined ? undefined : positionOf(pull)
  if (pull === undefined || position === undefined) throw notFound()
  return { pull, position, repository }
}

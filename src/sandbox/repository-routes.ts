import { covers } from '../terms/permissions.ts'
import { readContents } from './contents.ts'
import { GitHubError } from './github-answer.ts'
import type { Repository } from './github-state.ts'
import { reaches } from './installation-tokens.ts'
import { repositoryOf } from './repository-lookup.ts'
import { fullRepositoryResource } from './resources.ts'
import { type GitHubCaller, ok, type Route } from './route.ts'

/** Repositories and their contents, as far as the caller may see them. */
export const REPOSITORY_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}',
    documentation: 'repos/repos#get-a-repository',
    by: 'anybody but the app',
    answer: (request, context) => {
      const repository = repositoryOf(request, context, { rest: '', visible })
      return ok(fullRepositoryResource(repository, context.baseUrl))
    },
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/contents/{path}',
    documentation: 'repos/contents#get-repository-content',
    by: 'anybody but the app',
    answer: (request, context) => {
      const path = (request.params['path'] ?? '').replace(/\/$/, '')
      const repository = repositoryOf(request, context, { rest: `/contents/${path}`, visible })
      requireContents(request.caller, repository)
      const ref = request.query.get('ref') ?? undefined
      return readContents({ repository, path, ref, raw: RAW_TYPES.test(request.accept) }, context.baseUrl)
    },
  },
]

const RAW_TYPES = /application\/vnd\.github(\.v3)?\.raw/

/** A private repository does not exist for whoever may not see it. */
function visible(caller: GitHubCaller, repository: Repository): boolean {
  if (!repository.private) return true
  return caller.kind === 'installation' && reaches(caller.token, repository, caller.installation)
}

/** A public repository's contents are anybody's; a private one's need the permission. */
function requireContents(caller: GitHubCaller, repository: Repository): void {
  if (!repository.private) return
  const held = caller.kind === 'installation' ? caller.token.permissions['contents'] : undefined
  if (held === undefined || !covers(held, 'read')) throw new GitHubError(403, 'Resource not accessible by integration')
}

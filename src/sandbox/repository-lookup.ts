import { covers, type Level } from '../terms/permissions.ts'
import { GitHubError, notFound } from './github-answer.ts'
import type { Repository } from './github-state.ts'
import { reaches } from './installation-tokens.ts'
import type { GitHubCaller, RouteContext, RouteRequest } from './route.ts'

/**
 * The repository of the path, by its name or its id. A name it once had is answered with 301 to the address by id, to
 * those who may see it.
 */
export function repositoryOf(
  { params, caller, below }: RouteRequest,
  { state, baseUrl }: RouteContext,
  visible: (caller: GitHubCaller, repository: Repository) => boolean = isVisible,
): Repository {
  const { owner = '', repo = '', repository_id: id } = params
  const found = id === undefined ? state.findRepository(owner, repo) : state.findRepositoryById(Number(id))
  const known = found ?? (id === undefined ? state.findRenamed(owner, repo) : undefined)
  if (known === undefined || !visible(caller, known)) throw notFound()
  if (found === undefined) {
    throw new GitHubError(301, 'Moved Permanently', { location: `${baseUrl}/repositories/${known.id}${below}` })
  }
  return found
}

/** The repository, when the caller may read that part of it: what is public is anybody's, the rest needs the permission. */
export function readable(request: RouteRequest, context: RouteContext, permission: string): Repository {
  const repository = repositoryOf(request, context)
  if (repository.private && !holds(request.caller, permission, 'read')) throw inaccessible()
  return repository
}

/** The repository, when the caller may write to that part of it: a public one too must have been given to the App. */
export function writable(request: RouteRequest, context: RouteContext, permission: string): Repository {
  const repository = repositoryOf(request, context)
  const { caller } = request
  const given = caller.kind === 'installation' && reaches(caller.token, repository, caller.installation)
  if (!given || !holds(caller, permission, 'write')) throw inaccessible()
  return repository
}

export function inaccessible(): GitHubError {
  return new GitHubError(403, 'Resource not accessible by integration')
}

/** A private repository does not exist for whoever may not see it. */
function isVisible(caller: GitHubCaller, repository: Repository): boolean {
  if (!repository.private) return true
  return caller.kind === 'installation' && reaches(caller.token, repository, caller.installation)
}

function holds(caller: GitHubCaller, permission: string, level: Level): boolean {
  const held = caller.kind === 'installation' ? caller.token.permissions[permission] : undefined
  return held !== undefined && covers(held, level)
}

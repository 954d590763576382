import { GitHubError, notFound } from './github-answer.ts'
import type { Repository } from './github-state.ts'
import type { RouteContext, RouteRequest } from './route.ts'

/**
 * The repository of the path, by its name or its id. A name it once had is answered with 301 to the address by id
 * (`rest` is what follows the repository there), to those who may see it.
 */
export function repositoryOf(
  { params, caller }: RouteRequest,
  { state, baseUrl }: RouteContext,
  about: {
    readonly rest: string
    readonly visible: (caller: RouteRequest['caller'], repository: Repository) => boolean
  },
): Repository {
  const { owner = '', repo = '', repository_id: id } = params
  const found = id === undefined ? state.findRepository(owner, repo) : state.findRepositoryById(Number(id))
  const known = found ?? (id === undefined ? state.findRenamed(owner, repo) : undefined)
  if (known === undefined || !about.visible(caller, known)) throw notFound()
  if (found === undefined) {
    throw new GitHubError(301, 'Moved Permanently', `${baseUrl}/repositories/${known.id}${about.rest}`)
  }
  return found
}

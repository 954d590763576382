import { readContents } from './contents.ts'
import { readable, repositoryOf } from './repository-lookup.ts'
import { fullRepositoryResource } from './resources.ts'
import { ok, RAW_TYPES, type Route } from './route.ts'

/** Repositories and their contents, as far as the caller may see them. */
export const REPOSITORY_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}',
    documentation: 'repos/repos#get-a-repository',
    by: 'anybody but the app',
    answer: (request, context) => ok(fullRepositoryResource(repositoryOf(request, context), context.baseUrl)),
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/contents/{path}',
    documentation: 'repos/contents#get-repository-content',
    by: 'anybody but the app',
    answer: (request, context) => {
      const path = (request.params['path'] ?? '').replace(/\/$/, '')
      const repository = readable(request, context, 'contents')
      const ref = request.query.get('ref') ?? undefined
      return readContents({ repository, path, ref, raw: RAW_TYPES.test(request.accept) }, context.baseUrl)
    },
  },
]

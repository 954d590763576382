import { notFound } from './github-answer.ts'
import { reaches } from './installation-tokens.ts'
import { page } from './page.ts'
import { repositoryResource } from './resources.ts'
import { ok, type Route } from './route.ts'

/** What the holder of an installation token asks about the token itself. */
export const INSTALLATION_ROUTES: readonly Route[] = [
  {
    method: 'DELETE',
    template: '/installation/token',
    documentation: 'apps/installations#revoke-an-installation-access-token',
    by: 'installation',
    answer: ({ caller }) => {
      if (caller.kind === 'installation') caller.token.revoked = true
      return { status: 204 }
    },
  },
  {
    method: 'GET',
    template: '/installation/repositories',
    documentation: 'apps/installations#list-repositories-accessible-to-the-app-installation',
    by: 'installation',
    answer: ({ caller, query }, { state, baseUrl }) => {
      if (caller.kind !== 'installation') throw notFound()
      const { token, installation } = caller
      const reached = state.repositoriesOf(installation.account).filter((one) => reaches(token, one, installation))
      const { items, headers } = page(reached, query, `${baseUrl}/installation/repositories`)
      const repositories = items.map((repository) => repositoryResource(repository, baseUrl))
      const selection = token.repositories === 'all' ? 'all' : 'selected'
      return { ...ok({ total_count: reached.length, repository_selection: selection, repositories }), headers }
    },
  },
  {
    method: 'GET',
    template: '/rate_limit',
    documentation: 'rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user',
    by: 'anybody',
    answer: ({ quota: { limit, remaining, used, reset } }) => {
      const core = { limit, remaining, used, reset }
      return ok({ resources: { core, search: { ...core, limit: 30, remaining: 30, used: 0 } }, rate: core })
    },
  },
]

import { type Answer, GitHubError, notFound } from './github-answer.ts'
import type { Account, GitHubState, Repository } from './github-state.ts'
import { parseTokenRequest } from './installation-tokens.ts'
import { page } from './page.ts'
import { repositoryOf } from './repository-lookup.ts'
import { appResource, installationResource, repositoryResource } from './resources.ts'
import { ok, type Route, type RouteContext, type RouteRequest } from './route.ts'

/** What the App asks with its JWT: about itself and its installations, and for their tokens. */
export const APP_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    template: '/app',
    documentation: 'apps/apps#get-the-authenticated-app',
    by: 'app',
    answer: (_, { state, app, baseUrl }) => {
      const owner = { id: app.id, login: `${app.slug}-owner`, type: 'Organization' as const }
      const installations = state.installations.size
      return ok(appResource(app, { owner, permissions: { metadata: 'read' }, installations }, baseUrl))
    },
  },
  {
    method: 'GET',
    template: '/app/installations',
    documentation: 'apps/apps#list-installations-for-the-authenticated-app',
    by: 'app',
    answer: ({ query }, { state, app, baseUrl }) => {
      const { items, headers } = page([...state.installations.values()], query, `${baseUrl}/app/installations`)
      // The description of this listing alone lacks `client_id`.
      const list = items.map((one) => ({ ...installationResource(one, app, baseUrl), client_id: undefined }))
      return { ...ok(list), headers }
    },
  },
  {
    method: 'POST',
    template: '/app/installations/{installation_id}/access_tokens',
    documentation: 'apps/apps#create-an-installation-access-token-for-an-app',
    by: 'app',
    answer: createToken,
  },
  {
    method: 'GET',
    template: '/orgs/{org}/installation',
    documentation: 'apps/apps#get-an-organization-installation-for-the-authenticated-app',
    by: 'app',
    answer: ({ params }, context) => installationOf(params['org'], context, ({ type }) => type === 'Organization'),
  },
  {
    method: 'GET',
    template: '/users/{username}/installation',
    documentation: 'apps/apps#get-a-user-installation-for-the-authenticated-app',
    by: 'app',
    // Answers for organizations too, although it is not documented (actions/create-github-app-token, pull request 175).
    answer: ({ params }, context) => installationOf(params['username'], context, () => true),
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/installation',
    documentation: 'apps/apps#get-a-repository-installation-for-the-authenticated-app',
    by: 'app',
    answer: (request, context) => {
      const { state, app, baseUrl } = context
      const { owner } = repositoryOf(request, context, {
        rest: '/installation',
        visible: (_, one) => given(one, state),
      })
      const found = state.findInstallationOf(owner.login)
      if (found === undefined) throw notFound()
      return ok(installationResource(found, app, baseUrl))
    },
  },
]

function createToken({ params, body }: RouteRequest, { state, office, tokenForm, baseUrl }: RouteContext): Answer {
  const installation = state.installations.get(Number(params['installation_id']))
  if (installation === undefined) throw notFound()
  if (installation.suspendedAt !== undefined) throw new GitHubError(403, 'This installation has been suspended')
  const request = parseTokenRequest(body)
  const { token, expiresAt, permissions, repositories } = office.issue(installation, request, tokenForm)
  const named = request.repositories.length + request.repositoryIds.length > 0
  const ids = repositories === 'all' ? [] : [...repositories]
  const list = ids.map((id) => state.findRepositoryById(id)).filter((found) => found !== undefined)
  return {
    status: 201,
    body: {
      token,
      expires_at: expiresAt.toISOString().replace('.000Z', 'Z'),
      permissions,
      repository_selection: repositories === 'all' ? 'all' : 'selected',
      ...(named ? { repositories: list.map((repository) => repositoryResource(repository, baseUrl)) } : {}),
    },
  }
}

function installationOf(
  login = '',
  { state, app, baseUrl }: RouteContext,
  fits: (account: Account) => boolean,
): Answer {
  const found = state.findInstallationOf(login)
  if (found === undefined || !fits(found.account)) throw notFound()
  return ok(installationResource(found, app, baseUrl))
}

/** True when the App was given the repository. */
function given({ id, owner }: Repository, state: GitHubState): boolean {
  const { repositories } = state.findInstallationOf(owner.login) ?? { repositories: new Set<number>() }
  return repositories === 'all' || repositories.has(id)
}

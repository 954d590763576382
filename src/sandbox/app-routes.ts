import { undecodable } from './app-jwt.ts'
import type { AppFacts } from './apps.ts'
import { type Answer, GitHubError, notFound } from './github-answer.ts'
import type { Account, GitHubState, Installation, Repository } from './github-state.ts'
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
    answer: (request, { state, baseUrl }) => {
      const app = appOf(request)
      const count = installationsOf(app, state).length
      return ok({ ...appResource(app, { metadata: 'read' }, baseUrl), installations_count: count })
    },
  },
  {
    method: 'GET',
    template: '/app/installations',
    documentation: 'apps/apps#list-installations-for-the-authenticated-app',
    by: 'app',
    answer: (request, { state, baseUrl }) => {
      const all = installationsOf(appOf(request), state)
      const { items, headers } = page(all, request.query, `${baseUrl}/app/installations`)
      // The description of this listing alone lacks `client_id`.
      const list = items.map((one) => ({ ...installationResource(one, baseUrl), client_id: undefined }))
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
    answer: (request, context) =>
      installationOf(request, context, { login: request.params['org'], fits: ({ type }) => type === 'Organization' }),
  },
  {
    method: 'GET',
    template: '/users/{username}/installation',
    documentation: 'apps/apps#get-a-user-installation-for-the-authenticated-app',
    by: 'app',
    // Answers for organizations too, although it is not documented (actions/create-github-app-token, pull request 175).
    answer: (request, context) =>
      installationOf(request, context, { login: request.params['username'], fits: () => true }),
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/installation',
    documentation: 'apps/apps#get-a-repository-installation-for-the-authenticated-app',
    by: 'app',
    answer: (request, context) => {
      const { state, baseUrl } = context
      const app = appOf(request)
      const { owner } = repositoryOf(request, context, (_, one) => given(one, app, state))
      const found = state.findInstallationOf(owner.login, app.id)
      if (found === undefined) throw notFound()
      return ok(installationResource(found, baseUrl))
    },
  },
]

/** The App that asks; `requireCaller` has let nobody else through. */
function appOf({ caller }: RouteRequest): AppFacts {
  if (caller.kind !== 'app') throw undecodable()
  return caller.app
}

function installationsOf(app: AppFacts, state: GitHubState): readonly Installation[] {
  return [...state.installations.values()].filter((installation) => installation.app.id === app.id)
}

/** Another App's installation is none to this one. */
function createToken(asked: RouteRequest, { state, office, tokenForm, baseUrl }: RouteContext): Answer {
  const { params, body } = asked
  const installation = state.installations.get(Number(params['installation_id']))
  if (installation === undefined || installation.app.id !== appOf(asked).id) throw notFound()
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
  request: RouteRequest,
  { state, baseUrl }: RouteContext,
  { login = '', fits }: { readonly login: string | undefined; readonly fits: (account: Account) => boolean },
): Answer {
  const found = state.findInstallationOf(login, appOf(request).id)
  if (found === undefined || !fits(found.account)) throw notFound()
  return ok(installationResource(found, baseUrl))
}

/** True when the App was given the repository. */
function given({ id, owner }: Repository, app: AppFacts, state: GitHubState): boolean {
  const { repositories } = state.findInstallationOf(owner.login, app.id) ?? { repositories: new Set<number>() }
  return repositories === 'all' || repositories.has(id)
}

import { covers } from '../terms/permissions.ts'
import { readContents } from './contents.ts'
import type { Answer } from './github-error.ts'
import { GitHubError, notFound } from './github-error.ts'
import type { GitHubState, Installation, Repository } from './github-state.ts'
import {
  type IssuedToken,
  parseTokenRequest,
  reaches,
  type TokenForm,
  type TokenOffice,
} from './installation-tokens.ts'
import {
  type AppFacts,
  appResource,
  fullRepositoryResource,
  installationResource,
  repositoryResource,
} from './resources.ts'

/** Who sends a request, after the credential was checked. */
export type GitHubCaller =
  | { readonly kind: 'none' }
  | { readonly kind: 'app' }
  | { readonly kind: 'installation'; readonly token: IssuedToken; readonly installation: Installation }

export interface RouteRequest {
  /** The template's variables, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly accept: string
  readonly body: unknown
  readonly caller: GitHubCaller
}

/** What the routes serve from. */
export interface RouteContext {
  readonly state: GitHubState
  readonly office: TokenOffice
  readonly app: AppFacts
  readonly tokenForm: TokenForm
  readonly baseUrl: string
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As in GitHub's OpenAPI description. `{path}` takes the rest, slashes and all. */
  readonly template: string
  /** Below docs.github.com/rest: GitHub's `documentation_url`. */
  readonly documentation: string
  /** Who may ask: the App by its JWT, an installation by its token, or anybody with either or nothing. */
  readonly by: 'app' | 'installation' | 'anybody'
  readonly answer: (request: RouteRequest, context: RouteContext) => Answer
}

/** The part of GitHub's REST API that is embedded; everything else is GitHub's 404. */
export const ROUTES: readonly Route[] = [
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
      return { ...ok(items.map((installation) => installationResource(installation, app, baseUrl))), headers }
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
    answer: ({ params }, context) => installationOf(params['org'], 'Organization', context),
  },
  {
    method: 'GET',
    template: '/users/{username}/installation',
    documentation: 'apps/apps#get-a-user-installation-for-the-authenticated-app',
    by: 'app',
    answer: ({ params }, context) => installationOf(params['username'], 'User', context),
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/installation',
    documentation: 'apps/apps#get-a-repository-installation-for-the-authenticated-app',
    by: 'app',
    answer: ({ params }, { state, app, baseUrl }) => {
      const repository = repositoryAt(params, state)
      if ('movedTo' in repository) return moved(repository.movedTo, '/installation', baseUrl)
      const found = state.findInstallationOf(repository.owner.login)
      if (found === undefined || !selected(found, repository)) throw notFound()
      return ok(installationResource(found, app, baseUrl))
    },
  },
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
    template: '/repos/{owner}/{repo}',
    documentation: 'repos/repos#get-a-repository',
    by: 'anybody',
    answer: ({ params, caller }, { state, baseUrl }) => {
      const repository = repositoryAt(params, state)
      if ('movedTo' in repository) return moved(repository.movedTo, '', baseUrl)
      requireSight(caller, repository)
      return ok(fullRepositoryResource(repository, baseUrl))
    },
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/contents/{path}',
    documentation: 'repos/contents#get-repository-content',
    by: 'anybody',
    answer: ({ params, query, caller, accept }, { state, baseUrl }) => {
      const repository = repositoryAt(params, state)
      const path = (params['path'] ?? '').replace(/\/$/, '')
      if ('movedTo' in repository) return moved(repository.movedTo, `/contents/${path}`, baseUrl)
      requireSight(caller, repository)
      requireContents(caller, repository)
      const raw = RAW_TYPES.test(accept)
      return readContents({ repository, path, ref: query.get('ref') ?? undefined, raw }, baseUrl)
    },
  },
]

const RAW_TYPES = /application\/vnd\.github(\.v3)?\.raw/
const PAGE_DEFAULT = 30
const PAGE_LARGEST = 100

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

function installationOf(login = '', type: 'Organization' | 'User', { state, app, baseUrl }: RouteContext): Answer {
  const found = state.findInstallationOf(login)
  if (found === undefined || found.account.type !== type) throw notFound()
  return ok(installationResource(found, app, baseUrl))
}

/** By its name, by its id, or where it has moved to. */
function repositoryAt(
  { owner = '', repo = '', repository_id }: RouteRequest['params'],
  state: GitHubState,
): Repository | { readonly movedTo: number } {
  if (repository_id !== undefined) {
    const byId = state.findRepositoryById(Number(repository_id))
    if (byId === undefined) throw notFound()
    return byId
  }
  const found = state.findRepository(owner, repo)
  if (found !== undefined) return found
  const renamed = state.findRenamed(owner, repo)
  if (renamed === undefined) throw notFound()
  return { movedTo: renamed.id }
}

function moved(id: number, rest: string, baseUrl: string): Answer {
  const url = `${baseUrl}/repositories/${id}${rest}`
  const documentation_url = `${DOCUMENTATION}guides/best-practices-for-using-the-rest-api#follow-redirects`
  return { status: 301, headers: { location: url }, body: { message: 'Moved Permanently', url, documentation_url } }
}

/** Below this address GitHub documents each route. */
export const DOCUMENTATION = 'https://docs.github.com/rest/'

/** A private repository does not exist for whoever may not see it. */
function requireSight(caller: GitHubCaller, repository: Repository): void {
  if (!repository.private || seesPrivate(caller, repository)) return
  throw notFound()
}

/** A public repository's contents are anybody's; a private one's need the permission. */
function requireContents(caller: GitHubCaller, repository: Repository): void {
  if (!repository.private) return
  const held = caller.kind === 'installation' ? caller.token.permissions['contents'] : undefined
  if (held === undefined || !covers(held, 'read')) throw new GitHubError(403, 'Resource not accessible by integration')
}

function seesPrivate(caller: GitHubCaller, repository: Repository): boolean {
  return caller.kind === 'installation' && reaches(caller.token, repository, caller.installation)
}

function selected(installation: Installation, { id }: Repository): boolean {
  return installation.repositories === 'all' || installation.repositories.has(id)
}

function ok(body: unknown): Answer {
  return { status: 200, body }
}

/** One page and its `link` header (RFC 8288), as GitHub pages. */
function page<T>(all: readonly T[], query: URLSearchParams, url: string) {
  const size = Math.min(Math.max(1, Number(query.get('per_page') ?? PAGE_DEFAULT) || PAGE_DEFAULT), PAGE_LARGEST)
  const current = Math.max(1, Number(query.get('page') ?? 1) || 1)
  const last = Math.max(1, Math.ceil(all.length / size))
  const link = (number: number, rel: string) => `<${url}?per_page=${size}&page=${number}>; rel="${rel}"`
  const links = [
    ...(current > 1 ? [link(current - 1, 'prev')] : []),
    ...(current < last ? [link(current + 1, 'next'), link(last, 'last')] : []),
    ...(current > 1 ? [link(1, 'first')] : []),
  ]
  const headers: Record<string, string> = links.length === 0 ? {} : { link: links.join(', ') }
  return { items: all.slice((current - 1) * size, current * size), headers }
}

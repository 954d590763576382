import type { AppFacts } from './apps.ts'
import type { Answer } from './github-answer.ts'
import type { GitHubState, Installation } from './github-state.ts'
import type { IssuedToken, TokenForm, TokenOffice } from './installation-tokens.ts'
import type { QuotaState } from './quota.ts'

/** Who sends a request, after the credential was checked. */
export type GitHubCaller =
  | { readonly kind: 'none' }
  | { readonly kind: 'app'; readonly app: AppFacts }
  | { readonly kind: 'installation'; readonly token: IssuedToken; readonly installation: Installation }

export interface RouteRequest {
  /** The template's variables, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly accept: string
  readonly body: unknown
  readonly caller: GitHubCaller
  readonly quota: QuotaState
}

/** What the routes serve from. */
export interface RouteContext {
  readonly state: GitHubState
  readonly office: TokenOffice
  readonly tokenForm: TokenForm
  readonly baseUrl: string
}

/** One operation of GitHub's REST API. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As in GitHub's OpenAPI description. `{path}` takes the rest, slashes and all. */
  readonly template: string
  /** Below docs.github.com/rest: GitHub's `documentation_url`. */
  readonly documentation: string
  /** Who may ask: the App by its JWT, an installation by its token, anybody but the App, or anybody. */
  readonly by: 'app' | 'installation' | 'anybody but the app' | 'anybody'
  readonly answer: (request: RouteRequest, context: RouteContext) => Answer
}

export function ok(body: unknown): Answer {
  return { status: 200, body }
}

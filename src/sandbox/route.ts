import type { AppFacts } from './apps.ts'
import type { Checks } from './check-runs.ts'
import type { Answer } from './github-answer.ts'
import type { GitHubState, Installation } from './github-state.ts'
import type { IssuedToken, TokenForm, TokenOffice } from './installation-tokens.ts'
import type { Limits } from './limits.ts'
import type { QuotaState } from './quota.ts'

/** Who sends a request, after the credential was checked. */
export type GitHubCaller =
  | { readonly kind: 'none' }
  | { readonly kind: 'app'; readonly app: AppFacts }
  | { readonly kind: 'installation'; readonly token: IssuedToken; readonly installation: Installation }

export interface RouteRequest {
  /** The template's variables, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** The path below the repository, encoded; empty elsewhere. */
  readonly below: string
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
  readonly limits: Limits
  readonly checks: Checks
  readonly baseUrl: string
}

/** One operation of GitHub's REST API. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** As in GitHub's OpenAPI description. Those that are paths or refs may have slashes. */
  readonly template: string
  /** Below docs.github.com/rest: GitHub's `documentation_url`. */
  readonly documentation: string
  /** Who may ask: the App by its JWT, an installation by its token, anybody but the App, or anybody. */
  readonly by: 'app' | 'installation' | 'anybody but the app' | 'anybody'
  readonly answer: (request: RouteRequest, context: RouteContext) => Answer
}

/** Media types that ask for a file's own bytes. */
export const RAW_TYPES = /application\/vnd\.github(\.v3)?\.raw/

export function ok(body: unknown): Answer {
  return { status: 200, body }
}

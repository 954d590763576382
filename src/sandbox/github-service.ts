import { createHash } from 'node:crypto'
import { type AuthenticationContext, authenticate, requireCaller } from './authenticate.ts'
import { type Answer, bodyBytes, GitHubError, notFound, refusal } from './github-answer.ts'
import { type Quota, type QuotaState, quotaHeaders, quotaKey } from './quota.ts'
import type { GitHubCaller, RouteContext } from './route.ts'
import type { RouteMatch } from './route-match.ts'

export interface ServiceOptions extends Omit<RouteContext, 'baseUrl'>, AuthenticationContext {
  readonly quota: Quota
}

/** A request whose route was looked for and whose body was read. */
export interface ServiceRequest {
  readonly method: string
  readonly query: string
  readonly match: RouteMatch | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Parsed JSON, `UNPARSABLE`, or undefined when there is none. */
  readonly body: unknown
}

/** Stands for a body that is no JSON. */
export const UNPARSABLE = Symbol('a body that is no JSON')

/** GitHub without its sockets: credential, quota, route, ETag. */
export function createService(options: ServiceOptions): (request: ServiceRequest, baseUrl: string) => Answer {
  const { quota } = options

  const answered = (request: ServiceRequest, baseUrl: string): Answer => {
    const caller = authenticate(text(request.headers['authorization']), options)
    const key = quotaKeyOf(caller)
    const before = quota.look(key)
    const unlimited = request.match?.route.template === '/rate_limit'
    if (before.remaining === 0 && !unlimited) return limited(before, key)
    const answer = withETag(
      request,
      refusing(request, () => route({ request, caller, quota: before }, { ...options, baseUrl })),
    )
    const free = unlimited || answer.status === 304
    return withHeaders(answer, quotaHeaders(free ? before : quota.spend(key)))
  }
  return (request, baseUrl) => refusing(request, () => answered(request, baseUrl))
}

function quotaKeyOf(caller: GitHubCaller): string {
  switch (caller.kind) {
    case 'none':
      return 'your address'
    case 'app':
      return quotaKey({ app: caller.app.id })
    case 'installation':
      return quotaKey({ installation: caller.installation.id })
  }
}

interface Admitted {
  readonly request: ServiceRequest
  readonly caller: GitHubCaller
  readonly quota: QuotaState
}

const RATE_LIMITS = 'https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api'
/** GitHub answers 400 to others: docs.github.com/rest/about-the-rest-api/api-versions. */
const API_VERSIONS: ReadonlySet<string> = new Set(['2022-11-28', '2026-03-10'])
const NO_USER_AGENT =
  'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.'
const VARY = 'Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With'

function route({ request, caller, quota }: Admitted, context: RouteContext): Answer {
  const { match, headers, body } = request
  if (headers['user-agent'] === undefined) throw new GitHubError(403, NO_USER_AGENT)
  const version = text(headers['x-github-api-version'])
  if (version !== undefined && !API_VERSIONS.has(version)) {
    throw new GitHubError(400, `"${version}" is not a supported version of the API.`)
  }
  if (match === undefined) throw notFound()
  requireCaller(match.route, caller)
  if (body === UNPARSABLE) throw new GitHubError(400, 'Problems parsing JSON')
  const query = new URLSearchParams(request.query)
  const accept = text(headers['accept']) ?? ''
  const { params, below } = match
  return match.route.answer({ params, below, query, accept, body, caller, quota }, context)
}

function refusing({ match }: ServiceRequest, work: () => Answer): Answer {
  try {
    return work()
  } catch (error) {
    return refusal(error, match?.route.documentation ?? '')
  }
}

function limited(quota: QuotaState, key: string): Answer {
  const message = `API rate limit exceeded for ${key}.`
  return { status: 403, headers: quotaHeaders(quota), body: { message, documentation_url: RATE_LIMITS } }
}

/** An ETag belongs to the credential it was got with: the same content has another one for another token. */
function withETag({ method, headers }: ServiceRequest, answer: Answer): Answer {
  if (method !== 'GET' || answer.status !== 200) return answer
  const credential = `${text(headers['authorization'])}\n${text(headers['accept'])}\n`
  const etag = `W/"${createHash('sha256').update(credential).update(bodyBytes(answer)).digest('hex')}"`
  const cached = { etag, 'cache-control': 'private, max-age=60, s-maxage=60', vary: VARY }
  if (headers['if-none-match'] === etag) return { status: 304, headers: cached }
  return withHeaders(answer, cached)
}

function withHeaders(answer: Answer, headers: Readonly<Record<string, string>>): Answer {
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

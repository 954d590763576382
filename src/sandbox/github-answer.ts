/**
 * A refusal of the embedded GitHub, or a redirect when it has a `location`: becomes GitHub's `basic-error` body, with
 * the route's documentation address.
 */
export class GitHubError extends Error {
  readonly status: number
  readonly location: string | undefined

  constructor(status: number, message: string, location?: string) {
    super(message)
    this.name = 'GitHubError'
    this.status = status
    this.location = location
  }
}

/** GitHub's answer for what does not exist, and for what the caller may not know to exist. */
export function notFound(): GitHubError {
  return new GitHubError(404, 'Not Found')
}

/** One answer before it is written: `body` as JSON, or `bytes` of the content type named in the headers. */
export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly bytes?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** The answer for an error of a route; what is no GitHubError is the sandbox's own defect, and thrown on. */
export function refusal(error: unknown, documentation: string): Answer {
  if (!(error instanceof GitHubError)) throw error
  const { status, message, location } = error
  if (location === undefined) {
    return { status, body: { message, documentation_url: `${DOCS}/${documentation}`, status: String(status) } }
  }
  const body = { message, url: location, documentation_url: `${DOCS}/${REDIRECTS}` }
  return { status, headers: { location }, body }
}

const DOCS = 'https://docs.github.com/rest'
const REDIRECTS = 'guides/best-practices-for-using-the-rest-api#follow-redirects'

/** The answer's body as it is sent. */
export function bodyBytes({ body, bytes }: Answer): Buffer {
  if (bytes !== undefined) return Buffer.from(bytes)
  return body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body))
}

/**
 * A refusal of the embedded GitHub, or a redirect when it has a `location`: becomes GitHub's `basic-error` body, or its
 * `validation-error` when it has `errors`, with the route's documentation address.
 */
export class GitHubError extends Error {
  readonly status: number
  readonly location: string | undefined
  readonly errors: readonly unknown[] | undefined

  constructor(
    status: number,
    message: string,
    { location, errors }: { readonly location?: string; readonly errors?: readonly unknown[] } = {},
  ) {
    super(message)
    this.name = 'GitHubError'
    this.status = status
    this.location = location
    this.errors = errors
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
  const { status, message, location, errors } = error
  if (location === undefined) {
    const details = errors === undefined ? {} : { errors }
    const documentationUrl = `${DOCS}/${documentation}`
    return { status, body: { message, ...details, documentation_url: documentationUrl, status: String(status) } }
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

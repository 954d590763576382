/** A refusal of the embedded GitHub: becomes GitHub's `basic-error` body, with the route's documentation address. */
export class GitHubError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'GitHubError'
    this.status = status
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

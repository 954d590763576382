import { quote } from '../terms/text.ts'

/** Any answer of GitHub, whatever its status. `body` is the parsed JSON, or undefined where it is none. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: unknown
}

/** What GitHub said, for the log: the status and its `message`, cut; never a body, which may hold a token. */
export function describe({ status, headers, body }: Answer): Error {
  const id = headers['x-github-request-id']
  return new Error(
    `GitHub answered ${status} ${quote(messageOf(body))}${id === undefined ? '' : ` (request ${quote(id)})`}`,
  )
}

/** True for an answer that leads elsewhere, as after a rename. It is never followed: the old name may have a new holder. */
export function isRedirect({ status }: Answer): boolean {
  return REDIRECTS.has(status)
}

/** The JSON of a body; undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The `message` of GitHub's error body, at most 1000 characters of it, or nothing. */
export function messageOf(body: unknown): string {
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined
  return typeof message === 'string' ? message.slice(0, MESSAGE_LIMIT) : ''
}

const MESSAGE_LIMIT = 1000
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

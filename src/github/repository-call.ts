import type { Answer } from './answer.ts'

/** A question about one repository, asked with a token for it alone; `owner` and `repo` are filled in. */
export interface RepositoryQuestion {
  /** A template of GitHub's REST API. */
  readonly route: string
  readonly parameters?: Readonly<Record<string, unknown>>
  /** Completes "GitHub did not answer while …". */
  readonly doing: string
  readonly maxBytes: number
  /** `safe` when absent: a second request does no harm. */
  readonly retry?: 'safe' | 'unreached'
}

/**
 * Answers of 2xx and of 4xx but 401, 403 and 451 are returned. Refused are, beside what `Call` refuses, `REPOSITORY_RENAMED`,
 * `POLICY_READ_FORBIDDEN` and `APP_CREDENTIALS_REFUSED`.
 */
export type RepositoryCall = (question: RepositoryQuestion) => Promise<Answer>

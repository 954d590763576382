import { Denial } from './denial.ts'
import { quote } from './text.ts'

/**
 * What a token is asked for: one repository, or (without `repository`) the owner's organization or user account.
 * Names are kept as the caller wrote them; GitHub compares them without regard to case, and so does `scopeKey`.
 */
export interface Scope {
  readonly owner: string
  readonly repository?: string
}

/**
 * Reads `owner/repository` or `owner`.
 * Refuses, as `SCOPE_MISSING` or `SCOPE_MALFORMED`, anything else: further slashes, dots as a whole name, other characters.
 */
export function parseScope(text: string): Scope {
  if (text === '') {
    throw new Denial(
      'SCOPE_MISSING',
      'scope must be provided: "owner/repository", or "owner" for an organization policy',
      {
        field: 'scope',
      },
    )
  }
  const [owner = '', repository, ...rest] = text.split('/', PARTS_LOOKED_AT)
  if (rest.length > 0 || !OWNER.test(owner)) throw malformed(text)
  if (repository === undefined) return { owner }
  if (!REPOSITORY.test(repository) || repository === '.' || repository === '..') throw malformed(text)
  return { owner, repository }
}

/** `owner/repository` or `owner`, as it is written in a request. */
export function formatScope({ owner, repository }: Scope): string {
  return repository === undefined ? owner : `${owner}/${repository}`
}

/** Equal for two names of an owner or a repository that GitHub takes for one. */
export function nameKey(name: string): string {
  return name.toLowerCase()
}

/** One more than it may have: a stranger may send a million slashes. */
const PARTS_LOOKED_AT = 3
const OWNER = /^[A-Za-z0-9_-]{1,100}$/
const REPOSITORY = /^[A-Za-z0-9._-]{1,100}$/

function malformed(text: string): Denial {
  return new Denial('SCOPE_MALFORMED', `scope ${quote(text)} is neither "owner/repository" nor "owner"`, {
    field: 'scope',
  })
}

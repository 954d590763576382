import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import type { RepositoryNames, RepositorySelection } from './grant.ts'

/**
 * The repositories of a selection: those it names, and those of `visible` (what the installation reaches) that one of its
 * patterns matches as a whole. Refuses `REPOSITORY_PATTERNS_UNMATCHED` when that is none, since to GitHub an empty list would
 * mean everything, and `REPOSITORIES_TOO_MANY`.
 */
export function selectRepositories(
  { named, patterns }: RepositorySelection,
  visible: readonly string[],
): RepositoryNames {
  const matched = visible.filter((name) => patterns.some((pattern) => pattern.matches(name)))
  // GitHub takes two spellings for one repository.
  const [first, ...others] = new Map([...matched, ...named].map((name) => [nameKey(name), name])).values()
  if (first === undefined) {
    throw new Denial(
      'REPOSITORY_PATTERNS_UNMATCHED',
      "trust policy: none of the repositories that the GitHub App's installation reaches matches its repository_patterns",
    )
  }
  const count = others.length + 1
  if (count > REPOSITORIES_LIMIT) {
    throw new Denial(
      'REPOSITORIES_TOO_MANY',
      `trust policy: its repositories and repository_patterns together reach ${count} repositories, and a token can have ${REPOSITORIES_LIMIT} at most: make the patterns narrower`,
      { metadata: { repositories: String(count) } },
    )
  }
  return [first, ...others]
}

/** GitHub's own limit for one token. */
const REPOSITORIES_LIMIT = 500

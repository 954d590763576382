import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { finish, type Steps } from '../terms/steps.ts'
import { beginEffort, beginRule, isMatched, isSpent } from './effort.ts'
import type { RepositoryNames, RepositorySelection } from './grant.ts'

/**
 * The repositories of a selection: those it names, and those of `visible` (what the installation reaches) that one of its
 * patterns matches as a whole. Refuses `REPOSITORY_PATTERNS_UNMATCHED` when that is none, since to GitHub an empty list would
 * mean everything, and `REPOSITORIES_TOO_MANY`, also where to look through what is visible takes too much work. A step is a
 * few of the names. What comes of it is kept for as long as both the policy and the list are: to look through 10,000 names
 * anew for each exchange would be seconds of work that a stranger can order.
 */
export function* repositorySelection(
  selection: RepositorySelection,
  visible: readonly string[],
): Steps<RepositoryNames> {
  const { patterns } = selection
  const known = selections.get(visible)?.get(patterns)
  const outcome = known ?? (yield* outcomeOf(selection, visible))
  if (known === undefined) keep(outcome, patterns, visible)
  if (outcome instanceof Denial) throw outcome
  return outcome
}

type Outcome = RepositoryNames | Denial
type Patterns = RepositorySelection['patterns']

/** By the list and a policy's own patterns; lists and compiled policies never change. */
const selections = new WeakMap<readonly string[], WeakMap<Patterns, Outcome>>()

function keep(outcome: Outcome, patterns: Patterns, visible: readonly string[]): void {
  const ofList = selections.get(visible) ?? new WeakMap<Patterns, Outcome>()
  selections.set(visible, ofList.set(patterns, outcome))
}

function* outcomeOf(selection: RepositorySelection, visible: readonly string[]): Steps<Outcome> {
  try {
    return yield* select(selection, visible)
  } catch (error) {
    if (error instanceof Denial) return error
    throw error
  }
}

function* select({ named, patterns }: RepositorySelection, visible: readonly string[]): Steps<RepositoryNames> {
  const matched = yield* matching(patterns, visible)
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

/** The same at once. */
export function selectRepositories(selection: RepositorySelection, visible: readonly string[]): RepositoryNames {
  return finish(repositorySelection(selection, visible))
}

function* matching(patterns: Patterns, visible: readonly string[]): Steps<readonly string[]> {
  const effort = beginEffort(EFFORT)
  const matched: string[] = []
  for (const name of visible) {
    for (const pattern of patterns) {
      if (beginRule(effort)) yield
      const isMatch = isMatched(pattern, name, effort)
      if (isSpent(effort)) throw tooMuchWork(visible.length)
      if (!isMatch) continue
      matched.push(name)
      break
    }
  }
  return matched
}

function tooMuchWork(count: number): Denial {
  return new Denial(
    'REPOSITORIES_TOO_MANY',
    `trust policy: its repository_patterns are too large to be tried on the ${count} repositories that the GitHub App's installation reaches: make them simpler, or name the repositories instead`,
    { metadata: { repositories: String(count) } },
  )
}

/** Some 4 s at the worst, in steps; six patterns of usual size on 10,000 names of 25 characters come to that. */
const EFFORT = 200_000_000
/** GitHub's own limit for one token. */
const REPOSITORIES_LIMIT = 500

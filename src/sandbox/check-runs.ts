import type { AppFacts } from './apps.ts'
import type { CheckAnnotation, CheckConclusion, CheckOutput, CheckRequest, CheckStatus } from './check-request.ts'
import type { GitHubState, Repository } from './github-state.ts'

/** All check runs of one App for one commit. */
export interface CheckSuite {
  readonly id: number
  readonly repository: Repository
  readonly app: AppFacts
  readonly headSha: string
  readonly createdAt: Date
}

export interface CheckRun {
  readonly id: number
  readonly suite: CheckSuite
  name: string
  status: CheckStatus
  conclusion: CheckConclusion | undefined
  startedAt: Date | undefined
  completedAt: Date | undefined
  detailsUrl: string | undefined
  externalId: string | undefined
  output: CheckOutput | undefined
  /** Of all requests together, in order. */
  readonly annotations: CheckAnnotation[]
}

/** Check runs and their suites, of all repositories. */
export type Checks = ReturnType<typeof createChecks>

export function createChecks(state: Pick<GitHubState, 'newId'>, now: () => number) {
  const suites: CheckSuite[] = []
  const runs: CheckRun[] = []

  /** The App's suite for the commit: there is one. */
  const suiteOf = (repository: Repository, app: AppFacts, headSha: string): CheckSuite => {
    const found = suites.find(
      (suite) => suite.repository === repository && suite.app.id === app.id && suite.headSha === headSha,
    )
    if (found !== undefined) return found
    const made = { id: state.newId(), repository, app, headSha, createdAt: new Date(now()) }
    suites.push(made)
    return made
  }

  return {
    suiteOf,
    runs: runs as readonly CheckRun[],
    find: (repository: Repository, id: number) =>
      runs.find((run) => run.id === id && run.suite.repository === repository),

    create(suite: CheckSuite, request: CheckRequest): CheckRun {
      const run: CheckRun = {
        id: state.newId(),
        suite,
        name: request.name ?? '',
        status: 'queued',
        conclusion: undefined,
        startedAt: new Date(now()),
        completedAt: undefined,
        detailsUrl: undefined,
        externalId: undefined,
        output: undefined,
        annotations: [],
      }
      change(run, request, now())
      runs.push(run)
      if (runs.length > MOST_REMEMBERED) runs.shift()
      return run
    },

    update(run: CheckRun, request: CheckRequest): void {
      change(run, request, now())
    },
  }
}

/** So that a load test does not fill the memory. */
const MOST_REMEMBERED = 100_000

/** What the request does not name stays, but a run that goes on has no conclusion; annotations are added. */
function change(run: CheckRun, request: CheckRequest, nowMs: number): void {
  run.name = request.name ?? run.name
  run.startedAt = request.startedAt ?? run.startedAt
  run.detailsUrl = request.detailsUrl ?? run.detailsUrl
  run.externalId = request.externalId ?? run.externalId
  run.output = request.output ?? run.output
  run.annotations.push(...request.annotations)
  if (request.status === undefined) return
  run.status = request.status
  run.conclusion = request.conclusion
  run.completedAt = request.conclusion === undefined ? undefined : (request.completedAt ?? new Date(nowMs))
}

import type { CheckAnnotation, CheckRun } from '../terms/check-run.ts'
import { Denial } from '../terms/denial.ts'
import { isJsonObject } from '../terms/json.ts'
import { type Answer, describe } from './answer.ts'
import { isId } from './installation-answer.ts'
import { unreadable } from './known-failures.ts'
import type { RepositoryCall } from './repository-call.ts'

/**
 * Makes or changes a check run, and answers its id. GitHub takes 50 annotations at a time and appends: until the last are
 * there the run has no conclusion, so that it is never green with half of them. Refuses `MINT_UNPROCESSABLE` when GitHub has
 * no such commit or run.
 */
export async function writeCheckRun(run: CheckRun, call: RepositoryCall): Promise<number> {
  const pages = pagesOf(run.annotations)
  let id = run.id
  for (const [index, annotations] of pages.entries()) {
    id = await write(
      { ...run, id, annotations, conclusion: index === pages.length - 1 ? run.conclusion : undefined },
      call,
    )
  }
  if (id === undefined) throw new Error('unreachable: there is at least one page')
  return id
}

/** The summary of the newest run of this name of the App's that is done; undefined: the commit has none. */
export async function readLastSummary(
  { commit, name, appId }: { readonly commit: string; readonly name: string; readonly appId: number },
  call: RepositoryCall,
): Promise<string | undefined> {
  const answer = await call({
    route: 'GET /repos/{owner}/{repo}/commits/{ref}/check-runs',
    parameters: {
      ref: commit,
      check_name: name,
      app_id: appId,
      status: 'completed',
      filter: 'all',
      per_page: RUNS_READ,
    },
    doing: READING,
    maxBytes: RUNS_LIMIT_BYTES,
  })
  const { status, body } = answer
  if (status === 404 || status === 422) return undefined // no such commit: no run can be written for it either
  const runs: unknown = isJsonObject(body) ? body['check_runs'] : undefined
  if (status !== 200 || !Array.isArray(runs)) throw unreadable(READING, answer)
  const [newest] = runs.filter(isJsonObject).toSorted((a, b) => Number(b['id']) - Number(a['id']))
  const output = newest?.['output']
  const summary = isJsonObject(output) ? output['summary'] : undefined
  return typeof summary === 'string' ? summary : undefined
}

async function write(run: CheckRun, call: RepositoryCall): Promise<number> {
  const { id, name, commit, conclusion, title, summary, annotations } = run
  const members = {
    name,
    ...(conclusion === undefined ? { status: 'in_progress' } : { status: 'completed', conclusion }),
    output: { title, summary, ...(annotations.length === 0 ? {} : { annotations: annotations.map(annotationBody) }) },
  }
  const question = { doing: DOING, maxBytes: ANSWER_LIMIT_BYTES }
  const answer = await (id === undefined
    ? call({
        ...question,
        route: 'POST /repos/{owner}/{repo}/check-runs',
        parameters: { ...members, head_sha: commit, external_id: commit },
        retry: 'unreached', // a second one would stand beside the first
      })
    : call({
        ...question,
        route: 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}',
        parameters: { ...members, check_run_id: id },
        retry: annotations.length === 0 ? 'safe' : 'unreached', // annotations are appended
      }))
  return idOf(answer)
}

function annotationBody({ path, line, column, level, message }: CheckAnnotation) {
  return {
    path,
    start_line: line,
    end_line: line,
    ...(column === undefined ? {} : { start_column: column, end_column: column }),
    annotation_level: level,
    message,
  }
}

function pagesOf(annotations: readonly CheckAnnotation[]): readonly (readonly CheckAnnotation[])[] {
  const count = Math.max(1, Math.ceil(annotations.length / ANNOTATIONS_A_REQUEST))
  return Array.from({ length: count }, (_, page) =>
    annotations.slice(page * ANNOTATIONS_A_REQUEST, (page + 1) * ANNOTATIONS_A_REQUEST),
  )
}

function idOf(answer: Answer): number {
  const { status, body } = answer
  if (status === 404 || status === 422) {
    throw new Denial('MINT_UNPROCESSABLE', `GitHub takes no check run for this commit: it answered ${status}`, {
      cause: describe(answer),
    })
  }
  const id = isJsonObject(body) ? body['id'] : undefined
  if ((status !== 201 && status !== 200) || !isId(id)) throw unreadable(DOING, answer)
  return id
}

const DOING = 'writing a check run'
const READING = 'reading the check runs of a commit'
/** The newest come first. */
const RUNS_READ = 30
/** Thirty summaries of 65,535 characters, and what stands around them. */
const RUNS_LIMIT_BYTES = 10 * 1024 * 1024
const ANNOTATIONS_A_REQUEST = 50
const ANSWER_LIMIT_BYTES = 1024 * 1024

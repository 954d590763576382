import {
  failedValidation,
  integerOf,
  isRecord,
  type JsonObject,
  objectBody,
  objectsOf,
  requireMembers,
  textOf,
  timeOf,
  wordOf,
} from './request-body.ts'

export type CheckStatus = 'queued' | 'in_progress' | 'completed'
export type CheckConclusion =
  | 'action_required'
  | 'cancelled'
  | 'failure'
  | 'neutral'
  | 'success'
  | 'skipped'
  | 'timed_out'

export interface CheckAnnotation {
  readonly path: string
  readonly startLine: number
  readonly endLine: number
  readonly startColumn: number | undefined
  readonly endColumn: number | undefined
  readonly level: 'notice' | 'warning' | 'failure'
  readonly message: string
  readonly title: string | undefined
  readonly rawDetails: string | undefined
}

export interface CheckOutput {
  readonly title: string | undefined
  readonly summary: string
  readonly text: string | undefined
}

/** What a check run is made with, or changed to. A conclusion means `completed`. */
export interface CheckRequest {
  readonly name: string | undefined
  readonly headSha: string | undefined
  readonly status: CheckStatus | undefined
  readonly conclusion: CheckConclusion | undefined
  readonly startedAt: Date | undefined
  readonly completedAt: Date | undefined
  readonly detailsUrl: string | undefined
  readonly externalId: string | undefined
  readonly output: CheckOutput | undefined
  readonly annotations: readonly CheckAnnotation[]
}

/** The body of "Create a check run" or "Update a check run", checked as GitHub does: 422 with what is wrong. */
export function parseCheckRequest(body: unknown, kind: 'create' | 'update'): CheckRequest {
  const object = objectBody(body)
  if (kind === 'create') requireMembers(object, ['name', 'head_sha'])
  const conclusion = wordOf(object, 'conclusion', CONCLUSIONS)
  const completedAt = timeOf(object, 'completed_at')
  const status = wordOf(object, 'status', STATUSES)
  if (conclusion === 'stale') throw failedValidation('CheckRun', 'conclusion', 'invalid')
  if (conclusion === undefined && (completedAt !== undefined || status === 'completed')) {
    throw failedValidation('CheckRun', 'conclusion', 'missing_field')
  }
  const { output, annotations } = parseOutput(object, kind)
  parseActions(object)
  return {
    name: textOf(object, 'name'),
    headSha: textOf(object, 'head_sha'),
    status: conclusion === undefined ? status : 'completed',
    conclusion,
    startedAt: timeOf(object, 'started_at'),
    completedAt,
    detailsUrl: textOf(object, 'details_url'),
    externalId: textOf(object, 'external_id'),
    output,
    annotations,
  }
}

// All from GitHub's description of the two operations. Only GitHub Actions may say `waiting`, `requested` or `pending`,
// and only GitHub itself `stale`.
const STATUSES = ['queued', 'in_progress', 'completed'] as const
const CONCLUSIONS = [
  'action_required',
  'cancelled',
  'failure',
  'neutral',
  'success',
  'skipped',
  'stale',
  'timed_out',
] as const
const MOST_CHARACTERS = 65_535
const MOST_ANNOTATIONS = 50
const MOST_ACTIONS = 3
/** "The maximum size is 64 KB", of an annotation's message and details. */
const LARGEST_MESSAGE = 64 * 1024
const LONGEST_TITLE = 255

function parseOutput(object: JsonObject, kind: 'create' | 'update') {
  const output = object['output']
  if (output === undefined) return { output: undefined, annotations: [] }
  if (!isRecord(output)) throw failedValidation('CheckRun', 'output', 'invalid')
  requireMembers(output, kind === 'create' ? ['title', 'summary'] : ['summary'])
  return {
    output: {
      title: textOf(output, 'title'),
      summary: textOf(output, 'summary', MOST_CHARACTERS) ?? '',
      text: textOf(output, 'text', MOST_CHARACTERS),
    },
    annotations: objectsOf(output, 'annotations', MOST_ANNOTATIONS).map(parseAnnotation),
  }
}

function parseAnnotation(object: JsonObject): CheckAnnotation {
  requireMembers(object, ['path', 'start_line', 'end_line', 'annotation_level', 'message'])
  const annotation: CheckAnnotation = {
    path: textOf(object, 'path') ?? '',
    startLine: integerOf(object, 'start_line') ?? 0,
    endLine: integerOf(object, 'end_line') ?? 0,
    startColumn: integerOf(object, 'start_column'),
    endColumn: integerOf(object, 'end_column'),
    level: wordOf(object, 'annotation_level', ['notice', 'warning', 'failure'] as const) ?? 'notice',
    message: textOf(object, 'message') ?? '',
    title: textOf(object, 'title'),
    rawDetails: textOf(object, 'raw_details'),
  }
  if (!isPlaced(annotation) || !isSmall(annotation)) throw failedValidation('CheckRun', 'annotations', 'invalid')
  return annotation
}

/**
 * Lines and columns start at 1 and do not run backwards; columns come as a pair, and only for an annotation of one line
 * (octokit/octokit.js, issue 1170; probot/probot, issue 790).
 */
function isPlaced({ path, startLine, endLine, startColumn, endColumn }: CheckAnnotation): boolean {
  if (path === '' || path.startsWith('/') || startLine < 1 || endLine < startLine) return false
  if (startColumn === undefined && endColumn === undefined) return true
  if (startColumn === undefined || endColumn === undefined || startLine !== endLine) return false
  return startColumn >= 1 && endColumn >= startColumn
}

function isSmall({ message, title = '', rawDetails = '' }: CheckAnnotation): boolean {
  if (message === '' || title.length > LONGEST_TITLE) return false
  return [message, rawDetails].every((text) => Buffer.byteLength(text) <= LARGEST_MESSAGE)
}

function parseActions(object: JsonObject): void {
  for (const action of objectsOf(object, 'actions', MOST_ACTIONS)) {
    requireMembers(action, ['label', 'description', 'identifier'])
    textOf(action, 'label', 20)
    textOf(action, 'description', 40)
    textOf(action, 'identifier', 20)
  }
}

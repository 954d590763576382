import type { Finding } from '../policy/trust-policy.ts'
import type { CheckAnnotation, CheckRun } from '../terms/check-run.ts'
import { escapeUnprintable } from '../terms/text.ts'
import { isValid, type Verdict } from './verdict.ts'

/** What was found out about one commit. */
export interface Findings {
  readonly verdicts: readonly Verdict[]
  /** Why not all could be looked at, each a sentence: then the check fails, whatever else was found. */
  readonly gaps: readonly string[]
  /** What could not be compared, each a sentence: the check does not fail for it. */
  readonly notes: readonly string[]
}

/** The check run's conclusion and what stands in it: errors before warnings, so that no limit hides one behind the other. */
export function reportOf({
  verdicts,
  gaps,
  notes,
}: Findings): Pick<CheckRun, 'conclusion' | 'title' | 'summary' | 'annotations'> {
  const failed = gaps.length > 0 || verdicts.some((verdict) => !isValid(verdict))
  const all = [...annotationsOf(verdicts, 'failure'), ...annotationsOf(verdicts, 'warning')]
  const annotations = all.slice(0, ANNOTATIONS_SHOWN)
  const left = all.length - annotations.length
  const lines = [
    ...gaps.map((gap) => `**${gap}**`),
    ...(verdicts.length === 0 && gaps.length === 0 ? ['No trust policy is changed.'] : []),
    ...verdicts.map(lineOf),
    ...notes,
    ...(left === 0 ? [] : [`${left} more remarks are not shown as annotations.`]),
  ]
  return {
    conclusion: failed ? 'failure' : 'success',
    title: titleOf({ verdicts, gaps, notes }),
    summary: cut(lines.join('\n\n'), SUMMARY_LIMIT),
    annotations,
  }
}

function titleOf({ verdicts, gaps }: Findings): string {
  const invalid = verdicts.filter((verdict) => !isValid(verdict)).length
  if (invalid > 0) return `${count(invalid, 'file')} of ${verdicts.length} can not be used`
  if (gaps.length > 0) return 'not all could be checked'
  const looked = verdicts.filter(({ kind, action }) => kind !== 'misplaced' && action !== 'removed').length
  const warnings = verdicts.reduce((sum, verdict) => sum + verdict.warnings.length, 0)
  const removed = verdicts.filter(({ action }) => action === 'removed').length
  const parts = [
    ...(looked > 0 ? [`${count(looked, 'file')} checked`] : []),
    ...(removed > 0 ? [`${count(removed, 'file')} removed`] : []),
    ...(looked + removed === 0 ? ['no trust policy is changed'] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ]
  return parts.join(', ')
}

function lineOf(verdict: Verdict): string {
  const { path, action, errors, warnings } = verdict
  const mark = action === 'removed' ? 'removed' : isValid(verdict) ? 'valid' : '**invalid**'
  const remarks = [
    ...errors.map((finding) => `  - error: ${sentence(finding)}`),
    ...warnings.map((finding) => `  - warning: ${sentence(finding)}`),
  ].slice(0, REMARKS_IN_SUMMARY)
  return [`- ${code(path)}: ${verdict.kind === 'misplaced' ? 'not read' : mark}`, ...remarks].join('\n')
}

function sentence({ message, line, column }: Finding): string {
  const where = line === undefined ? '' : `line ${line}${column === undefined ? '' : `, column ${column}`}: `
  return `${where}${plain(message)}`
}

function annotationsOf(verdicts: readonly Verdict[], level: CheckAnnotation['level']): readonly CheckAnnotation[] {
  return verdicts
    .filter(({ action }) => action !== 'removed') // there is no line of it
    .flatMap(({ path, errors, warnings }) =>
      (level === 'failure' ? errors : warnings).map(({ message, line, column }) => ({
        path,
        line: line ?? 1,
        column: line === undefined ? undefined : column,
        level,
        message: cut(escapeUnprintable(message), MESSAGE_LIMIT),
      })),
    )
}

/** A stranger's text as Markdown that is only text: no link, mention, image or HTML comes of it. */
function plain(text: string): string {
  return cut(escapeUnprintable(text), MESSAGE_LIMIT).replace(
    /[\\`*_{}[\]<>#|~!@:&-]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  )
}

/** A path as Markdown code, which ends only at a backtick. */
function code(path: string): string {
  return `\`${cut(escapeUnprintable(path), PATH_SHOWN).replaceAll('`', '\u2019')}\``
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`
}

/** Ten requests' worth: nobody reads more. */
const ANNOTATIONS_SHOWN = 500
const REMARKS_IN_SUMMARY = 20
/** GitHub takes 65,535 characters. */
const SUMMARY_LIMIT = 60_000
/** GitHub takes 64 KB. */
const MESSAGE_LIMIT = 2_000
const PATH_SHOWN = 300

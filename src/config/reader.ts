import { type ConfigurationFile, fileLabel, readConfigurationFile } from './configuration-file.ts'
import { type FileNeeds, readNamedFile } from './files.ts'
import type { Reading } from './values.ts'
import type { Kind, Table, Values, Variable } from './variable.ts'

/** Every problem of a configuration at once, each beginning with the variable's name, or with its key in `CONFIG_FILE`. */
export class ConfigurationError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(
      `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    )
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}

export interface ReaderNeeds extends FileNeeds {
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What somebody gave a variable: a text, or in `CONFIG_FILE` also a list; and where. */
export interface Given {
  readonly value: string | readonly string[]
  readonly from: 'environment' | 'CONFIG_FILE'
  /** Of `CONFIG_FILE`, where it is known. */
  readonly line: number | undefined
}

/** The variables of a table, read: what each holds, and what is wrong with them together. */
export interface Reader<T> {
  /** Of a variable that is wrong: its default. */
  readonly values: Values<T>
  /** What was found so far; whoever finds more adds it. */
  readonly problems: string[]
  given(name: keyof T & string): Given | undefined
  /** How a message names a variable: its name, or its key in `CONFIG_FILE` where that is what counts. */
  label(name: keyof T & string): string
  /** Adds a problem of one variable. */
  fault(name: keyof T & string, what: string): void
  /** The value, or `blank` with a problem when nobody set it. */
  required<Name extends keyof T & string>(
    name: Name,
    about: { readonly what: string; readonly blank: Exclude<Values<T>[Name], undefined> },
  ): Exclude<Values<T>[Name], undefined>
  /** Adds that something must be set, unless it may be in a `CONFIG_FILE` that could not be read. */
  missing(what: string): void
  /** Throws a ConfigurationError when there were problems. */
  finish(): void
}

/**
 * Reads the variables of `table` from the environment and, where that sets nothing, from `CONFIG_FILE`, whose keys are those
 * of `all`. An empty variable is as if it were not set.
 */
export function createReader<const T extends Table<Needs>, Needs>(
  table: T,
  { all, ...needs }: ReaderNeeds & Needs & { readonly all: Table<never> },
): Reader<T> {
  const file = readFileOf(needs, all)
  const problems = [...file.problems]
  const given = (name: string): Given | undefined => givenIn(needs.env, file, name)
  const label = (name: string) => {
    const { from, line } = given(name) ?? { from: 'environment', line: undefined }
    return from === 'environment' ? name : fileLabel(name, line)
  }
  const fault = (name: string, what: string) => void problems.push(`${label(name)} ${what}`)
  const read = (name: string, { kind, default: fallback }: Variable<Needs>): unknown => {
    const value = given(name)?.value
    const reading = value === undefined ? undefined : readValue(kind, value, needs as Needs)
    if (reading !== undefined && 'value' in reading) return reading.value
    for (const problem of [reading?.problem ?? []].flat()) fault(name, problem)
    if (fallback === undefined) return undefined
    const own = readValue(kind, fallback, needs as Needs)
    if ('problem' in own) throw new Error(`the default of ${name} is wrong: ${[own.problem].flat().join()}`)
    return own.value
  }
  // The type says of each name what its kind reads.
  const values = Object.fromEntries(
    Object.entries(table).map(([name, about]) => [name, read(name, about)]),
  ) as Values<T>
  const missing = (what: string) => {
    if (file.isWhole) problems.push(what)
  }
  return {
    values,
    problems,
    given,
    label,
    fault,
    missing,
    required(name, { what, blank }) {
      const value = values[name] as Exclude<Values<T>[typeof name], undefined> | undefined
      if (given(name) === undefined && !file.misshapen.has(name)) missing(`${name} must be set: ${what}`)
      return value ?? blank
    },
    finish() {
      if (problems.length > 0) throw new ConfigurationError(problems)
    },
  }
}

/** The entries of what was given to a list, or the text as the only one. */
export function entriesOf(kind: Kind<unknown, never>, value: string | readonly string[]): readonly string[] {
  if (typeof value !== 'string') return value
  return kind.form === 'text' ? [value] : kind.split(value)
}

function readValue<Needs>(
  kind: Kind<unknown, Needs>,
  value: string | readonly string[],
  needs: Needs,
): Reading<unknown> {
  if (kind.form === 'text') return kind.read(typeof value === 'string' ? value : value.join(), needs)
  const [first, ...others] = entriesOf(kind, value)
  return first === undefined ? { problem: `names none: ${kind.whenEmpty}` } : kind.read([first, ...others], needs)
}

function givenIn(env: ReaderNeeds['env'], { values }: ConfigurationFile, name: string): Given | undefined {
  const own = env[name]?.trim() ?? ''
  if (own !== '') return { value: own, from: 'environment', line: undefined }
  const listed = values.get(name)
  if (listed === undefined) return undefined
  const value = typeof listed.value === 'string' ? listed.value.trim() : listed.value
  return value === '' ? undefined : { value, from: 'CONFIG_FILE', line: listed.line }
}

function readFileOf({ env, ...needs }: ReaderNeeds, all: Table<never>): ConfigurationFile {
  const path = env['CONFIG_FILE']?.trim() ?? ''
  if (path === '') return { values: new Map(), misshapen: new Set(), problems: [], isWhole: true }
  const reading = readNamedFile(path, needs)
  if ('value' in reading) return readConfigurationFile(reading.value.text, all)
  return {
    values: new Map(),
    misshapen: new Set(),
    problems: [reading.problem].flat().map((problem) => `CONFIG_FILE ${problem}`),
    isWhole: false,
  }
}

import type { Reading } from './values.ts'

/** Every problem of a configuration at once, each beginning with the variable's name. */
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

export interface ReaderNeeds {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string
}

/** Reads variables one by one and gathers what is wrong with them. */
export interface Reader {
  /** What was found so far; whoever finds more adds it, behind the name of the variable. */
  readonly problems: string[]
  /** The trimmed text of a variable; one that is empty is as if it were not set. */
  text(name: string): string | undefined
  read<T>(name: string, reader: (text: string) => Reading<T>, fallback: T): T
  required<T>(
    name: string,
    reader: (text: string) => Reading<T>,
    about: { readonly what: string; readonly blank: T },
  ): T
  /** The text of the file that a variable names. */
  file(name: string): string | undefined
  /** Throws a ConfigurationError when there were problems. */
  finish(): void
}

export function createReader({ env, readFile }: ReaderNeeds): Reader {
  const problems: string[] = []
  const text = (name: string) => {
    const value = env[name]?.trim()
    return value === '' ? undefined : value
  }
  const read: Reader['read'] = (name, reader, fallback) => {
    const value = text(name)
    if (value === undefined) return fallback
    const reading = reader(value)
    if ('value' in reading) return reading.value
    problems.push(`${name} ${reading.problem}`)
    return fallback
  }
  return {
    problems,
    text,
    read,
    required(name, reader, { what, blank }) {
      if (text(name) === undefined) problems.push(`${name} must be set: ${what}`)
      return read(name, reader, blank)
    },
    file(name) {
      const path = text(name)
      if (path === undefined) return undefined
      try {
        return readFile(path)
      } catch (error) {
        problems.push(`${name} names the file ${JSON.stringify(path)}, which cannot be read (${codeOf(error)})`)
        return undefined
      }
    },
    finish() {
      if (problems.length > 0) throw new ConfigurationError(problems)
    },
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}

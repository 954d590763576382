import { quoteUnlessKey } from './mask.ts'
import type { Reading } from './values.ts'

export interface FileNeeds {
  /** The text of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string
}

/** A file that a variable names, and its text. */
export interface NamedFile {
  readonly path: string
  readonly text: string
}

export function readNamedFile(path: string, { readFile }: FileNeeds): Reading<NamedFile> {
  try {
    return { value: { path, text: readFile(path) } }
  } catch (error) {
    return { problem: `names the file ${quoteUnlessKey(path)}, which cannot be read (${codeOf(error)})` }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}

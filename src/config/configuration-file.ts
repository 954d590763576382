import { isConfigurationDocument } from '../gen/validators.cjs'
import { pointerTo, readDocument } from '../policy/document.ts'
import { isJsonObject } from '../terms/json.ts'
import { nearest } from '../terms/nearest.ts'
import { quote } from '../terms/text.ts'
import { fileKey, type Kind, type Table } from './variable.ts'

/** What a file sets: a scalar as it is written, or the entries of a list. */
export interface FileValue {
  readonly value: string | readonly string[]
  readonly line: number | undefined
}

export interface ConfigurationFile {
  /** By the variable's name. */
  readonly values: ReadonlyMap<string, FileValue>
  /** What is wrong with the file, each with its line where that is known. */
  readonly problems: readonly string[]
  /** Those that are there in a form that they cannot have; also by the variable's name. */
  readonly misshapen: ReadonlySet<string>
  /** False when the file could not be read to its end: what seems to be missing may be in it. */
  readonly isWhole: boolean
}

/**
 * Reads `CONFIG_FILE`: a YAML mapping of the variables' names in lower case, held against schemas/configuration.json. Every
 * scalar is the text as it is written; aliases, anchors, tags, repeated and unknown keys are problems. What the schema says
 * of a value for editors, its reader says better. Never throws.
 */
export function readConfigurationFile(text: string, table: Table<never>): ConfigurationFile {
  const { root, findings, place } = readDocument(text, LIMIT_BYTES)
  const problems = findings.map(({ message, line }) => `CONFIG_FILE${at(line)}: ${message}`)
  const names = new Map(
    Object.entries(table).flatMap(([name, { environmentOnly }]) => (environmentOnly ? [] : [[fileKey(name), name]])),
  )
  const faulty = isConfigurationDocument(root)
    ? new Set<string>()
    : new Set((isConfigurationDocument.errors ?? []).flatMap(({ instancePath }) => topOf(instancePath)))

  const values = new Map<string, FileValue>()
  const misshapen = new Set<string>()
  for (const [key, node] of Object.entries(root)) {
    const line = place(pointerTo('', key))?.line
    const name = names.get(key)
    const kind = name === undefined ? undefined : table[name]?.kind
    if (name === undefined || kind === undefined) {
      problems.push(`CONFIG_FILE${at(line)} has the unknown key ${quote(key, KEY_LENGTH)}${meant(key, names.keys())}`)
      continue
    }
    const value = givenBy(node, kind)
    if (value !== undefined) values.set(name, { value, line })
    else if (faulty.has(key)) {
      misshapen.add(name)
      problems.push(`${fileLabel(name, line)} must be ${FORMS[kind.form]}`)
    } else throw new Error('the schema of the configuration accepts what cannot be read')
  }
  return { values, problems, misshapen, isWhole: findings.length === 0 }
}

/** How messages call a value of the file. */
export function fileLabel(name: string, line: number | undefined): string {
  return `CONFIG_FILE ${fileKey(name)}${at(line)}`
}

function at(line: number | undefined): string {
  return line === undefined ? '' : ` (line ${line})`
}

function topOf(pointer: string): readonly string[] {
  const [, key] = pointer.split('/')
  return key === undefined ? [] : [key]
}

function meant(key: string, known: Iterable<string>): string {
  const near = nearest(key.slice(0, KEY_LENGTH), known)
  return near === undefined ? '' : `; did you mean "${near}"?`
}

/** undefined for a value that has not the form of its kind. */
function givenBy(node: unknown, { form }: Kind<unknown, never>): string | readonly string[] | undefined {
  if (typeof node === 'string') return node
  if (form === 'text') return undefined
  if (Array.isArray(node)) {
    const entries: readonly unknown[] = node
    return entries.every((entry) => typeof entry === 'string')
      ? entries.map((entry) => entry.trim()).filter((entry) => entry !== '')
      : undefined
  }
  if (form !== 'permissions' || !isJsonObject(node)) return undefined
  const levels = Object.entries(node)
  return levels.every(([, level]) => typeof level === 'string')
    ? levels.map(([name, level]) => `${name}:${String(level)}`)
    : undefined
}

const FORMS = {
  text: 'a single value, not a list or a mapping',
  list: 'a list of values, or one comma list',
  permissions: 'a mapping of permissions to levels, a list of name:level, or one comma list',
} as const satisfies Record<Kind<unknown, never>['form'], string>

/** Room for the PEM keys of dozens of Apps. */
const LIMIT_BYTES = 262_144
/** Longer than the name of any variable. */
const KEY_LENGTH = 64

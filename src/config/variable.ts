import type { Show } from './mask.ts'
import type { Reading } from './values.ts'

/**
 * All that is known of one variable: how it is read, what it is when nobody sets it, how it is shown, and what is told of
 * it. The tables of variables (variable-table.ts) drive the reading of the environment and of `CONFIG_FILE`, `octo-sts config`,
 * schemas/configuration.json and docs/configuration.md.
 */
export interface Variable<Needs> {
  readonly group: Group
  readonly kind: Kind<unknown, Needs>
  /** As somebody would write it; absent: the value is undefined. */
  readonly default?: string
  /** What it means that it is not set, where there is no default. */
  readonly unset?: string
  /** How an entry is shown; as it is when absent. */
  readonly show?: Show
  /** May not stand in `CONFIG_FILE`. */
  readonly environmentOnly?: true
  /** Markdown, one paragraph; links are relative to docs/. */
  readonly about: string
}

/** What a value is: how it is written, and how it is read. */
export type Kind<T, Needs> = TextKind<T, Needs> | ListKind<T, Needs>

export interface TextKind<T, Needs> {
  readonly form: 'text'
  /** JSON Schema of the value in `CONFIG_FILE`, for editors. */
  readonly schema: JsonSchema
  readonly read: (text: string, needs: Needs) => Reading<T>
}

/** A comma list; in `CONFIG_FILE` a YAML list too, and of permissions also a mapping of names to levels. */
export interface ListKind<T, Needs> {
  readonly form: 'list' | 'permissions'
  /** JSON Schema of an entry. */
  readonly schema: JsonSchema
  readonly split: (text: string) => readonly string[]
  /** What to do when it names nothing, as a template of empty variables leaves it: it must not be taken for "all". */
  readonly whenEmpty: string
  readonly read: (entries: readonly [string, ...string[]], needs: Needs) => Reading<T>
}

export type JsonSchema = Readonly<Record<string, unknown>>

export type Table<Needs> = Readonly<Record<string, Variable<Needs>>>

/** What the variables of a table hold: undefined only where there is no default. */
export type Values<T> = {
  readonly [Name in keyof T]: T[Name] extends {
    readonly kind: { readonly read: (...given: never) => Reading<infer V> }
  }
    ? T[Name] extends { readonly default: string }
      ? V
      : V | undefined
    : never
}

/** In the order in which they are shown. */
export const GROUPS = [
  'Needed',
  'The key of the App',
  'The listener',
  'GitHub',
  'Who may ask',
  'What may be asked for',
  'Several Apps',
  'Refresh tokens and shared state',
  'The webhook',
  'What is told',
] as const
export type Group = (typeof GROUPS)[number]

/** The name of a variable as a key of `CONFIG_FILE`. */
export function fileKey(name: string): string {
  return name.toLowerCase()
}

import type { AppKey } from '../terms/app-key.ts'
import { MASK, showPlain } from './mask.ts'
import { entriesOf } from './reader.ts'
import type { Configuration } from './settings.ts'
import { GROUPS, type Group, type Variable } from './variable.ts'
import { VARIABLES, type VariableName, type VariablesNeeds } from './variable-table.ts'

/** What holds for one variable, fit to be shown: no byte of a secret is in it. */
export interface EffectiveValue {
  readonly name: VariableName
  readonly group: Group
  /** The default, where nobody set it; undefined when there is none. Of a list its entries. */
  readonly value: string | readonly string[] | undefined
  /** What it means that there is no value. */
  readonly unset: string | undefined
  readonly from: 'environment' | 'CONFIG_FILE' | 'default'
  /** In `CONFIG_FILE`, where it is known. */
  readonly line: number | undefined
}

/** An owner (`*`: all others), and its Apps with where their keys are. */
export interface EffectivePool {
  readonly owner: string
  readonly apps: readonly { readonly id: number; readonly key: string }[]
}

export interface Effective {
  readonly values: readonly EffectiveValue[]
  readonly pools: readonly EffectivePool[]
  readonly notes: readonly string[]
  readonly problems: readonly string[]
}

/** A configuration as it is in effect, in the order of the groups: for `octo-sts config`. */
export function effectiveOf({ settings, problems, reader }: Configuration): Effective {
  const names = (Object.keys(VARIABLES) as VariableName[]).sort(
    (a, b) => GROUPS.indexOf(VARIABLES[a].group) - GROUPS.indexOf(VARIABLES[b].group),
  )
  return {
    values: names.map((name) => {
      const variable: Variable<VariablesNeeds> = VARIABLES[name]
      const given = reader.given(name)
      const raw = given?.value ?? variable.default
      return {
        name,
        group: variable.group,
        value: raw === undefined ? undefined : shown(raw, variable),
        unset: raw === undefined ? (variable.unset ?? 'unset') : undefined,
        from: given?.from ?? 'default',
        line: given?.line,
      }
    }),
    pools: [...settings.pools].map(([owner, apps]) => ({
      owner,
      apps: apps.map(({ id, key }) => ({ id, key: whereIs(key) })),
    })),
    notes: settings.notes,
    problems,
  }
}

function shown(
  value: string | readonly string[],
  { kind, show = showPlain }: Variable<VariablesNeeds>,
): string | readonly string[] {
  const entries = entriesOf(kind, value).map(show)
  return kind.form === 'text' ? (entries[0] ?? '') : entries
}

function whereIs(key: AppKey): string {
  switch (key.kind) {
    case 'pem':
      return `private key ${MASK}`
    case 'kms':
      return `${key.provider} ${key.key}`
    case 'reference':
      return `${key.reference.manager}-secret://${key.reference.name}`
  }
}

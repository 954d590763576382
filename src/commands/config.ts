import { parseArgs } from 'node:util'
import { SETTINGS_NEEDS } from '../compose.ts'
import { type Effective, type EffectiveValue, effectiveOf } from '../config/effective.ts'
import { configurationOfEnvironment } from '../config/environment.ts'
import { ConfigurationError } from '../config/reader.ts'
import { escapeUnprintable } from '../terms/text.ts'

const USAGE = `octo-sts config: the settings that octo-sts serve would start with, from the environment and CONFIG_FILE: each
value, secrets masked, and where it comes from. Ends with status 1, and all problems, when the service would not start

  octo-sts config           a table
  octo-sts config --json    the same for programs
  octo-sts config --check   the problems and remarks only
`

/** Shows the configuration, right or wrong. Resolves to the exit status. */
export async function config(args: string[]): Promise<number> {
  const options = readOptions(args)
  if (typeof options === 'string') {
    process.stderr.write(`octo-sts config: ${options}\n\n${USAGE}`)
    return 2
  }
  const effective = effectiveOf(configurationOfEnvironment(SETTINGS_NEEDS))
  const status = effective.problems.length === 0 ? 0 : 1
  if (options.json) {
    process.stdout.write(`${JSON.stringify(options.check ? verdictOf(effective) : documentOf(effective), null, 2)}\n`)
    return status
  }
  if (!options.check) process.stdout.write(tableOf(effective))
  for (const note of effective.notes) process.stderr.write(`octo-sts config: note: ${escapeUnprintable(note)}\n`)
  if (status === 0 && options.check) process.stdout.write('the configuration is good\n')
  if (status !== 0) process.stderr.write(`octo-sts config: ${new ConfigurationError(effective.problems).message}\n`)
  return status
}

function readOptions(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: { json: { type: 'boolean' }, check: { type: 'boolean' } } })
    return { json: values.json === true, check: values.check === true }
  } catch (error) {
    return error instanceof Error ? error.message : 'the options could not be read'
  }
}

function verdictOf({ problems, notes }: Effective) {
  return { problems, notes }
}

function documentOf({ values, pools, ...verdict }: Effective) {
  const settings = values.map(({ name, value, from, line }) => [
    name,
    { value: value ?? null, from, ...(line === undefined ? {} : { line }) },
  ])
  return { settings: Object.fromEntries(settings), pools, ...verdictOf({ values, pools, ...verdict }) }
}

function tableOf({ values, pools }: Effective): string {
  const rows = values.map((value) => ({ group: value.group, cells: [value.name, textOf(value), originOf(value)] }))
  const widths = [0, 1].map((column) =>
    Math.min(COLUMN_WIDTH, Math.max(...rows.map(({ cells }) => cells[column]?.length ?? 0))),
  )
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd()
  const groups = [...new Set(rows.map(({ group }) => group))].map((group) =>
    [group, ...rows.filter((row) => row.group === group).map(({ cells }) => line(cells)), ''].join('\n'),
  )
  const apps = pools.map(
    ({ owner, apps }) =>
      `  ${owner}  ${apps.map(({ id, key }) => `App ${id} (${escapeUnprintable(key)})`).join(', ')}\n`,
  )
  return `${groups.join('\n')}${apps.length === 0 ? '' : `\nApps by owner (*: all others)\n${apps.join('')}`}`
}

/** Of a value that is not there: what that means, in brackets. */
function textOf({ value, unset }: EffectiveValue): string {
  if (value === undefined) return `(${(unset ?? '').replaceAll('`', '')})`
  if (value.length === 0) return '(none)'
  return escapeUnprintable(typeof value === 'string' ? value : value.join(', '))
}

function originOf({ from, line }: EffectiveValue): string {
  return line === undefined ? from : `${from} line ${line}`
}

/** A longer value pushes its row out, not all of them. */
const COLUMN_WIDTH = 60

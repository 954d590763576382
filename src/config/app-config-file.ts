import { dirname, resolve } from 'node:path'
import { pointerTo, readDocument, type YamlDocument } from '../policy/document.ts'
import type { AppKey, KmsProvider } from '../terms/app-key.ts'
import { isJsonObject } from '../terms/json.ts'
import { nearest } from '../terms/nearest.ts'
import { quote } from '../terms/text.ts'
import type { FileNeeds } from './files.ts'
import { kmsKeyFault } from './kms-key-name.ts'
import { type KeyNeeds, readAppKey, readAppKeyFile } from './list-values.ts'
import { quoteUnlessKey } from './mask.ts'
import type { AppPools, ConfiguredApp } from './settings.ts'
import type { Reading } from './values.ts'

export interface AppConfigFileNeeds extends FileNeeds, KeyNeeds {
  /** Where the file stands: private keys are named from there. */
  readonly path: string
  /** For `${VAR}`. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whose keys each `kms_key` is; undefined when that is not known. */
  readonly provider: KmsProvider | undefined
}

/**
 * Reads `APP_CONFIG_FILE`: YAML `orgs: [{name, apps: [{app_id, kms_key | private_key | private_key_file}]}]`. The organization
 * `*` stands for all that are not named. In each value `${VAR}` is replaced by the variable of the environment (the value
 * that is put in is text, whatever it holds: it can add no key to the file), and nothing else is. Never throws; the problems
 * have their place and no secret.
 */
export function readAppConfigFile(
  text: string,
  needs: AppConfigFileNeeds,
): { readonly pools: AppPools; readonly problems: readonly string[] } {
  const document = readDocument(text, LIMIT_BYTES)
  const problems = document.findings.map(
    ({ message, line }) => `${line === undefined ? '' : `(line ${line}) `}${message}`,
  )
  const file: File = { ...needs, document, problems, credentials: new Map() }
  const pools = new Map<string, readonly [ConfiguredApp, ...ConfiguredApp[]]>()

  const orgs = mappingAt(file, document.root, '', ['orgs'])?.['orgs']
  for (const [pointer, entry] of listAt(file, orgs, '/orgs', 'organization')) {
    const organization = mappingAt(file, entry, pointer, ['name', 'apps'])
    if (organization === undefined) continue
    const name = ownerAt(file, organization['name'], pointer)
    const [first, ...others] = appsAt(file, organization['apps'], pointerTo(pointer, 'apps'))
    if (name === undefined) continue
    if (pools.has(name))
      fault(file, pointer, `names the organization ${quote(name)} again: upper and lower case are the same`)
    else if (first !== undefined) pools.set(name, [first, ...others])
  }
  return { pools, problems }
}

interface File extends AppConfigFileNeeds {
  readonly document: YamlDocument
  readonly problems: string[]
  /** Of each App that was read, what its key is, and where that stands. */
  readonly credentials: Map<number, { readonly key: string; readonly pointer: string }>
}

function ownerAt(file: File, node: unknown, pointer: string): string | undefined {
  const name = textAt(
    file,
    node,
    pointerTo(pointer, 'name'),
    'must have a name: an organization, a user, or "*" for all others',
  )
  if (name === undefined) return undefined
  if (name === '*' || OWNER.test(name)) return name.toLowerCase()
  fault(
    file,
    pointerTo(pointer, 'name'),
    `is ${quoteUnlessKey(name)}, which is no name of an organization or a user, nor "*"`,
  )
  return undefined
}

function appsAt(file: File, node: unknown, pointer: string): readonly ConfiguredApp[] {
  const ids = new Set<number>()
  return listAt(file, node, pointer, 'App').flatMap(([place, entry]) => {
    const fields = mappingAt(file, entry, place, ['app_id', ...CREDENTIALS])
    if (fields === undefined) return []
    const id = idAt(file, fields['app_id'], place)
    const key = keyAt(file, fields, place)
    if (id === undefined || key === undefined) return []
    if (ids.has(id)) {
      fault(file, place, `names the App ${id} again in one organization`)
      return []
    }
    ids.add(id)
    holdAgainstOthers(file, { id, key }, place)
    return [{ id, key }]
  })
}

function idAt(file: File, node: unknown, pointer: string): number | undefined {
  const text = textAt(file, node, pointerTo(pointer, 'app_id'), 'must have an app_id: the id of a GitHub App')
  if (text === undefined) return undefined
  const id = Number(text)
  if (/^\d{1,15}$/.test(text) && id > 0) return id
  fault(
    file,
    pointerTo(pointer, 'app_id'),
    `must be the id of a GitHub App, a whole number, not ${quoteUnlessKey(text)}`,
  )
  return undefined
}

function keyAt(file: File, fields: Readonly<Record<string, unknown>>, pointer: string): AppKey | undefined {
  const given = CREDENTIALS.filter((name) => fields[name] !== undefined)
  const [name] = given
  if (name === undefined || given.length > 1) {
    const has = name === undefined ? 'has no key' : `has ${given.join(' and ')}`
    fault(file, pointer, `${has}: give exactly one of ${CREDENTIALS.join(', ')}`)
    return undefined
  }
  const place = pointerTo(pointer, name)
  const text = textAt(file, fields[name], place, 'must be a text')
  const reading = text === undefined ? undefined : READERS[name](text, file)
  if (reading !== undefined && 'value' in reading) return reading.value
  for (const problem of [reading?.problem ?? []].flat()) fault(file, place, problem)
  return undefined
}

/** One App has one key, whichever organization names it. */
function holdAgainstOthers(file: File, { id, key }: ConfiguredApp, pointer: string): void {
  const known = file.credentials.get(id)
  const own = JSON.stringify(key)
  if (known === undefined) file.credentials.set(id, { key: own, pointer })
  else if (known.key !== own) {
    fault(file, pointer, `gives the App ${id} another key than ${placeIn(file.document, known.pointer)} does`)
  }
}

const READERS = {
  kms_key(name: string, { provider }: File): Reading<AppKey> {
    // A provider that is wrong has been reported.
    if (provider === undefined) return { problem: [] }
    const wrong = kmsKeyFault(provider, name)
    return wrong === undefined ? { value: { kind: 'kms', provider, key: name } } : { problem: wrong }
  },
  private_key(text: string, file: File): Reading<AppKey> {
    return readAppKey(text, file)
  },
  private_key_file(path: string, file: File): Reading<AppKey> {
    return readAppKeyFile(resolve(dirname(file.path), path), file)
  },
} as const

const CREDENTIALS = ['kms_key', 'private_key', 'private_key_file'] as const satisfies readonly (keyof typeof READERS)[]

/** The members of a mapping; undefined, with a problem, for what is none. */
function mappingAt(
  file: File,
  node: unknown,
  pointer: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> | undefined {
  if (!isJsonObject(node)) {
    fault(file, pointer, `must be a mapping of ${known.join(', ')}`)
    return undefined
  }
  for (const key of Object.keys(node)) {
    if (known.includes(key)) continue
    const near = nearest(key.slice(0, KEY_LENGTH), known)
    const meant = near === undefined ? `; keys are ${known.join(', ')}` : `; did you mean "${near}"?`
    fault(file, pointerTo(pointer, key), `is an unknown key${meant}`)
  }
  return node
}

function listAt(file: File, node: unknown, pointer: string, what: string): readonly (readonly [string, unknown])[] {
  const entries: readonly unknown[] = Array.isArray(node) ? node : []
  if (entries.length === 0 && file.document.findings.length === 0) {
    fault(file, pointer, `must be a list with at least one ${what}`)
  }
  return entries.map((entry, index) => [pointerTo(pointer, index), entry] as const)
}

/** The text with its variables put in; undefined, with a problem, for what is none. */
function textAt(file: File, node: unknown, pointer: string, wanted: string): string | undefined {
  if (typeof node !== 'string' || node === '') {
    fault(file, pointer, wanted)
    return undefined
  }
  let isWhole = true
  const text = node.replace(/\$\{([^}]*)\}?/g, (written, name: string) => {
    const value = VARIABLE.test(written) && Object.hasOwn(file.env, name) ? file.env[name] : undefined
    if (value !== undefined && value !== '') return value
    isWhole = false
    fault(
      file,
      pointer,
      VARIABLE.test(written)
        ? `needs the variable ${name}, which is not set`
        : `has a "\${" that begins no name of a variable: write \${NAME}`,
    )
    return ''
  })
  return isWhole ? text.trim() : undefined
}

function fault({ document, problems }: Pick<File, 'document' | 'problems'>, pointer: string, what: string): void {
  problems.push(`${placeIn(document, pointer)} ${what}`)
}

/** `/orgs/0/apps/1/kms_key` as `orgs[0].apps[1].kms_key (line 7)`. */
function placeIn({ place }: YamlDocument, pointer: string): string {
  const names = pointer.split('/').slice(1)
  const path = names.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${quoted(name)}`)).join('')
  // What is missing has no line: then that of what it is missing in.
  const around = names.map((_, index) => place(`/${names.slice(0, names.length - index).join('/')}`))
  const line = around.find((at) => at !== undefined)?.line
  return `${path === '' ? 'the file' : path.replace(/^\./, '')}${line === undefined ? '' : ` (line ${line})`}`
}

function quoted(name: string): string {
  return /^[a-z_]{1,64}$/.test(name) ? name : quote(name, KEY_LENGTH)
}

const OWNER = /^[A-Za-z0-9_-]{1,100}$/
const VARIABLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/
/** Room for the private keys of hundreds of Apps. */
const LIMIT_BYTES = 1_048_576
const KEY_LENGTH = 64

import type { AppKey } from '../terms/app-key.ts'
import { readAppConfigFile } from './app-config-file.ts'
import { kmsKeyFault } from './kms-key-name.ts'
import type { KeyNeeds } from './list-values.ts'
import type { Reader, ReaderNeeds } from './reader.ts'
import type { AppPools, ConfiguredApp } from './settings.ts'
import type { VARIABLES } from './variable-table.ts'

type Variables = Reader<typeof VARIABLES>

/**
 * The Apps of each owner, and their keys: one pool for all from `GITHUB_APP_IDS`, or those of `APP_CONFIG_FILE`. Two ways
 * at once are a problem and never a matter of precedence: the one that was forgotten would sign.
 */
export function readPools(reader: Variables, needs: ReaderNeeds & KeyNeeds): AppPools {
  return reader.given('APP_CONFIG_FILE') === undefined ? poolForAll(reader, needs) : poolsOfFile(reader, needs)
}

function poolsOfFile(reader: Variables, needs: ReaderNeeds & KeyNeeds): AppPools {
  const others = (['GITHUB_APP_IDS', ...WAYS] as const).filter((name) => reader.given(name) !== undefined)
  if (others.length > 0) {
    const labels = others.map(reader.label).join(', ')
    reader.fault('APP_CONFIG_FILE', `names the Apps and their keys: unset ${labels}, or APP_CONFIG_FILE`)
  }
  const file = reader.values.APP_CONFIG_FILE
  if (file === undefined) return new Map()
  const { pools, problems } = readAppConfigFile(file.text, { ...needs, path: file.path, provider: providerOf(reader) })
  for (const problem of problems) reader.fault('APP_CONFIG_FILE', problem)
  return pools
}

function poolForAll(reader: Variables, { env }: ReaderNeeds): AppPools {
  const { values, given, missing, fault } = reader
  if (given('GITHUB_APP_IDS') === undefined) {
    missing(
      `GITHUB_APP_IDS must be set: the id of the GitHub App${env['GITHUB_APP_ID'] === undefined ? '' : ' (GITHUB_APP_ID is not read)'}; or APP_CONFIG_FILE, with Apps for each organization`,
    )
  }
  const keys = keysOf(reader)
  const ids = values.GITHUB_APP_IDS
  if (ids === undefined || keys === undefined) return new Map()
  if (keys.list.length !== ids.length) {
    const what = keys.name === 'APP_SECRET_CERTIFICATE_ENV_VAR' ? 'holds one private key' : `names ${keys.list.length}`
    fault(
      keys.name,
      `${what}, but ${reader.label('GITHUB_APP_IDS')} names ${ids.length} ${ids.length === 1 ? 'App' : 'Apps'}: give as many keys as Apps, in the same order (${MANY})`,
    )
    return new Map()
  }
  const [first, ...others] = ids.flatMap((id, index): readonly ConfiguredApp[] => {
    const key = keys.list[index]
    return key === undefined ? [] : [{ id, key }]
  })
  return first === undefined ? new Map() : new Map([['*', [first, ...others]]])
}

/** The keys in the order of the ids, and what named them; undefined, with problems, when that is not one thing. */
function keysOf(reader: Variables): { readonly name: Way; readonly list: readonly AppKey[] } | undefined {
  const { values, given, label, missing, problems } = reader
  const [name, ...others] = WAYS.filter((way) => given(way) !== undefined)
  if (name === undefined) {
    missing(
      "APP_SECRET_CERTIFICATE_FILE must be set: the path of the GitHub App's private key (PEM); or APP_SECRET_CERTIFICATE_ENV_VAR, with the PEM text itself; or KMS_KEYS, with the name of the key in a key management service",
    )
    return undefined
  }
  if (others.length > 0) {
    problems.push(`${[name, ...others].map(label).join(' and ')} exclude each other: ${unsetAdvice([name, ...others])}`)
    return undefined
  }
  switch (name) {
    case 'KMS_KEYS':
      return listOf(name, kmsKeys(reader))
    case 'APP_SECRET_CERTIFICATE_FILE':
      return listOf(name, values.APP_SECRET_CERTIFICATE_FILE)
    case 'APP_SECRET_CERTIFICATE_ENV_VAR': {
      const key = values.APP_SECRET_CERTIFICATE_ENV_VAR
      return listOf(name, key === undefined ? undefined : [key])
    }
  }
}

function listOf(name: Way, list: readonly AppKey[] | undefined) {
  return list === undefined ? undefined : { name, list }
}

function unsetAdvice(ways: readonly Way[]): string {
  const certificates = ways.filter((way) => way !== 'KMS_KEYS')
  return ways.length === certificates.length
    ? 'set one'
    : `unset ${certificates.join(' and ')} to sign with the key management service, or KMS_KEYS to sign with the private key`
}

function kmsKeys(reader: Variables): readonly AppKey[] | undefined {
  const provider = providerOf(reader)
  const keys = reader.values.KMS_KEYS
  if (keys === undefined || provider === undefined) return undefined
  const faults = keys.map((key) => kmsKeyFault(provider, key))
  for (const [index, wrong] of faults.entries()) {
    if (wrong !== undefined) reader.fault('KMS_KEYS', `has a key (number ${index + 1}) that ${wrong}`)
  }
  return faults.every((wrong) => wrong === undefined) ? keys.map((key) => ({ kind: 'kms', provider, key })) : undefined
}

/** undefined when it is wrong, which has been reported. */
function providerOf({ values, given }: Variables) {
  const provider = given('KMS_PROVIDER')
  return provider === undefined || provider.value === values.KMS_PROVIDER ? values.KMS_PROVIDER : undefined
}

const WAYS = ['KMS_KEYS', 'APP_SECRET_CERTIFICATE_FILE', 'APP_SECRET_CERTIFICATE_ENV_VAR'] as const
type Way = (typeof WAYS)[number]
const MANY = 'APP_SECRET_CERTIFICATE_FILE and KMS_KEYS are comma lists'

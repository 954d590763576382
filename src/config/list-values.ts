import type { AppKey, Secret } from '../terms/app-key.ts'
import { isLevel, type Level, permissionFault } from '../terms/permissions.ts'
import { parseSecretReference } from '../terms/secret-reference.ts'
import { quote } from '../terms/text.ts'
import { type FileNeeds, readNamedFile } from './files.ts'
import { quoteUnlessKey } from './mask.ts'
import { type Reading, readInteger } from './values.ts'

/** A text that must be equal, or an RE2 pattern that must match all of it. */
export interface TextRule {
  matches(text: string): boolean
}

export interface PatternNeeds {
  /** Compiles an RE2 pattern; throws an Error that says what is wrong with it. */
  readonly compilePattern: (source: string) => TextRule
}

export interface KeyNeeds {
  /** Throws an Error that says what is wrong with a private key. */
  readonly checkPrivateKey: (pem: string) => void
}

export function readAppIds(entries: readonly string[]): Reading<readonly number[]> {
  const reading = readEach(entries, readInteger(1, Number.MAX_SAFE_INTEGER))
  if ('problem' in reading) return reading
  const twice = reading.value.find((id, index) => reading.value.indexOf(id) !== index)
  return twice === undefined ? reading : { problem: `names the App ${twice} twice` }
}

/** Names of organizations and users, as they were written. */
export function readOwners(entries: readonly string[]): Reading<readonly string[]> {
  return readEach(entries, (owner) =>
    /^[A-Za-z0-9_-]{1,100}$/.test(owner)
      ? { value: owner }
      : { problem: `has ${quoteUnlessKey(owner)}, which is no name of an organization or a user` },
  )
}

/** Each an issuer, compared as it is, or a pattern. */
export function readIssuerRules(
  entries: readonly string[],
  { compilePattern }: PatternNeeds,
): Reading<readonly TextRule[]> {
  return readEach(entries, (entry) => {
    if (PLAIN_ISSUER.test(entry)) return { value: { matches: (issuer: string) => issuer === entry } }
    try {
      return { value: compilePattern(entry) }
    } catch (error) {
      return { problem: `has the pattern ${quoteUnlessKey(entry)}: ${messageOf(error)}` }
    }
  })
}

/** `name:level` entries: the highest level of each permission. */
export function readPermissionCeiling(entries: readonly string[]): Reading<ReadonlyMap<string, Level>> {
  const reading = readEach(entries, readPermission)
  if ('problem' in reading) return reading
  const names = reading.value.map(([name]) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined
    ? { value: new Map(reading.value) }
    : { problem: `names the permission ${quote(twice)} twice: keep the level that is meant` }
}

function readPermission(entry: string): Reading<readonly [string, Level]> {
  const match = /^([^:]*?)\s*:\s*([^:]*)$/.exec(entry)
  if (match === null) return { problem: `has ${quoteUnlessKey(entry)}, which is not name:level (contents:read)` }
  const [, name = '', level = ''] = match
  const fault = permissionFault(name, level)
  if (fault !== undefined) return { problem: `has ${quoteUnlessKey(entry)}: ${fault}` }
  return isLevel(level) ? { value: [name, level] } : { problem: `has ${quoteUnlessKey(entry)} without a level` }
}

export function readPolicySources(entries: readonly string[]): Reading<'repository' | 'organization' | 'both'> {
  const unknown = entries.find((entry) => !['repository', 'organization', 'both'].includes(entry))
  if (unknown !== undefined)
    return { problem: `must be repository, organization or both, not ${quoteUnlessKey(unknown)}` }
  const has = (source: string) => entries.includes(source) || entries.includes('both')
  if (has('repository') && has('organization')) return { value: 'both' }
  return { value: has('repository') ? 'repository' : 'organization' }
}

/** Texts of secrets, or where they are; nothing of them is repeated. */
export function readSecrets(entries: readonly string[]): Reading<readonly Secret[]> {
  return readEach(entries, (text, index) => {
    try {
      const reference = parseSecretReference(text)
      return { value: reference === undefined ? { kind: 'text', text } : { kind: 'reference', reference } }
    } catch (error) {
      return {
        problem: `has a reference to a secret (number ${index + 1}) that cannot be read: it ${messageOf(error)}`,
      }
    }
  })
}

/** A private key, or where it is; nothing of it is repeated. */
export function readAppKey(text: string, { checkPrivateKey }: KeyNeeds): Reading<AppKey> {
  try {
    const reference = parseSecretReference(text)
    if (reference !== undefined) return { value: { kind: 'reference', reference } }
  } catch (error) {
    return { problem: `is a reference to a secret that cannot be read: it ${messageOf(error)}` }
  }
  try {
    checkPrivateKey(text)
    return { value: { kind: 'pem', pem: text } }
  } catch (error) {
    return { problem: `holds no usable private key: ${messageOf(error)}` }
  }
}

export function readAppKeyFiles(paths: readonly string[], needs: KeyNeeds & FileNeeds): Reading<readonly AppKey[]> {
  return readEach(paths, (path) => readAppKeyFile(path, needs))
}

/** A file with a private key. */
export function readAppKeyFile(path: string, needs: KeyNeeds & FileNeeds): Reading<AppKey> {
  const file = readNamedFile(path, needs)
  if ('problem' in file) return file
  const pem = file.value.text
  try {
    needs.checkPrivateKey(pem)
    return { value: { kind: 'pem', pem } }
  } catch (error) {
    return { problem: `names the file ${quoteUnlessKey(path)}, which holds no usable private key: ${messageOf(error)}` }
  }
}

/** Keys of 32 bytes in base64; nothing of them is repeated. */
export function readSealKeys(entries: readonly string[]): Reading<readonly Uint8Array[]> {
  return readEach(entries, (entry, index) => {
    const key = sealKeyOf(entry)
    return key === undefined
      ? {
          problem: `has an entry (number ${index + 1}) that is not 32 bytes in base64: make one with "openssl rand -base64 32"`,
        }
      : { value: key }
  })
}

export function readSealKeyFile(path: string, needs: FileNeeds): Reading<readonly Uint8Array[]> {
  if (splitSealKeys(path).some((entry) => sealKeyOf(entry) !== undefined))
    return { problem: 'must be the path of a file, and holds keys: put them into REFRESH_TOKEN_KEYS' }
  const file = readNamedFile(path, needs)
  if ('problem' in file) return file
  const entries = splitSealKeys(file.value.text)
  return entries.length === 0 ? { problem: 'names a file without a key' } : readSealKeys(entries)
}

export function splitSealKeys(text: string): readonly string[] {
  return text.split(/[,\s]+/).filter((entry) => entry !== '')
}

/** 32 bytes in either alphabet, padded or not. */
export function sealKeyOf(entry: string): Uint8Array | undefined {
  const key = Buffer.from(entry, 'base64')
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(entry) && key.length === 32 ? key : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'cannot be read'
}

/** The values of all, or the problems of all that have one. */
function readEach<T>(
  entries: readonly string[],
  read: (entry: string, index: number) => Reading<T>,
): Reading<readonly T[]> {
  const values: T[] = []
  const problems: string[] = []
  for (const [index, entry] of entries.entries()) {
    const reading = read(entry, index)
    if ('value' in reading) values.push(reading.value)
    else problems.push(...[reading.problem].flat())
  }
  return problems.length === 0 ? { value: values } : { problem: problems }
}

/**
 * An entry that can be an issuer is compared as such: in a pattern each dot would match anything. Brackets are an issuer's
 * only around an IPv6 address, elsewhere they are a pattern's.
 */
const PLAIN_ISSUER =
  /^https?:\/\/(?:\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]+)(?::\d+)?(?:\/[A-Za-z0-9._~/-]*)?$/

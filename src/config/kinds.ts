import type { AppKey, Secret } from '../terms/app-key.ts'
import { type FileNeeds, type NamedFile, readNamedFile } from './files.ts'
import { type IssuersFileNeeds, type ListedIssuer, readIssuersFile } from './issuers-file.ts'
import {
  type KeyNeeds,
  messageOf,
  type PatternNeeds,
  readAppIds,
  readAppKey,
  readAppKeyFiles,
  readIssuerRules,
  readOwners,
  readPermissionCeiling,
  readPolicySources,
  readSealKeyFile,
  readSealKeys,
  readSecrets,
  splitSealKeys,
  type TextRule,
} from './list-values.ts'
import {
  MOST_WORKERS,
  type Reading,
  readApiUrl,
  readBoolean,
  readDomain,
  readDuration,
  readHttpUrl,
  readInteger,
  readOneOf,
  readPositiveDuration,
  readRepositoryName,
  readWorkers,
  splitPatterns,
  splitWords,
} from './values.ts'
import type { JsonSchema, ListKind, TextKind } from './variable.ts'

/** The kinds of variables: each the form of a value, and its reader. Shapes and problems are those of the readers. */

export const BOOLEAN = text(readBoolean, {
  enum: [true, false, ...['true', 'false', '1', '0', 't', 'f', 'T', 'F', 'TRUE', 'FALSE', 'True', 'False']],
})
const DURATION_SCHEMA: JsonSchema = {
  anyOf: [{ type: 'string', pattern: '^(?:0|(?:[0-9]+(?:\\.[0-9]+)?(?:h|ms|m|s|us|µs|ns))+)$' }, { const: 0 }],
}
export const DURATION = text(readDuration, DURATION_SCHEMA)
export const POSITIVE_DURATION = text(readPositiveDuration, DURATION_SCHEMA)
/** Whatever it is, it is looked at where it is used. */
export const TEXT = text((value) => ({ value }), { type: 'string' })
export const DOMAIN = text(readDomain, { type: 'string' })
export const API_URL = text(readApiUrl, { type: 'string' })
export const HTTP_URL = text(readHttpUrl, { type: 'string' })
/** `auto`: as many as there are cores. */
export const WORKERS = text(readWorkers, {
  anyOf: [
    { const: 'auto' },
    { type: 'integer', minimum: 1, maximum: MOST_WORKERS },
    { type: 'string', pattern: '^[0-9]{1,15}$' },
  ],
})
export const REPOSITORY_NAME = text(readRepositoryName, { type: 'string' })
export const NAMED_FILE = text<NamedFile, FileNeeds>(readNamedFile, { type: 'string' })
export const PRIVATE_KEY = text<AppKey, KeyNeeds>(readAppKey, { type: 'string' })
export const SEAL_KEY_FILE = text<readonly Uint8Array[], FileNeeds>(readSealKeyFile, { type: 'string' })

export const ISSUERS_FILE = text<readonly ListedIssuer[], FileNeeds & Omit<IssuersFileNeeds, 'path'>>(
  (path, needs) => {
    const file = readNamedFile(path, needs)
    if ('problem' in file) return file
    const { issuers, problems } = readIssuersFile(file.value.text, { ...needs, path })
    return problems.length === 0 ? { value: issuers } : { problem: problems }
  },
  { type: 'string' },
)

export interface StoreUrlNeeds {
  /** Throws an Error that says what is wrong with a store's URL, and does not repeat it: it may hold a password. */
  readonly checkStoreUrl: (url: string) => void
}

export const STORE_URL = text<string, StoreUrlNeeds>(
  (url, { checkStoreUrl }) => {
    try {
      checkStoreUrl(url)
      return { value: url }
    } catch (error) {
      return { problem: messageOf(error) }
    }
  },
  { type: 'string' },
)

/** The reference's `firestore` gets an answer of its own. */
export const STICKY_STORE = text(
  (choice) =>
    choice === 'firestore'
      ? { problem: 'firestore is not offered: write store, and set STORE_URL to a Valkey or Redis' }
      : readOneOf(['memory', 'store'])(choice),
  { enum: ['memory', 'store'] },
)

export const APP_IDS = list<readonly number[]>(readAppIds, {
  schema: {
    anyOf: [
      { type: 'integer', minimum: 1 },
      { type: 'string', pattern: '^[0-9]{1,16}$' },
    ],
  },
  whenEmpty: 'give the id of the GitHub App',
})
export const KMS_KEYS = list<readonly string[]>((entries) => ({ value: entries }), {
  whenEmpty: 'give as many keys as GITHUB_APP_IDS has Apps, or unset it',
})
export const PRIVATE_KEY_FILES = list<readonly AppKey[], KeyNeeds & FileNeeds>(readAppKeyFiles, {
  whenEmpty: 'give the path of the private key, or unset it',
})
export const OWNERS = list<readonly string[]>(readOwners, { whenEmpty: 'leave it empty to allow all' })
export const ISSUER_RULES = list<readonly TextRule[], PatternNeeds>(readIssuerRules, {
  split: splitPatterns,
  whenEmpty: 'leave it empty to allow all',
})
export const POLICY_SOURCES = list<'repository' | 'organization' | 'both'>(readPolicySources, {
  schema: { enum: ['repository', 'organization', 'both'] },
  whenEmpty: 'leave it empty for both',
})
export const SECRETS = list<readonly Secret[]>(readSecrets, { whenEmpty: 'give a secret, or unset it' })
export const SEAL_KEYS = list<readonly Uint8Array[]>(readSealKeys, {
  split: splitSealKeys,
  whenEmpty: 'give a key, or unset it',
})
export const PERMISSION_CEILING = {
  ...list<ReadonlyMap<string, 'read' | 'write' | 'admin'>>(readPermissionCeiling, {
    schema: { type: 'string', pattern: '^[a-z_]+ *: *(?:read|write|admin)$' },
    whenEmpty: 'name what tokens may have, or unset it to set no ceiling',
  }),
  form: 'permissions',
} as const

export function integer(min: number, max: number): TextKind<number, unknown> {
  return text(readInteger(min, max), {
    anyOf: [
      { type: 'integer', minimum: min, maximum: max },
      { type: 'string', pattern: '^[0-9]{1,15}$' },
    ],
  })
}

export function oneOf<const T extends string>(choices: readonly T[]): TextKind<T, unknown> {
  return text(readOneOf(choices), { enum: choices })
}

function text<T, Needs = unknown>(
  read: (text: string, needs: Needs) => Reading<T>,
  schema: JsonSchema,
): TextKind<T, Needs> {
  return { form: 'text', schema, read }
}

function list<T, Needs = unknown>(
  read: (entries: readonly [string, ...string[]], needs: Needs) => Reading<T>,
  about: { readonly whenEmpty: string } & Partial<Pick<ListKind<T, Needs>, 'schema' | 'split'>>,
): ListKind<T, Needs> {
  return { form: 'list', schema: { type: 'string' }, split: splitWords, read, ...about }
}

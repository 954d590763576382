import type { Reader } from './reader.ts'
import { readDuration } from './values.ts'

/** What the operator chose of refresh tokens and of the state that replicas share. */
export interface StoreSettings {
  /** `redis:` or `rediss:`; undefined is this process's memory. It may have a password in it. */
  readonly storeUrl: string | undefined
  /** 32 bytes each, the first seals; empty: a random one for this process. */
  readonly refreshTokenKeys: readonly Uint8Array[]
  readonly maxRefreshAgeMs: number
}

export interface StoreSettingsNeeds {
  /** Throws an Error that says what is wrong with a store's URL, and does not repeat it: it may hold a password. */
  readonly checkStoreUrl: (url: string) => void
}

export function readStoreSettings(reader: Reader, { checkStoreUrl }: StoreSettingsNeeds): StoreSettings {
  const { problems, text, read } = reader
  const storeUrl = text('STORE_URL')
  if (storeUrl !== undefined) {
    try {
      checkStoreUrl(storeUrl)
    } catch (error) {
      problems.push(`STORE_URL ${error instanceof Error ? error.message : 'cannot be read'}`)
    }
  }
  return {
    storeUrl,
    refreshTokenKeys: refreshTokenKeys(reader),
    maxRefreshAgeMs: read('MAX_REFRESH_AGE', readDuration, DAY_MS),
  }
}

function refreshTokenKeys({ problems, text, file }: Reader): readonly Uint8Array[] {
  const [byText, byFile] = [text('REFRESH_TOKEN_KEYS'), file('REFRESH_TOKEN_KEYS_FILE')]
  if (byText !== undefined && text('REFRESH_TOKEN_KEYS_FILE') !== undefined) {
    problems.push('REFRESH_TOKEN_KEYS and REFRESH_TOKEN_KEYS_FILE exclude each other: set one')
  }
  const name = byText === undefined ? 'REFRESH_TOKEN_KEYS_FILE' : 'REFRESH_TOKEN_KEYS'
  const entries = (byText ?? byFile ?? '').split(/[,\s]+/).filter((entry) => entry !== '')
  return entries.flatMap((entry, index) => {
    const key = Buffer.from(entry, 'base64')
    if (BASE64_32.test(entry) && key.length === 32) return [key]
    problems.push(
      `${name} has an entry (number ${index + 1}) that is not 32 bytes in base64: make one with "openssl rand -base64 32"`,
    )
    return []
  })
}

const DAY_MS = 86_400_000
/** 32 bytes in either alphabet, padded or not. */
const BASE64_32 = /^[A-Za-z0-9+/_-]{43}=?$/

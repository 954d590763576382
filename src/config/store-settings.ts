import { createReader, type Reader, type ReaderNeeds } from './reader.ts'
import { STORE_VARIABLES, type StoreVariablesNeeds, VARIABLES } from './variable-table.ts'

/** What the operator chose of refresh tokens and of the state that replicas share. */
export interface StoreSettings {
  /** `redis:` or `rediss:`; undefined is this process's memory. It may have a password in it. */
  readonly storeUrl: string | undefined
  /** 32 bytes each, the first seals; empty: a random one for this process. */
  readonly refreshTokenKeys: readonly Uint8Array[]
  readonly maxRefreshAgeMs: number
}

export type StoreSettingsNeeds = Omit<StoreVariablesNeeds, keyof ReaderNeeds>

/** Reads what a command needs that works on the shared store. Throws a ConfigurationError. */
export function readStoreSettings(needs: ReaderNeeds & StoreSettingsNeeds): StoreSettings {
  const reader = createReader(STORE_VARIABLES, { ...needs, all: VARIABLES })
  const settings = storeSettingsOf(reader)
  reader.finish()
  return settings
}

/** The settings that variables make which were read already, among others or not. */
export function storeSettingsOf({
  values,
  given,
  label,
  problems,
}: Pick<Reader<typeof STORE_VARIABLES>, 'values' | 'given' | 'label' | 'problems'>): StoreSettings {
  const names = ['REFRESH_TOKEN_KEYS', 'REFRESH_TOKEN_KEYS_FILE'] as const
  if (names.every((name) => given(name) !== undefined)) {
    problems.push(`${names.map(label).join(' and ')} exclude each other: set one`)
  }
  return {
    storeUrl: values.STORE_URL,
    refreshTokenKeys: values.REFRESH_TOKEN_KEYS ?? values.REFRESH_TOKEN_KEYS_FILE ?? [],
    maxRefreshAgeMs: values.MAX_REFRESH_AGE,
  }
}

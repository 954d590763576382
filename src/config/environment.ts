import { readFileSync } from 'node:fs'
import { createReader, type ReaderNeeds } from './reader.ts'
import { readSettings, type Settings, type SettingsNeeds } from './settings.ts'
import { readStoreSettings, type StoreSettings, type StoreSettingsNeeds } from './store-settings.ts'

/** The settings of this process: the one place that looks at its environment. Throws a ConfigurationError. */
export function settingsOfEnvironment(needs: Omit<SettingsNeeds, keyof ReaderNeeds>): Settings {
  return readSettings({ ...needs, ...HERE })
}

/** Only what a command needs that works on the shared store. Throws a ConfigurationError. */
export function storeSettingsOfEnvironment(needs: StoreSettingsNeeds): StoreSettings {
  const reader = createReader(HERE)
  const settings = readStoreSettings(reader, needs)
  reader.finish()
  return settings
}

const HERE: ReaderNeeds = { env: process.env, readFile: (path) => readFileSync(path, 'utf8') }

import { readFileSync } from 'node:fs'
import type { ReaderNeeds } from './reader.ts'
import { type Configuration, readConfiguration, readSettings, type Settings, type SettingsNeeds } from './settings.ts'
import { readStoreSettings, type StoreSettings, type StoreSettingsNeeds } from './store-settings.ts'

/** The settings of this process: the one place that looks at its environment. Throws a ConfigurationError. */
export function settingsOfEnvironment(needs: Omit<SettingsNeeds, keyof ReaderNeeds>): Settings {
  return readSettings({ ...needs, ...HERE })
}

/** The same, right or wrong. */
export function configurationOfEnvironment(needs: Omit<SettingsNeeds, keyof ReaderNeeds>): Configuration {
  return readConfiguration({ ...needs, ...HERE })
}

/** Only what a command needs that works on the shared store. Throws a ConfigurationError. */
export function storeSettingsOfEnvironment(needs: StoreSettingsNeeds): StoreSettings {
  return readStoreSettings({ ...needs, ...HERE })
}

const HERE: ReaderNeeds = { env: process.env, readFile: (path) => readFileSync(path, 'utf8') }

import { readFileSync } from 'node:fs'
import { readSettings, type Settings, type SettingsNeeds } from './settings.ts'

/** The settings of this process: the one place that looks at its environment. Throws a ConfigurationError. */
export function settingsOfEnvironment(needs: Omit<SettingsNeeds, 'env' | 'readFile'>): Settings {
  return readSettings({ ...needs, env: process.env, readFile: (path) => readFileSync(path, 'utf8') })
}

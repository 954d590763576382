import { closeSync, openSync, readSync } from 'node:fs'
import { leavesHeapToV8 } from './heap-choice.ts'
import type { ReaderNeeds } from './reader.ts'
import { type Configuration, readConfiguration, readSettings, type Settings, type SettingsNeeds } from './settings.ts'
import { readStoreSettings, type StoreSettings, type StoreSettingsNeeds } from './store-settings.ts'
import { readSupervisorSettings, type SupervisorSettings } from './supervisor-settings.ts'

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

/** Only what a supervisor of workers needs; undefined where something is wrong with it. */
export function supervisorSettingsOfEnvironment(): SupervisorSettings | undefined {
  return readSupervisorSettings(HERE)
}

/** Whether the operator says how V8 shall use memory, or leaves it to V8: asked before there are settings. */
export function isHeapLeftToV8(nodeArguments: readonly string[]): boolean {
  return leavesHeapToV8(process.env, nodeArguments)
}

/** The text of a file of at most 4 MiB; a device or a log that was named by mistake must not fill the memory. */
function readBoundedFile(path: string): string {
  const file = openSync(path, 'r')
  try {
    const blocks: Buffer[] = []
    for (let length = 0; length <= FILE_LIMIT_BYTES; ) {
      const block = Buffer.allocUnsafe(BLOCK_BYTES)
      const more = readSync(file, block)
      if (more === 0) return Buffer.concat(blocks, length).toString('utf8')
      blocks.push(block.subarray(0, more))
      length += more
    }
    throw Object.assign(new Error('the file is too long'), { code: 'EFBIG' })
  } finally {
    closeSync(file)
  }
}

/** Larger than any of the files that the configuration knows. */
const FILE_LIMIT_BYTES = 4_194_304
/**
 * What is read at a time: small, since what glibc's malloc keeps for itself grows, for good, with the largest block that it
 * was ever given back.
 */
const BLOCK_BYTES = 65_536
const HERE: ReaderNeeds = { env: process.env, readFile: readBoundedFile }

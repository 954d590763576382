import { ConfigurationError } from '../../src/config/reader.ts'
import { readConfiguration, readSettings, type Settings, type SettingsNeeds } from '../../src/config/settings.ts'

export const KEY = '-----BEGIN PRIVATE KEY-----'
export const GOOD = { STS_DOMAIN: 'sts.example.com', GITHUB_APP_IDS: '42', APP_SECRET_CERTIFICATE_ENV_VAR: KEY }
/** The same without a key. */
export const NO_KEY = { STS_DOMAIN: 'sts.example.com', GITHUB_APP_IDS: '42' }
/** The same without an App. */
export const NO_APP = { STS_DOMAIN: 'sts.example.com' }

type Texts = Readonly<Record<string, string>>

export function read(env: Texts, files: Texts = {}): Settings {
  return readSettings(needs(env, files))
}

export function configuration(env: Texts, files: Texts = {}) {
  return readConfiguration(needs(env, files))
}

export function problems(env: Texts, files: Texts = {}): readonly string[] {
  try {
    read(env, files)
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

/** What other parts say of keys, patterns and URLs, made simple. */
function needs(env: Texts, files: Texts): SettingsNeeds {
  return {
    env,
    readFile(path) {
      const text = files[path]
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return text
    },
    compilePattern(source) {
      if (source.includes('(?=')) throw new Error('lookahead is no RE2')
      return { matches: (text) => text.startsWith(source.replace(/(?:\.\*|\[).*$/, '')) }
    },
    checkStoreUrl(url) {
      if (!url.startsWith('redis://')) throw new Error('must be redis://')
    },
    checkPrivateKey(pem) {
      if (!pem.startsWith(KEY)) throw new Error('it is no PEM')
    },
    isPublicKey: (jwk) => jwk['kty'] === 'RSA' || jwk['kty'] === 'EC',
    checkCertificate(pem) {
      if (!pem.startsWith('-----BEGIN CERTIFICATE-----')) throw new Error('it is no PEM')
    },
  }
}

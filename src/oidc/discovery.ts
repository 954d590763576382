import { Denial } from '../terms/denial.ts'
import { isJsonObject } from '../terms/json.ts'
import { quote } from '../terms/text.ts'
import { DEFAULT_ALGORITHM } from './algorithms.ts'
import { FetchError } from './fetch-error.ts'
import { type KeySet, readKeySet } from './key-set.ts'

/** What is known of an issuer: the algorithms it may sign with (undefined: whatever suits its keys) and its keys. */
export interface Provider {
  readonly algorithms: ReadonlySet<string> | undefined
  readonly keys: KeySet
}

export interface DiscoveryOptions {
  /** GET of one document. Refuses with a FetchError. */
  readonly fetch: (url: URL) => Promise<Uint8Array>
  /** `jwks_uri` may be at an http URL of a loopback host, as the issuer is. */
  readonly allowHttpLoopback: boolean
  readonly keysPerSet: number
}

/**
 * Discovery (OpenID Connect Discovery §4) and the key set it leads to. Refuses with `ISSUER_INVALID` what an issuer should
 * not answer, `ISSUER_ADDRESS_FORBIDDEN` where none may be, and `ISSUER_UNAVAILABLE` when another try may help.
 */
export async function discover(issuer: string, options: DiscoveryOptions): Promise<Provider> {
  const about = { issuer, name: 'discovery document' } as const
  const metadata = await fetchJson(new URL(issuer.replace(/\/$/, '') + WELL_KNOWN), about, options)
  if (!isJsonObject(metadata)) throw invalid(about, 'it is not a JSON object')
  if (metadata['issuer'] !== issuer) throw invalid(about, 'it names another issuer')
  const algorithms = algorithmsOf(metadata['id_token_signing_alg_values_supported'])
  if (algorithms === undefined) throw invalid(about, 'its id_token_signing_alg_values_supported is not a list')
  const url = keySetUrl(metadata['jwks_uri'], options.allowHttpLoopback)
  if (url === undefined) throw invalid(about, 'its jwks_uri is not a plain https URL')

  const set = await fetchJson(url, { issuer, name: 'key set' }, options)
  const keys = readKeySet(set, options.keysPerSet)
  if (keys === undefined) throw invalid({ issuer, name: 'key set' }, 'it is not a JSON object with a list "keys"')
  return { algorithms, keys }
}

/** A loopback host as a URL has it. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
}

interface About {
  readonly issuer: string
  readonly name: 'discovery document' | 'key set'
}

async function fetchJson(url: URL, about: About, { fetch }: DiscoveryOptions): Promise<unknown> {
  const body = await fetch(url).catch((error: unknown) => {
    throw error instanceof FetchError ? asDenial(error, about) : error
  })
  try {
    return JSON.parse(UTF8.decode(body))
  } catch (cause) {
    throw invalid(about, 'it is not JSON in UTF-8', cause)
  }
}

/** Absent or empty is RS256 alone. Members that are no texts name no algorithm. */
function algorithmsOf(listed: unknown): ReadonlySet<string> | undefined {
  if (listed === undefined || listed === null) return new Set([DEFAULT_ALGORITHM])
  if (!Array.isArray(listed)) return undefined
  if (listed.length === 0) return new Set([DEFAULT_ALGORITHM])
  return new Set(listed.filter((alg) => typeof alg === 'string'))
}

function keySetUrl(text: unknown, allowHttpLoopback: boolean): URL | undefined {
  if (typeof text !== 'string' || text.length > URL_LIMIT || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return undefined
  if (url.protocol === 'https:') return url
  return url.protocol === 'http:' && allowHttpLoopback && isLoopbackHost(url.hostname) ? url : undefined
}

function asDenial(error: FetchError, { issuer, name }: About): Denial {
  const text = `${UNABLE}: the ${name} of issuer ${quote(issuer)} can not be had: ${error.message}`
  return new Denial(REASONS[error.fault], text, { cause: error })
}

function invalid({ issuer, name }: About, what: string, cause?: unknown): Denial {
  return new Denial('ISSUER_INVALID', `${UNABLE}: the ${name} of issuer ${quote(issuer)} can not be used: ${what}`, {
    cause,
  })
}

const REASONS = {
  forbidden: 'ISSUER_ADDRESS_FORBIDDEN',
  invalid: 'ISSUER_INVALID',
  unavailable: 'ISSUER_UNAVAILABLE',
} as const

const UNABLE = 'unable to fetch or create the provider'
const WELL_KNOWN = '/.well-known/openid-configuration'
const URL_LIMIT = 2_048
const UTF8 = new TextDecoder('utf-8', { fatal: true })

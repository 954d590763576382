import { dirname, resolve } from 'node:path'
import type { JSONWebKeySet, JWK } from 'jose'
import { FAILSAFE_SCHEMA, load, YAMLException } from 'js-yaml'
import { isJsonObject } from '../terms/json.ts'

/** What the operator says of one issuer. */
export interface ListedIssuer {
  readonly issuer: string
  /** Its keys: it is never asked for them, and it may be named with http. */
  readonly keys?: JSONWebKeySet
  /** It may be at a private address. */
  readonly privateAddress?: boolean
  /** PEM of the authorities that may vouch for its certificate. */
  readonly ca?: string
  /** It issues the tokens of a GitHub Enterprise Server's Actions. */
  readonly github?: boolean
}

export interface IssuersFileNeeds {
  /** Where the file stands: other files are named from there. */
  readonly path: string
  readonly readFile: (path: string) => string
  /** False for a JSON Web Key that can verify nothing: broken, weak, or of a kind that is not known. */
  readonly isPublicKey: (jwk: Readonly<Record<string, unknown>>) => boolean
  /** Throws an Error for what is no certificate. */
  readonly checkCertificate: (pem: string) => void
}

/** Reads `ISSUERS_FILE`: YAML `issuers: [{issuer, jwks | jwks_file, private_address, ca_file, github}]`. Never throws. */
export function readIssuersFile(
  text: string,
  needs: IssuersFileNeeds,
): { issuers: readonly ListedIssuer[]; problems: readonly string[] } {
  const problems: string[] = []
  const entries = entriesOf(text, problems)
  const issuers = entries.flatMap((entry, index) => {
    const issuer = readEntry(entry, `issuers[${index}]`, { ...needs, problems })
    return issuer === undefined ? [] : [issuer]
  })
  const names = issuers.map(({ issuer }) => issuer)
  for (const name of new Set(names.filter((candidate, index) => names.indexOf(candidate) !== index))) {
    problems.push(`names ${JSON.stringify(name)} twice`)
  }
  return { issuers, problems }
}

function entriesOf(text: string, problems: string[]): readonly unknown[] {
  try {
    const document = load(text, { schema: FAILSAFE_SCHEMA, maxAliases: 0 })
    const list = isJsonObject(document) && Object.keys(document).join() === 'issuers' ? document['issuers'] : undefined
    if (Array.isArray(list)) return list
    problems.push('must be a mapping with nothing but the list "issuers"')
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    problems.push(`is not valid YAML: ${error.message.split('\n')[0]}`)
  }
  return []
}

interface EntryNeeds extends IssuersFileNeeds {
  readonly problems: string[]
}

function readEntry(entry: unknown, place: string, needs: EntryNeeds): ListedIssuer | undefined {
  const { path, readFile, problems } = needs
  const problem = (what: string) => {
    problems.push(`${place} ${what}`)
    return undefined
  }
  if (!isJsonObject(entry)) return problem('must be a mapping')
  for (const key of Object.keys(entry)) {
    if (!KEYS.has(key)) problem(`has the unknown key ${JSON.stringify(key)}; keys are ${[...KEYS].join(', ')}`)
  }
  const read = (key: string) => {
    const name = entry[key]
    if (name === undefined) return undefined
    if (typeof name !== 'string' || name === '') return problem(`has a ${key} that is no path`)
    try {
      return readFile(resolve(dirname(path), name))
    } catch {
      return problem(`names the ${key} ${JSON.stringify(name)}, which cannot be read`)
    }
  }
  const flag = (key: string) => {
    const value = entry[key]
    if (value === undefined || value === 'false') return false
    if (value !== 'true') problem(`has a ${key} that is neither true nor false`)
    return true
  }
  const { issuer } = entry
  if (typeof issuer !== 'string' || !ISSUER.test(issuer)) return problem('must name its issuer, an http or https URL')
  if (entry['jwks'] !== undefined && entry['jwks_file'] !== undefined) return problem('has both jwks and jwks_file')
  const given = entry['jwks'] ?? read('jwks_file')
  const keys = given === undefined ? undefined : keySet(given, needs.isPublicKey, problem)
  if (
    given === undefined &&
    entry['jwks_file'] === undefined &&
    !issuer.startsWith('https:') &&
    !LOOPBACK.test(issuer)
  ) {
    return problem('is an http issuer, which is possible only with jwks or jwks_file')
  }
  const privateAddress = flag('private_address')
  const github = flag('github')
  const ca = read('ca_file')
  if (ca !== undefined && !isCertificate(ca, needs)) problem('has a ca_file without a PEM certificate')
  return {
    issuer,
    ...(keys === undefined ? {} : { keys }),
    ...(privateAddress ? { privateAddress } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(github ? { github } : {}),
  }
}

function isCertificate(pem: string, { checkCertificate }: IssuersFileNeeds): boolean {
  try {
    checkCertificate(pem)
    return true
  } catch {
    return false
  }
}

/** One key is enough: the others may be for other readers of the same file. */
function keySet(
  given: unknown,
  isPublic: IssuersFileNeeds['isPublicKey'],
  problem: (what: string) => undefined,
): JSONWebKeySet | undefined {
  const set = typeof given === 'string' ? jsonOf(given) : given
  const keys = isJsonObject(set) ? set['keys'] : undefined
  if (!Array.isArray(keys) || !keys.every(isJsonObject))
    return problem('has a key set that is no JSON Web Key Set ({"keys": [...]})')
  if (keys.length === 0) return problem('has an empty key set')
  if (keys.some((key) => 'd' in key || key['kty'] === 'oct'))
    return problem('has a private or secret key in its key set: only public keys belong there')
  if (!keys.some(isPublic))
    return problem('has a key set of which no key can be used: each is broken, weak or of an unknown kind')
  return { keys: keys as JWK[] }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const KEYS: ReadonlySet<string> = new Set(['issuer', 'jwks', 'jwks_file', 'private_address', 'ca_file', 'github'])
const ISSUER = /^https?:\/\/[^\s?#@]+$/
const LOOPBACK = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/|$)/

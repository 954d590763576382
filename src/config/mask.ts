import { parseSecretReference } from '../terms/secret-reference.ts'
import { quote } from '../terms/text.ts'

/**
 * How a value is shown to a person, in `octo-sts config` and in problems: without a byte of a secret. Each function takes
 * the value of a variable, or one entry of a list, as it was given: it may be wrong, or stand in the wrong variable.
 */
export type Show = (text: string) => string

/** In place of a secret. */
export const MASK = '***'

/** Any value that is no secret, but for a key that was put into the wrong variable. */
export const showPlain: Show = (text) => (looksLikeKey(text) ? MASK : text)

export const showNothing: Show = () => MASK

/** Where a secret is may be seen, the secret not. */
export const showReference: Show = (text) => {
  try {
    return parseSecretReference(text) === undefined ? MASK : text
  } catch {
    return MASK
  }
}

/** A URL that should have no credentials: if it has, or is none, it is not shown. */
export const showPlainUrl: Show = (text) => {
  const url = urlOf(text)
  return url === undefined || `${url.username}${url.password}${url.search}${url.hash}` !== '' ? MASK : text
}

/** Where a URL leads. User, password and query are credentials, and the path of a sink often is. */
export const showHost: Show = (text) => {
  const url = urlOf(text)
  if (url === undefined) return MASK
  return `${url.origin}${url.pathname === '/' && url.search === '' ? '' : `/${MASK}`}`
}

/**
 * A store's URL without users and passwords. Whatever is not exactly of the form (a password whose `@`, `/` or `?` was not
 * encoded ends up as host, database or parameter) is not shown at all.
 */
export const showStoreUrl: Show = (text) => {
  const match = STORE_URL.exec(text)
  if (match === null) return MASK
  const [, scheme = '', user, hosts = '', database = '', query] = match
  const parameters = query?.split('&') ?? []
  if (!hosts.split(',').every((host) => HOST.test(host))) return MASK
  if (!parameters.every((parameter) => PARAMETER.test(parameter))) return MASK
  const shown = parameters.map((parameter) => parameter.replace(/^(sentinel_(?:user|password))=.*$/, `$1=${MASK}`))
  return `${scheme}${user === undefined ? '' : `${MASK}@`}${hosts}${database}${query === undefined ? '' : `?${shown.join('&')}`}`
}

/** A value in a message: cut, in quotes, and left out when it looks like a key. */
export function quoteUnlessKey(text: string): string {
  return looksLikeKey(text) ? 'a text that looks like a key (not shown)' : quote(text, QUOTED_LENGTH)
}

/**
 * PEM, a text of several lines, a URL with a password, a long run of base64, or 32 bytes of it as `openssl rand` writes
 * them: no path, name or number has these.
 */
function looksLikeKey(text: string): boolean {
  return KEY.test(text) || text.split(',').some((entry) => SEAL_KEY.test(entry.trim()))
}

function urlOf(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url : undefined
}

const QUOTED_LENGTH = 100
const KEY = /-----BEGIN|[\r\n]|\\n|:\/\/[^/?#]*:[^?#]*@|[A-Za-z0-9+/]{256,}/
const SEAL_KEY = /^[A-Za-z0-9+/_-]{43}=$/
const STORE_URL = /^(rediss?:\/\/)([^@/?#]*@)?([^@/?#]+)(\/\d{0,5})?(?:\?([^@/?#]*))?$/
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/
const PARAMETER = /^(?:cluster=(?:true|false)|sentinel=[A-Za-z0-9._-]+|sentinel_(?:user|password)=.*)$/

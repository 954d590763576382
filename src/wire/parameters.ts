import { Denial } from '../terms/denial.ts'
import { isJsonObject, parseJsonStrictly } from '../terms/json.ts'
import { quote } from '../terms/text.ts'

/** The parameters of an exchange over HTTP; `aud` and `identity_provider` are accepted and mean nothing (contract §4). */
export interface Parameters {
  readonly scope: string
  readonly scopes: readonly string[]
  readonly identity: string
  readonly cap: readonly string[]
}

/** Name and value, decoded, in the order in which they were sent. */
export type Pairs = readonly (readonly [name: string, value: string])[]

/**
 * Gathers the parameters of a request from all its places. Unknown names are ignored; a name that has one value and comes
 * twice, in whatever places, is `PARAMETER_REPEATED`: two readers of the request might each believe another one.
 */
export function parametersOf(pairs: Pairs): Parameters {
  const providers: string[] = []
  const scope: string[] = []
  const scopes: string[] = []
  const identity: string[] = []
  const cap: string[] = []
  for (const [name, value] of pairs) {
    switch (name) {
      case 'identity_provider':
      case 'identityProvider':
        providers.push(value)
        break
      case 'scope':
        scope.push(value)
        break
      case 'scopes':
        scopes.push(value)
        break
      case 'identity':
        identity.push(value)
        break
      case 'cap':
        cap.push(value)
        break
    }
  }
  single('identity_provider', providers)
  return { scope: single('scope', scope), scopes, identity: single('identity', identity), cap }
}

function single(name: string, values: readonly string[]): string {
  if (values.length <= 1) return values[0] ?? ''
  throw new Denial('PARAMETER_REPEATED', `${name} was sent ${values.length} times: send it once`, { field: name })
}

/**
 * Reads a query or an `application/x-www-form-urlencoded` body: `+` is a space, `%XX` a byte of UTF-8.
 * Refuses broken escapes and bytes that are no UTF-8 with `REQUEST_MALFORMED`.
 */
export function parsePairs(text: string, place: 'query' | 'form'): Pairs {
  const pairs: (readonly [string, string])[] = []
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const end = pair.indexOf('=')
    if (end === -1) pairs.push([decode(pair, place), ''])
    else pairs.push([decode(pair.slice(0, end), place), decode(pair.slice(end + 1), place)])
  }
  return pairs
}

/**
 * Reads a JSON body with the names of proto3 JSON: texts for single values, lists of texts for repeated ones; null is the
 * same as absent. Refuses other types, and members that occur twice, with `REQUEST_MALFORMED`.
 */
export function parseJsonPairs(text: string): Pairs {
  const body = parseBody(text)
  if (!isJsonObject(body)) throw new Denial('REQUEST_MALFORMED', 'the body must be a JSON object')
  return Object.entries(body).flatMap(([name, value]): [string, string][] => {
    if (value === null) return []
    if (SINGLE.has(name)) {
      if (typeof value !== 'string') throw wrongType(name, 'a text')
      return [[name, value]]
    }
    if (!REPEATED.has(name)) return []
    if (!Array.isArray(value)) throw wrongType(name, 'a list of texts')
    return value.map((entry: unknown) => {
      if (typeof entry !== 'string') throw wrongType(name, 'a list of texts')
      return [name, entry]
    })
  })
}

const SINGLE: ReadonlySet<string> = new Set(['scope', 'identity', 'identity_provider', 'identityProvider'])
const REPEATED: ReadonlySet<string> = new Set(['scopes', 'aud', 'cap'])

function decode(text: string, place: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause
    throw new Denial(
      'REQUEST_MALFORMED',
      `the ${place} has a broken percent-encoding in ${quote(text, QUOTED)}: write a literal % as %25`,
      { cause },
    )
  }
}

function parseBody(text: string): unknown {
  try {
    return parseJsonStrictly(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new Denial('REQUEST_MALFORMED', 'the body is not valid JSON, or names a member twice', { cause })
  }
}

function wrongType(name: string, type: string): Denial {
  return new Denial('REQUEST_MALFORMED', `the member ${quote(name)} must be ${type}`, { field: name })
}

/** Code points of a stranger's text that an error shows again. */
const QUOTED = 80

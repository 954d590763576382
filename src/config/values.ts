import { durationMs } from '../terms/duration.ts'
import { quoteUnlessKey } from './mask.ts'

/**
 * Readers of single settings. Each answers the value, or what is wrong with it and what it should be (one text, or one for
 * each faulty entry of a list); it is put behind the variable's name. No reader repeats a value that may be a secret.
 */
export type Reading<T> = { readonly value: T } | { readonly problem: string | readonly string[] }

/** Go's durations (`5m`, `1h30m`, `1.5s`, `0`), because existing deployments have them; in milliseconds. */
export function readDuration(text: string): Reading<number> {
  if (text === '0') return { value: 0 }
  const milliseconds = durationMs(text)
  if (milliseconds === undefined) {
    return { problem: `must be a duration such as 90s, 5m or 1h30m, not ${quoteUnlessKey(text)}` }
  }
  return milliseconds <= LONGEST_MS ? { value: milliseconds } : { problem: 'must be shorter than 24 days' }
}

/** A duration that means nothing when it is none. */
export function readPositiveDuration(text: string): Reading<number> {
  const reading = readDuration(text)
  return 'value' in reading && reading.value === 0 ? { problem: 'must be longer than 0' } : reading
}

/** Go's booleans, for the same reason. */
export function readBoolean(text: string): Reading<boolean> {
  if (TRUE.has(text)) return { value: true }
  if (FALSE.has(text)) return { value: false }
  return { problem: `must be true or false, not ${quoteUnlessKey(text)}` }
}

export function readInteger(min: number, max: number): (text: string) => Reading<number> {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,15}$/.test(text) && value >= min && value <= max) return { value }
    return { problem: `must be a whole number from ${min} to ${max}, not ${quoteUnlessKey(text)}` }
  }
}

/** A number of processes, or `auto`. */
export function readWorkers(text: string): Reading<number | 'auto'> {
  if (text === 'auto') return { value: text }
  const reading = readInteger(1, MOST_WORKERS)(text)
  return 'value' in reading
    ? reading
    : { problem: `must be auto or a whole number from 1 to ${MOST_WORKERS}, not ${quoteUnlessKey(text)}` }
}

export function readOneOf<const T extends string>(choices: readonly T[]): (text: string) => Reading<T> {
  return (text) => {
    const value = choices.find((choice) => choice === text)
    return value === undefined
      ? { problem: `must be one of ${choices.join(', ')}, not ${quoteUnlessKey(text)}` }
      : { value }
  }
}

/** A host name with an optional port: what callers put into `aud`. */
export function readDomain(text: string): Reading<string> {
  return DOMAIN.test(text) && text.length <= 253
    ? { value: text }
    : {
        problem: `must be a host name such as sts.example.com, without https:// or a path, not ${quoteUnlessKey(text)}`,
      }
}

/** The base of GitHub's REST API, without a trailing slash: https, or http at a loopback address. */
export const readApiUrl = readBaseUrl('https://github.example.com/api/v3')

/** The base of an API, without a trailing slash: https, or http at a loopback address. */
export function readBaseUrl(example: string): (text: string) => Reading<string> {
  return (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
      return { problem: `must be a plain URL such as ${example}` }
    }
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.has(url.hostname))) {
      return { problem: 'must use https (http only at a loopback address)' }
    }
    return { value: `${url.origin}${url.pathname.replace(/\/+$/, '')}` }
  }
}

export function readHttpUrl(text: string): Reading<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'https:' || url?.protocol === 'http:'
    ? { value: url.href }
    : { problem: 'must be an http or https URL' }
}

export function readRepositoryName(text: string): Reading<string> {
  return /^[A-Za-z0-9._-]{1,100}$/.test(text) && text !== '.' && text !== '..'
    ? { value: text }
    : { problem: `must be the name of a repository, without its owner, not ${quoteUnlessKey(text)}` }
}

/** A comma list of plain words; empty entries are dropped. */
export function splitWords(text: string): readonly string[] {
  return entriesOf(text.split(','))
}

/**
 * A comma list of patterns. Commas inside a pattern's groups, classes and repetitions belong to it, and its brackets count only where
 * they mean something to it; empty entries are dropped.
 */
export function splitPatterns(text: string): readonly string[] {
  const entries: string[] = []
  let depth = 0
  let entry = ''
  for (const [token] of text.matchAll(PATTERN_TOKEN)) {
    if (token === '(' || token === '{') depth += 1
    if (token === ')' || token === '}') depth = Math.max(0, depth - 1)
    if (token === ',' && depth === 0) {
      entries.push(entry)
      entry = ''
    } else entry += token
  }
  return entriesOf([...entries, entry])
}

function entriesOf(parts: readonly string[]): readonly string[] {
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

/** More processes than the cores of any machine that one would give this. */
export const MOST_WORKERS = 256
/** An escape, a class, or any one character. */
const PATTERN_TOKEN = /\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:\^?[a-z]+:\]|[^\]\\])*\]|[\s\S]/g
/** What a timer of Node.js can wait (2^31 - 1 ms). */
const LONGEST_MS = 2_147_483_647
const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True'])
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False'])
const DOMAIN = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

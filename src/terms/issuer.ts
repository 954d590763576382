import { Denial } from './denial.ts'
import { isLongerThan, quote } from './text.ts'

/** An issuer identifier (OpenID Connect Discovery §1.2) that keeps the rules of `parseIssuer`; compared byte for byte. */
export type Issuer = string & { readonly __brand: 'Issuer' }

export interface IssuerRules {
  /** `http://localhost`, `http://127.0.0.1` and `http://[::1]` are issuers too: development and tests only. */
  readonly allowLoopback: boolean
  /** Issuers the operator named with a static key set: those may be http, because they are never fetched. */
  readonly named: ReadonlySet<string>
}

/**
 * Checks the raw text of an issuer; nothing is normalised, because what WHATWG's URL parser would mend is refused here.
 * https (http for loopback hosts when allowed), at most 255 characters, an ASCII host, a port or none, no user info,
 * query or fragment, and a path of `[A-Za-z0-9._~/-]` without `..`, `//`, `~~`, a trailing `~` or a segment over 150.
 * Refuses with `ISSUER_MALFORMED`.
 */
export function parseIssuer(text: string, rules: IssuerRules): Issuer {
  const fault = issuerFault(text, rules)
  if (fault === undefined) return text as Issuer
  throw new Denial('ISSUER_MALFORMED', `invalid issuer format: ${quote(text)} ${fault}`)
}

/** What is wrong with a text as an issuer, to be put behind it; undefined when nothing is. */
export function issuerFault(text: string, rules: IssuerRules): string | undefined {
  if (isLongerThan(text, ISSUER_LIMIT)) return `is longer than ${ISSUER_LIMIT} characters`
  if (rules.named.has(text)) return undefined
  const parts = ISSUER.exec(text)
  if (parts === null) return 'is not a plain https URL (no user info, query or fragment, an ASCII host)'
  const [, scheme = '', host = '', port, path = ''] = parts
  const loopback = LOOPBACK_HOSTS.has(host.toLowerCase())
  if (loopback && !rules.allowLoopback) return 'is at a loopback address (ALLOW_LOOPBACK_ISSUERS is off)'
  if (scheme === 'http' && !loopback) return 'must use https'
  if (!loopback && !isHost(host)) return 'has a host that is neither a name nor an address'
  if (port !== undefined && Number(port) > 65_535) return 'has a port that does not exist'
  return pathFault(path)
}

function pathFault(path: string): string | undefined {
  if (!PATH.test(path)) return 'has a path with characters other than A-Z a-z 0-9 . _ ~ / -'
  if (path.includes('..')) return 'has ".." in its path'
  if (path.includes('//')) return 'has "//" in its path'
  if (path.includes('~~')) return 'has "~~" in its path'
  if (path.endsWith('~')) return 'ends with "~"'
  if (path.split('/').some((segment) => segment.length > SEGMENT_LIMIT))
    return `has a path segment over ${SEGMENT_LIMIT}`
  return undefined
}

/** A DNS name, an IPv4 address in four decimal parts, or a bracketed IPv6 address; never `127.1`, `0x7f.1` or `2130706433`. */
function isHost(host: string): boolean {
  if (host.startsWith('[')) return IPV6_LITERAL.test(host) && URL.canParse(`https://${host}`)
  const labels = host.split('.')
  const last = labels.at(-1) ?? ''
  if (/^\d+$/.test(last) || /^0x/i.test(last)) return labels.length === 4 && labels.every(isOctet)
  return host.length <= 253 && labels.every((label) => LABEL.test(label))
}

function isOctet(label: string): boolean {
  return /^(?:0|[1-9]\d{0,2})$/.test(label) && Number(label) <= 255
}

const ISSUER_LIMIT = 255
const SEGMENT_LIMIT = 150
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
const ISSUER = /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([1-9]\d{0,4}))?(\/[^?#]*)?$/
const PATH = /^[A-Za-z0-9._~/-]*$/
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/
const IPV6_LITERAL = /^\[[0-9A-Fa-f:.]{2,45}\]$/

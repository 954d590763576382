import { Denial } from '../terms/denial.ts'
import type { SubjectToken } from '../terms/subject-token.ts'
import { quote } from '../terms/text.ts'
import { KNOWN_ALGORITHMS, keyShapeFor } from './algorithms.ts'

/**
 * What the protected header alone decides (RFC 7515 §4.1), before anything is fetched for it: `ALGORITHM_NOT_ALLOWED` for
 * none, HS* and strange ones, whatever the issuer may list, `CRITICAL_HEADER_UNSUPPORTED` for any `crit`, `KEY_UNKNOWN`
 * for a `kid` that is no text. Returns the `kid`; an empty one is none.
 */
export function checkHeader(header: SubjectToken['header']): string | undefined {
  if (keyShapeFor(header.alg) === undefined) throw algorithmNotAllowed(header.alg, `use one of ${KNOWN_ALGORITHMS}`)
  if (Object.hasOwn(header, 'crit')) {
    throw new Denial(
      'CRITICAL_HEADER_UNSUPPORTED',
      'unable to verify bearer token: its header demands extensions (crit), and none is supported',
    )
  }
  const kid = Object.hasOwn(header, 'kid') ? header['kid'] : undefined
  if (kid === undefined || kid === '') return undefined
  if (typeof kid === 'string') return kid
  throw new Denial('KEY_UNKNOWN', 'unable to verify bearer token: its key id (kid) is not a text')
}

export function algorithmNotAllowed(alg: string, why: string): Denial {
  return new Denial(
    'ALGORITHM_NOT_ALLOWED',
    `unable to verify bearer token: algorithm ${quote(alg)} is not allowed: ${why}`,
  )
}

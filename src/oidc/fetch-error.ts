import { errors } from 'undici'

/**
 * Why a document could not be had. `forbidden`: its address is out of bounds; `invalid`: asking again would give the same;
 * `unavailable`: the issuer's or the network's trouble, which passes.
 */
export type FetchFault = 'forbidden' | 'invalid' | 'unavailable'

export class FetchError extends Error {
  readonly fault: FetchFault

  /** `message` is safe for anybody, and says what "it", the issuer, did; `cause` is for the log. */
  constructor(fault: FetchFault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'FetchError'
    this.fault = fault
  }
}

/** What Node and undici threw, by its code; what is not known here is taken for trouble that passes. */
export function asFetchError(error: unknown): FetchError {
  if (error instanceof FetchError) return error
  const code = codeOf(error)
  if (NO_SUCH_NAME.has(code)) return new FetchError('invalid', 'its host name does not exist', error)
  if (CERTIFICATE.test(code)) return new FetchError('invalid', 'its TLS certificate is not trusted', error)
  if (NO_TLS.test(code)) return new FetchError('invalid', 'it does not speak TLS as it must', error)
  if (error instanceof errors.HTTPParserError || code === 'UND_ERR_HEADERS_OVERFLOW')
    return new FetchError('invalid', 'it does not speak HTTP as it must', error)
  return new FetchError('unavailable', 'it can not be reached', error)
}

/** Of what Node threw; empty where it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

const NO_SUCH_NAME: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA'])
const CERTIFICATE =
  /^(?:CERT_|CRL_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/
const NO_TLS = /^(?:EPROTO$|ERR_SSL_|ERR_TLS_)/

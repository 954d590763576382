import type { Reading } from '../config/values.ts'

/** Where a token service is: the same port for gRPC and HTTP. */
export interface StsUrl {
  /** `https://sts.example.com`, without a trailing slash. */
  readonly origin: string
  /** `sts.example.com:443`, as gRPC has it. */
  readonly address: string
  readonly secure: boolean
  /** The host name, with the port where it is not the scheme's own: the audience of its tokens, unless said otherwise. */
  readonly host: string
}

/** `plainText`: http is accepted at any address; it always is at a loopback address. */
export function readStsUrl(text: string, plainText: boolean): Reading<StsUrl> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const rest = url === undefined ? '' : `${url.pathname}${url.search}${url.hash}${url.username}${url.password}`
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:') || rest !== '/') {
    return { problem: 'must be the address of the service without a path, such as https://sts.example.com' }
  }
  const secure = url.protocol === 'https:'
  if (!secure && !plainText && !LOOPBACK.has(url.hostname)) {
    return { problem: 'must use https: over http anybody on the way can read the tokens' }
  }
  const port = url.port === '' ? (secure ? '443' : '80') : url.port
  return { value: { origin: url.origin, address: `${url.hostname}:${port}`, secure, host: url.host } }
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

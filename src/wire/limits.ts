/**
 * What one caller, one connection and one request may take. All of it is overridable, for tests and for operators with
 * odd neighbours; the defaults hold for a service on the open internet.
 */
export interface WireLimits {
  /** Milliseconds for a whole request, from its headers to its answer (contract §5). */
  readonly requestMs: number
  /** Milliseconds a connection may take to say what it speaks, and an HTTP/1 request to send its headers. */
  readonly headersMs: number
  /** Milliseconds an HTTP/1 connection may stay open without a request. */
  readonly keepAliveMs: number
  /** Milliseconds an HTTP/2 connection may stay open without a stream; clients come back by themselves. */
  readonly sessionIdleMs: number
  /** Milliseconds between HTTP/2 pings, by which peers that have gone without a word are found. */
  readonly pingMs: number
  /** Milliseconds until an answer to such a ping must be there. */
  readonly pingAnswerMs: number
  /** Milliseconds for an answer to reach a slow reader, and for the rest of a refused request to be thrown away. */
  readonly lingerMs: number
  /** Bytes of an HTTP body. */
  readonly bodyBytes: number
  /** Bytes of a gRPC message, compressed or not (contract §10). */
  readonly messageBytes: number
  /** Bytes of one request's headers: a 16 KiB token passes, and one too large is still read, so that it gets an answer. */
  readonly headerBytes: number
  /** Streams in flight on one HTTP/2 connection. */
  readonly streams: number
  /** Mebibytes one HTTP/2 session may hold. */
  readonly sessionMemoryMb: number
  /** Milliseconds between two looks at the certificate's files. */
  readonly certificateLookMs: number
  /** Open connections; further ones are closed unanswered. */
  readonly connections: number
}

export const DEFAULT_LIMITS: WireLimits = {
  requestMs: 10_000,
  headersMs: 10_000,
  // Longer than the minute that load balancers keep idle connections, so that it is they who close and no request is lost.
  keepAliveMs: 65_000,
  sessionIdleMs: 300_000,
  pingMs: 30_000,
  pingAnswerMs: 10_000,
  lingerMs: 2_000,
  bodyBytes: 64 * 1024,
  messageBytes: 4 * 1024 * 1024,
  headerBytes: 64 * 1024,
  streams: 250,
  sessionMemoryMb: 32,
  certificateLookMs: 10_000,
  connections: 4_096,
}

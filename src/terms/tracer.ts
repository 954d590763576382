/** Where a trace began, in the words of W3C Trace Context: as a caller sent them, of the right shape, not trusted. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate: string | undefined
}

/** A piece of work in a trace. */
export interface Span {
  /** False where nobody will see it: then its attributes need not be put together. */
  readonly recording: boolean
  /** Texts of strangers must be encoded; tokens and keys must never be here. */
  set(name: string, value: string | number | boolean): void
}

export interface SpanAbout {
  /** `server`: something a caller asked for; `client`: something another service is asked for. */
  readonly kind: 'server' | 'client'
  /** The caller's span, where the caller named one. */
  readonly parent?: TraceContext | undefined
}

/** Draws traces. Spans that begin while the work of another runs are its children. */
export interface Tracer {
  /**
   * Does the work, as a span of that name: names are of a closed set. What it returns or throws is the work's own: work that
   * waits for nothing is done when this returns, and a promise ends the span when it settles.
   */
  span<T>(name: string, work: (span: Span) => T, about?: SpanAbout): T
}

/** Another service is asked. */
export const CLIENT: SpanAbout = { kind: 'client' }

const UNSEEN: Span = { recording: false, set() {} }

/** Where no traces are wanted: one more call, and nothing else. */
export const UNTRACED: Tracer = { span: (_name, work) => work(UNSEEN) }

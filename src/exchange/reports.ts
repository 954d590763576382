// What the talk with GitHub tells of itself, and metrics count: no edge imports another.

/** What became of one call, for metrics; `status` is undefined when no answer came. */
export interface CallReport {
  readonly method: string
  /** A template. */
  readonly route: string
  readonly status: number | undefined
  readonly durationMs: number
  readonly appId: number
  /** Undefined for calls as the App, and with tokens that are not known here. */
  readonly installationId: number | undefined
  /** What GitHub said is left to the App or the installation. */
  readonly quota: { readonly limit: number; readonly remaining: number; readonly resetAtMs: number } | undefined
}

/** How a look into what is remembered of GitHub came out, for metrics. `stale`: it stood in for an answer that did not come. */
export interface CacheReport {
  readonly cache: 'installation' | 'policy' | 'trusted_issuers' | 'reader_token' | 'repositories'
  readonly outcome: 'hit' | 'miss' | 'stale'
}

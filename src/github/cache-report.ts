/** How a look into what is remembered of GitHub came out, for metrics. `stale`: it stood in for an answer that did not come. */
export interface CacheReport {
  readonly cache: 'installation' | 'policy' | 'trusted_issuers' | 'reader_token' | 'repositories'
  readonly outcome: 'hit' | 'miss' | 'stale'
}

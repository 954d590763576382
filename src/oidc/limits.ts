/** How much an issuer, which anybody can name, may cost. Durations are milliseconds. */
export interface Limits {
  /** For one answer, from the name look-up to the last byte. */
  readonly answerTimeoutMs: number
  /** Of a discovery document or a key set. */
  readonly documentBytes: number
  /** Of the header of an answer. */
  readonly headerBytes: number
  /** Keys of a set that are looked at; the others are as if they were not there. */
  readonly keysPerSet: number
  /** Keys are used without asking again. */
  readonly freshMs: number
  /** From here on an issuer that can be asked is asked before its old keys are used. */
  readonly staleMs: number
  /** How often answers that are no longer fresh are looked for, and how many of them are asked for then. */
  readonly renewEveryMs: number
  readonly renewals: number
  /** Keys of an issuer that can't be asked are used: no longer. */
  readonly keepMs: number
  /** A failure is remembered, and answers everybody who asks for that issuer. */
  readonly failureMs: number
  /** Between two fetches for the sake of a key that is not in the set. */
  readonly unknownKeyMs: number
  /** Issuers whose keys are kept. */
  readonly issuers: number
  /** About the memory that all of them may take together. */
  readonly totalBytes: number
  /** Issuers whose failure is remembered. */
  readonly failures: number
  /** Requests to one registrable domain, and to all. */
  readonly fetches: Rates
  /** Signatures tried with more than one key, for one registrable domain of issuers, and for all. */
  readonly trials: Rates
}

export interface Rates {
  readonly perDomain: Rate
  readonly inAll: Rate
}

/** A token bucket: that many at once, and so many more with each second. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

export const DEFAULT_LIMITS: Limits = {
  answerTimeoutMs: 5_000, // contract §5
  documentBytes: 102_400, // contract §5: 100 KiB
  headerBytes: 16_384, // Node's own default
  keysPerSet: 500, // more do not fit into 100 KiB but for tiny ones
  freshMs: 5 * 60_000, // a withdrawn key is trusted that long by a busy server
  staleMs: 10 * 60_000, // and that long by an idle one
  renewEveryMs: 10_000, // as long as discovery and key set may take, so that no more than one lot is under way
  renewals: 32, // 960 issuers between fresh and stale
  keepMs: 60 * 60_000, // an outage of the issuer shorter than that is not noticed
  failureMs: 30_000, // contract §5
  unknownKeyMs: 30_000, // contract §5
  issuers: 1_000,
  totalBytes: 64 * 1024 * 1024,
  failures: 2_000, // more can not be made in 30 s with the budget below
  fetches: { perDomain: { burst: 300, perSecond: 2 }, inAll: { burst: 600, perSecond: 40 } },
  trials: { perDomain: { burst: 2_000, perSecond: 50 }, inAll: { burst: 4_000, perSecond: 300 } },
}

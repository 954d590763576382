/**
 * State that the replicas of a deployment share, as its users need it. Time is the store's own everywhere, so that the
 * replicas' clocks need not agree. Every call ends by itself (within a few seconds at most), and refuses with
 * `STORE_UNAVAILABLE` when the store did not answer, in which case nobody knows whether the step was taken, or with
 * `STORE_FULL` when it has no room, in which case it was not.
 */
export interface Stores {
  /** `memory`: of this process alone, and gone with it. */
  readonly kind: 'memory' | 'redis'
  readonly families: RefreshFamilies
  readonly marks: RevocationMarks
  readonly reservations: Reservations
  readonly affinities: Affinities
  readonly topics: Topics
  /** False while the store is known not to answer. For reports: a call may still fail, or succeed, at any time. */
  isHealthy(): boolean
  /** Ends its connections and timers; every later call refuses. Never rejects. */
  close(): Promise<void>
}

/**
 * The refresh tokens that descend from one exchange: of each generation one is current. The store keeps a family's
 * generation, when and how often that was handed out, its end and its revocation, and nothing else.
 */
export interface RefreshFamilies {
  /**
   * Begins a family, with generation 0, that lives `lifeMs` and not longer. `family` is 128 random bits as text, fresh for
   * every call: one that is known already is a defect, and nothing is changed. Resolves to the begin by the store's clock,
   * which `RevocationMarks.markedSince` wants to know.
   */
  begin(family: string, lifeMs: number): Promise<{ readonly startedAtMs: number }>

  /**
   * What `advance` would answer now. Changes nothing: it is asked before anything is spent. Where it says `reused`, it is
   * still to be told to `advance` (or `revoke`), which ends the family.
   */
  standing(family: string, generation: number): Promise<Standing>

  /**
   * Takes the family from `generation` to the next, as one step whatever happens at the same time:
   * - `current`: the next generation is current from now on, and was handed out once;
   * - `repeat`: it was before; this counts one more hand-out of that same next generation;
   * - `reused`: the whole family is revoked now, until its end;
   * - all else: refused, and nothing has changed.
   */
  advance(family: string, generation: number): Promise<Standing>

  /**
   * Revokes a family until its end. One that is not known here (a store that was lost or rolled back) is held revoked for
   * `lifeMs`. Never shortens what is held already.
   */
  revoke(family: string, lifeMs: number): Promise<void>
}

/**
 * How a generation stands in its family:
 * - `current`: its token is the one to be used;
 * - `repeat`: the generation before, used again within the grace for lost answers (10 s after the advance), its successor
 *   not used yet and handed out fewer than 5 times;
 * - `exhausted`: the same, but handed out 5 times. Refused without revoking: a client's retries must not end its family;
 * - `reused`: used before, and that was not long ago or not only once: somebody has a copy;
 * - `ahead`: a generation that this store has never given: it was rolled back, or lost a write;
 * - `revoked`, `unknown` (never begun here, or ended).
 */
export type Standing = 'current' | 'repeat' | 'exhausted' | 'reused' | 'revoked' | 'unknown' | 'ahead'

/** "All that began before now is revoked", for a name of the caller's choice: an identity, an issuer with a subject. */
export interface RevocationMarks {
  /** Marks the name with the store's present time, for at least `lifeMs`. A later mark replaces an earlier one. */
  mark(name: string, lifeMs: number): Promise<void>

  /** True when one of the names was marked at `startedAtMs` or after it: the same millisecond counts as revoked. */
  markedSince(names: readonly string[], startedAtMs: number): Promise<boolean>
}

/** Things that may be done once. */
export interface Reservations {
  /** True for the first caller in `lifeMs`, false for all others. */
  reserve(key: string, lifeMs: number): Promise<boolean>

  /** Gives a reservation back. Only for who holds it, and only if it is certain that nothing was done with it. */
  release(key: string): Promise<void>
}

/** Which App minted for a caller before: what one App's token made (a check run) another App's cannot change. */
export interface Affinities {
  /**
   * The App that holds the key, which is `appId` from now on where none did. Holding it lasts `lifeMs` from the last claim.
   * Keys are of the caller's choice, as long as they like.
   */
  claim(key: string, appId: number, lifeMs: number): Promise<number>

  /** Ends the holding of an App that is of no use any more; of another App it stays. */
  yield(key: string, appId: number): Promise<void>
}

/** Messages among replicas. A message may be lost, or overtake another, and its sender gets it too. */
export interface Topics {
  publish(topic: string, message: string): Promise<void>

  /**
   * Calls `onMessage` for each message until the returned function is called. `onGap` is called each time the subscription
   * has come to stand on a new connection, the first included: messages before that may have been missed, so whatever they
   * would have changed must be looked at again.
   */
  subscribe(topic: string, onMessage: (message: string) => void, onGap: () => void): () => void
}

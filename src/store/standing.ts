import type { Standing } from '../exchange/stores.ts'

/** What is kept of a family. `store/family-scripts.ts` says the same in Lua: one suite of tests holds both to it. */
export interface Family {
  readonly generation: number
  /** When `generation` became current, by the store's clock. */
  readonly advancedAtMs: number
  /** How often a token of `generation` was handed out. */
  readonly handouts: number
  readonly revoked: boolean
}

/** What a client that lost an answer may do again. */
export interface Grace {
  /** How long after an advance the generation before may come again. */
  readonly graceMs: number
  /** Tokens of one generation, the first included. */
  readonly handouts: number
}

/** 10 s: three tries of the Go SDK with its time-outs. 5: more tries than any client makes, few enough copies to lose. */
export const DEFAULT_GRACE: Grace = { graceMs: 10_000, handouts: 5 }

/** How a generation stands in a family, at a moment of the store's clock. */
export function standingOf(family: Family | undefined, generation: number, at: Grace & { nowMs: number }): Standing {
  if (family === undefined) return 'unknown'
  if (family.revoked) return 'revoked'
  if (generation > family.generation) return 'ahead'
  if (generation === family.generation) return 'current'
  // The successor was used once there is a generation after it. A store's clock that steps back (a failover) may neither
  // prolong the grace without bound nor end a family for a few milliseconds: the distance counts in both directions.
  const isInGrace = Math.abs(at.nowMs - family.advancedAtMs) <= at.graceMs
  if (generation !== family.generation - 1 || !isInGrace) return 'reused'
  return family.handouts < at.handouts ? 'repeat' : 'exhausted'
}

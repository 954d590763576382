import type { Clock, Grant } from '../exchange/ports.ts'
import { Denial } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { createExpiring } from './expiring.ts'

/** Grants that an installation could not give a moment ago: those of other Apps come before it then. */
export interface Unreached {
  has(grant: Grant): boolean
  note(grant: Grant, error: unknown): void
}

export function createUnreached(clock: Pick<Clock, 'monotonic'>): Unreached {
  const grants = createExpiring<true>(GRANTS_KEPT, clock)
  let emptyAt = Number.NEGATIVE_INFINITY // nearly always it is, and then no key is put together
  return {
    has: (grant) => clock.monotonic() < emptyAt && grants.get(keyOf(grant)) === true,
    note(grant, error) {
      if (!(error instanceof Denial) || !OF_THE_GRANT.has(error.reason)) return
      emptyAt = clock.monotonic() + REMEMBERED_MS
      grants.set(keyOf(grant), true, REMEMBERED_MS)
    },
  }
}

function keyOf({ installation, repositories, permissions }: Grant): string {
  const names = repositories === 'all' ? repositories : repositories.map(nameKey)
  return JSON.stringify([installation.id, names, permissions])
}

const OF_THE_GRANT: ReadonlySet<string> = new Set(['MINT_REPOSITORY_NOT_SELECTED', 'MINT_PERMISSION_NOT_GRANTED'])
/** As long as other misses (contract §11.10). */
const REMEMBERED_MS = 60_000
const GRANTS_KEPT = 2_000

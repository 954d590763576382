import type { Clock } from '../exchange/ports.ts'
import { createExpiring } from './expiring.ts'

/**
 * Blobs that a push has replaced. For a while one of GitHub's machines may still show the file as it was before: what was
 * dropped for the push must not come back by that (contract §12).
 */
export interface Superseded {
  /** The file, which had this blob, was changed by a push. */
  note(key: string, sha: string): void
  /** True when the blob that was read is the one from before. */
  isOld(key: string, sha: string): boolean
  /** The blob is known to be the present one, whatever it was before: a change was taken back. */
  confirm(key: string, sha: string): void
}

export function createSuperseded(clock: Pick<Clock, 'monotonic'>): Superseded {
  const blobs = createExpiring<string>(FILES_KEPT, clock)
  return {
    note: (key, sha) => blobs.set(key, sha, DISTRUST_MS),
    isOld: (key, sha) => blobs.get(key) === sha,
    confirm(key, sha) {
      if (blobs.get(key) === sha) blobs.delete(key)
    },
  }
}

/** Replication between the machines of GitHub takes seconds. */
const DISTRUST_MS = 60_000
const FILES_KEPT = 10_000

import { detached } from './text.ts'

/**
 * One object for all that have the same text: thousands of policies name a handful of issuers and of permissions, and what
 * they share is in the processor's caches. Those that were asked for last are known, up to a thousand; of long texts none.
 */
export function createInterned<T extends object>(make: (text: string) => T): (text: string) => T {
  let recent = new Map<string, T>()
  let former = new Map<string, T>()
  return (text) => {
    const known = recent.get(text)
    if (known !== undefined) return known
    const own = detached(text)
    const shared = former.get(text) ?? make(own)
    if (own.length > LONGEST) return shared
    if (recent.size >= KEPT) {
      former = recent
      recent = new Map()
    }
    recent.set(own, shared)
    return shared
  }
}

const KEPT = 500
/** Of all permissions that there are. */
const LONGEST = 4096

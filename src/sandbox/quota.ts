/** GitHub's primary rate limit: so many requests an hour for each credential's owner. */
export interface Quota {
  look(key: string): QuotaState
  /** Counts one request. A 304 costs nothing: it is not to be counted. */
  spend(key: string): QuotaState
  /** Another limit from now on, or another rest of the current hour. */
  set(key: string, to: { readonly limit?: number; readonly remaining?: number }): void
}

/** Whose quota: an App's own (by its JWT), or an installation's (by its tokens). */
export type QuotaOwner = { readonly app: number } | { readonly installation: number }

export function quotaKey(owner: QuotaOwner): string {
  return 'app' in owner ? `app ID ${owner.app}` : `installation ID ${owner.installation}`
}

export interface QuotaState {
  readonly limit: number
  readonly remaining: number
  readonly used: number
  /** Seconds since 1970. */
  readonly reset: number
}

export function createQuota(limitOfAll: number, now: () => number): Quota {
  const limits = new Map<string, number>()
  const windows = new Map<string, { used: number; readonly endsAt: number }>()
  const limitOf = (key: string) => limits.get(key) ?? limitOfAll
  const windowOf = (key: string) => {
    const current = windows.get(key)
    if (current !== undefined && current.endsAt > now()) return current
    const opened = { used: 0, endsAt: now() + HOUR_MS }
    windows.set(key, opened)
    return opened
  }
  const look = (key: string): QuotaState => {
    const { used, endsAt } = windowOf(key)
    const limit = limitOf(key)
    return { limit, remaining: Math.max(0, limit - used), used, reset: Math.ceil(endsAt / 1000) }
  }
  return {
    look,
    spend(key) {
      windowOf(key).used += 1
      return look(key)
    },
    set(key, { limit, remaining }) {
      if (limit !== undefined) limits.set(key, limit)
      if (remaining !== undefined) windowOf(key).used = limitOf(key) - remaining
    },
  }
}

/** The headers that every answer has. */
export function quotaHeaders({ limit, remaining, used, reset }: QuotaState): Record<string, string> {
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-used': String(used),
    'x-ratelimit-reset': String(reset),
    'x-ratelimit-resource': 'core',
  }
}

const HOUR_MS = 3_600_000

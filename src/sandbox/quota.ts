/** GitHub's primary rate limit: so many requests an hour for each credential's owner. */
export interface Quota {
  /** Counts one request, unless it is `free` (a 304 costs nothing); `exceeded` when none was left. */
  spend(key: string, free: boolean): QuotaState
}

export interface QuotaState {
  readonly exceeded: boolean
  readonly limit: number
  readonly remaining: number
  readonly used: number
  /** Seconds since 1970. */
  readonly reset: number
}

export function createQuota(limit: number, now: () => number): Quota {
  const windows = new Map<string, { used: number; readonly endsAt: number }>()
  return {
    spend(key, free) {
      let window = windows.get(key)
      if (window === undefined || window.endsAt <= now()) {
        window = { used: 0, endsAt: now() + HOUR_MS }
        windows.set(key, window)
      }
      const exceeded = window.used >= limit && !free
      if (!free && !exceeded) window.used += 1
      const { used } = window
      return { exceeded, limit, remaining: limit - used, used, reset: Math.ceil(window.endsAt / 1000) }
    },
  }
}

export function quotaHeaders({ limit, remaining, used, reset }: Omit<QuotaState, 'exceeded'>): Record<string, string> {
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-used': String(used),
    'x-ratelimit-reset': String(reset),
    'x-ratelimit-resource': 'core',
  }
}

const HOUR_MS = 3_600_000

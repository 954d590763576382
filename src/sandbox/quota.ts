/** GitHub's primary rate limit: so many requests an hour for each credential's owner. */
export interface Quota {
  look(key: string): QuotaState
  /** Counts one request. A 304 costs nothing: it is not to be counted. */
  spend(key: string): QuotaState
}

export interface QuotaState {
  readonly limit: number
  readonly remaining: number
  readonly used: number
  /** Seconds since 1970. */
  readonly reset: number
}

export function createQuota(limit: number, now: () => number): Quota {
  const windows = new Map<string, { used: number; readonly endsAt: number }>()
  const windowOf = (key: string) => {
    const current = windows.get(key)
    if (current !== undefined && current.endsAt > now()) return current
    const opened = { used: 0, endsAt: now() + HOUR_MS }
    windows.set(key, opened)
    return opened
  }
  const look = (key: string): QuotaState => {
    const { used, endsAt } = windowOf(key)
    return { limit, remaining: limit - used, used, reset: Math.ceil(endsAt / 1000) }
  }
  return {
    look,
    spend(key) {
      windowOf(key).used += 1
      return look(key)
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

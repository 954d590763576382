import { LRUCache } from 'lru-cache'
import type { Registry } from 'prom-client'
import type { CacheReport, CallReport } from '../exchange/reports.ts'
import { METRICS } from './metric-catalogue.ts'
import { collected, once, SeriesCounter, SeriesHistogram } from './metric-series.ts'

export interface GitHubMetrics {
  observeGitHubCall(report: CallReport): void
  observeCache(report: CacheReport): void
}

export interface GitHubMetricsNeeds {
  readonly registry: Registry
  readonly now: () => number
  /** Quotas that are kept, at most. */
  readonly quotas: number
}

export function createGitHubMetrics({ registry, now, quotas }: GitHubMetricsNeeds): GitHubMetrics {
  const calls = new SeriesCounter(METRICS.gitHubCalls, registry)
  const seconds = new SeriesHistogram(METRICS.gitHubSeconds, registry)
  const routesOf = once(
    (method: string) =>
      once(
        (route: string) => ({
          count: once((status: number) => calls.series({ method, route, status: statusLabel(status) }), STATUSES),
          seconds: seconds.series({ method, route }),
        }),
        ROUTES,
      ),
    METHODS,
  )

  const limited = new SeriesCounter(METRICS.gitHubLimited, registry)
  const limitsOf = once(
    (app: string) => ({
      primary: limited.series({ app_id: app, limit: 'primary' }),
      secondary: limited.series({ app_id: app, limit: 'secondary' }),
    }),
    APPS,
  )
  const readings = readQuotas({ registry, now, quotas })

  const caches = new SeriesCounter(METRICS.caches, registry)
  const looksOf = once((cache: string) => once((outcome: string) => caches.series({ cache, outcome })))

  return {
    observeGitHubCall({ method, route, status, durationMs, appId, installationId, quota }) {
      const ofRoute = routesOf(method)(route)
      ofRoute.count(status ?? NO_ANSWER).value += 1
      ofRoute.seconds.observe(durationMs / 1000)
      if (quota !== undefined) readings.note(appId, installationId, quota)
      if (status === 429 || (status === 403 && quota?.remaining === 0)) {
        limitsOf(String(appId))[quota?.remaining === 0 ? 'primary' : 'secondary'].value += 1
      }
    },
    observeCache({ cache, outcome }) {
      looksOf(cache)(outcome).value += 1
    },
  }
}

type Quota = NonNullable<CallReport['quota']>

/** The last word on each quota, until the hour that it was about is over. */
function readQuotas({ registry, now, quotas }: GitHubMetricsNeeds) {
  // An installation belongs to one App, so its id alone is the key; negative is an App's own.
  const known = new LRUCache<number, { readonly labels: Readonly<Record<string, string>>; quota: Quota }>({
    max: quotas,
  })
  const look = (word: 'remaining' | 'limit') => () => {
    const at = now()
    return [...known.values()]
      .filter(({ quota }) => quota.resetAtMs > at)
      .map(({ labels, quota }) => ({ labels, value: quota[word] }))
  }
  collected(METRICS.quotaRemaining, { registry, look: look('remaining') })
  collected(METRICS.quotaLimit, { registry, look: look('limit') })
  return {
    note(appId: number, installationId: number | undefined, quota: Quota): void {
      const key = installationId ?? -appId
      const reading = known.get(key)
      if (reading !== undefined) {
        reading.quota = quota
        return
      }
      const installation = installationId === undefined ? 'none' : String(installationId)
      known.set(key, { labels: { app_id: String(appId), installation_id: installation }, quota })
    },
  }
}

function statusLabel(status: number): string {
  if (status === NO_ANSWER) return 'none'
  return status === OTHER_STATUS ? 'other' : String(status)
}

const NO_ANSWER = 0
const OTHER_STATUS = -1
const STATUSES = { limit: 16, rest: OTHER_STATUS }
/** More than this service calls; a route that is no template would otherwise grow without end. */
const ROUTES = { limit: 64, rest: 'other' }
const METHODS = { limit: 8, rest: 'other' }
const APPS = { limit: 100, rest: 'other' }

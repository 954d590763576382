import { AggregatorRegistry, Registry } from 'prom-client'
import type { Logger } from '../runtime/log.ts'
import { type ListeningMetrics, serveMetrics } from './metrics-server.ts'

/** The metrics of all workers of a supervisor, as those of one process. */
export interface WorkerMetrics {
  /** What a worker has counted so far; the last one before its end is kept in the sums. */
  counted(workerId: number, metrics: readonly object[]): void
  ended(workerId: number): void
  /** In Prometheus' text format 0.0.4. */
  text(): Promise<string>
  /** Serves `GET /metrics` (port 0: one that is free); rejects when the port cannot be had. */
  listen(about: { readonly port: number; readonly log: Logger }): Promise<ListeningMetrics>
}

export interface WorkerMetricsNeeds {
  /** Asks every worker to count, which it answers by `counted`; returns their ids. */
  readonly ask: () => readonly number[]
  /** How long an answer is waited for. A worker that is late is in the sums with what it said last. */
  readonly patienceMs?: number
}

export function createWorkerMetrics({ ask, patienceMs = PATIENCE_MS }: WorkerMetricsNeeds): WorkerMetrics {
  const last = new Map<number, readonly object[]>()
  let past: readonly object[] = []
  const waits = new Set<(workerId: number) => void>()

  const allHaveCounted = (): Promise<void> =>
    new Promise((resolve) => {
      const missing = new Set<number>()
      const end = () => {
        clearTimeout(timer)
        waits.delete(drop)
        resolve()
      }
      const drop = (workerId: number) => {
        missing.delete(workerId)
        if (missing.size === 0) end()
      }
      const timer = setTimeout(end, patienceMs)
      waits.add(drop)
      for (const workerId of ask()) missing.add(workerId)
      if (missing.size === 0) end()
    })

  const text = async (): Promise<string> => {
    await allHaveCounted()
    return AggregatorRegistry.aggregate([...last.values(), past].map((each) => [...each])).metrics()
  }

  return {
    counted(workerId, metrics) {
      last.set(workerId, metrics)
      for (const drop of [...waits]) drop(workerId)
    },
    ended(workerId) {
      // A sum that falls when a worker ends would look to Prometheus like a restart, and all of the rest like an increase.
      const counts = (last.get(workerId) ?? []).filter(isCount)
      last.delete(workerId)
      past = AggregatorRegistry.aggregate([[...past], counts]).getMetricsAsArray()
      for (const drop of [...waits]) drop(workerId)
    },
    text,
    listen: (about) => serveMetrics({ ...about, contentType: Registry.PROMETHEUS_CONTENT_TYPE, text }),
  }
}

/** What only grows, and is lost with the worker. */
function isCount(metric: object): boolean {
  return 'type' in metric && (metric.type === 'counter' || metric.type === 'histogram')
}

/** Scrapers wait for ten seconds. */
const PATIENCE_MS = 2_000

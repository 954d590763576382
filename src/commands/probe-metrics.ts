import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { CHECKS, type CheckResult } from './probe-checks.ts'
import type { Protocol } from './sts-client.ts'
import { STEPS } from './trial.ts'

/** What Prometheus reads of a probe that runs. */
export interface ProbeMetrics {
  record(result: CheckResult): void
  /** The text of `GET /metrics`. */
  text(): Promise<string>
}

/** Every series is there from the start: a rule on a counter that has never been counted would not fire. */
export function createProbeMetrics(protocols: readonly Protocol[]): ProbeMetrics {
  const registers = [new Registry()] as const
  const labelNames = ['check', 'protocol'] as const
  const successes = new Counter({
    name: 'octo_sts_probe_successes_total',
    help: 'Checks that came out as they must: exchange (must work) and refusal (must be refused)',
    labelNames,
    registers: [...registers],
  })
  const failures = new Counter({
    name: 'octo_sts_probe_failures_total',
    help: 'Checks that did not, by the step in which it showed',
    labelNames: [...labelNames, 'step'],
    registers: [...registers],
  })
  const duration = new Histogram({
    name: 'octo_sts_probe_duration_seconds',
    help: 'How long a check took, whatever came of it',
    labelNames,
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [...registers],
  })
  const lastSuccess = new Gauge({
    name: 'octo_sts_probe_last_success_timestamp_seconds',
    help: 'When a check last came out as it must; 0: not since the start',
    labelNames,
    registers: [...registers],
  })
  for (const check of CHECKS) {
    for (const protocol of protocols) {
      successes.inc({ check, protocol }, 0)
      lastSuccess.set({ check, protocol }, 0)
      for (const step of STEPS) failures.inc({ check, protocol, step }, 0)
    }
  }
  return {
    record({ check, protocol, ok, step = 'outcome', time, durationMs }) {
      duration.observe({ check, protocol }, durationMs / 1000)
      if (!ok) return failures.inc({ check, protocol, step })
      successes.inc({ check, protocol })
      lastSuccess.set({ check, protocol }, Date.parse(time) / 1000)
    },
    text: () => registers[0].metrics(),
  }
}

export interface MetricsListener {
  readonly port: number
  close(): Promise<void>
}

/** Serves `GET /metrics`, and `GET /healthz` for the platform. Rejects when the port cannot be had. */
export async function listenForMetrics(port: number, metrics: ProbeMetrics): Promise<MetricsListener> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, async (request, response) => {
    const path = request.url?.split('?')[0]
    const known = path === '/metrics' || path === '/healthz'
    const text = path === '/metrics' ? await metrics.text() : known ? 'ok\n' : 'not found: GET /metrics\n'
    const status = known ? (request.method === 'GET' || request.method === 'HEAD' ? 200 : 405) : 404
    response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
  })
  server.maxConnections = MOST_CONNECTIONS
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A scraper, its deputy, and the platform's health check. */
const MOST_CONNECTIONS = 32

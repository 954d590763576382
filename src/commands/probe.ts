import { setTimeout } from 'node:timers/promises'
import { environmentVariable } from '../config/environment-variable.ts'
import { systemClock } from '../runtime/clock.ts'
import { untilStopped } from '../runtime/shutdown.ts'
import { errorText } from './error-text.ts'
import { type CheckResult, runCheck } from './probe-checks.ts'
import { createProbeMetrics, listenForMetrics, type MetricsListener } from './probe-metrics.ts'
import { type ProbeOptions, readProbeOptions } from './probe-options.ts'
import { createStsClient } from './sts-client.ts'
import type { Bench } from './trial.ts'
import { createTokenHolder } from './won-token.ts'

const USAGE = `octo-sts probe: makes an exchange that must work and one that must be refused, as a client of the service

  --url URL                 the service, https://sts.example.com
  --protocol WHICH          grpc, http or both (both)
  --scope SCOPE             with --identity: what must work; its token is used once at GitHub, and revoked
  --identity IDENTITY
  --refused-identity NAME   what must be refused (an identity that is not there, at the same scope)
  --refused-scope SCOPE
  --refused-reason REASON   and why (any final refusal: NOT_FOUND, PERMISSION_DENIED or UNAUTHENTICATED)
  --refused-code CODE

  The OIDC token, one of:
  --token-file FILE         read each time
  --token-env NAME          a variable that holds it
  --github-actions          of this job, which needs "permissions: id-token: write"
  --google                  of this machine's service account
  --audience AUDIENCE       for the last two (the host of --url)

  --github-url URL          GitHub's API (https://api.github.com)
  --timeout DURATION        of each call (10s)
  --every DURATION          again and again, until SIGTERM
  --metrics-port PORT       with --every: Prometheus metrics at /metrics
  --allow-http              let --url be http at any address
  --json                    a line of JSON for each check
`

/**
 * Probes once, and resolves to 0 when all came out as it must and to 1 otherwise; or with `--every` until a signal, and then
 * to 0. 2: the options are wrong.
 */
export async function probe(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE)
    return 0
  }
  const options = readOrExplain(args)
  if (options === undefined) return 2
  const stop = untilStopped()
  const stopped = new AbortController()
  void stop.signalled.then(() => stopped.abort())
  try {
    const run = createRun(options, stopped.signal)
    return options.everyMs === undefined
      ? exitOf(await run(), options)
      : await runEvery({ ...options, everyMs: options.everyMs }, run, stopped.signal)
  } finally {
    stop.dispose()
  }
}

type Run = (record?: (result: CheckResult) => void) => Promise<readonly CheckResult[]>

/** All checks, one after the other, told as they come. */
function createRun({ url, gitHubUrl, checks, timeoutMs, json }: ProbeOptions, stop: AbortSignal): Run {
  const bench: Bench = {
    sts: createStsClient(url),
    holder: createTokenHolder({ gitHubUrl }),
    tokens: { env: environmentVariable, folder: '.' },
    limits: { timeoutMs, stop },
  }
  return async (record = () => {}) => {
    const results: CheckResult[] = []
    for (const check of checks) {
      const result = await runCheck(check, bench, systemClock)
      // What was stopped in the middle says nothing about the service.
      if (stop.aborted && !result.ok) break
      process.stdout.write(json ? `${JSON.stringify(result)}\n` : lineOf(result))
      record(result)
      results.push(result)
    }
    return results
  }
}

async function runEvery(
  { everyMs, metricsPort, protocols }: ProbeOptions & { readonly everyMs: number },
  run: Run,
  stop: AbortSignal,
): Promise<number> {
  const metrics = createProbeMetrics(protocols)
  let listener: MetricsListener | undefined
  try {
    if (metricsPort !== undefined) listener = await listenForMetrics(metricsPort, metrics)
  } catch (error) {
    return failed(`--metrics-port cannot be had: ${errorText(error)}`, 1)
  }
  if (listener !== undefined) process.stderr.write(`metrics at http://127.0.0.1:${listener.port}/metrics\n`)
  while (!stop.aborted) {
    const began = systemClock.monotonic()
    await run(metrics.record)
    const restMs = Math.max(0, everyMs - (systemClock.monotonic() - began))
    await setTimeout(restMs, undefined, { signal: stop }).catch(() => {})
  }
  await listener?.close()
  return 0
}

/** A run that was stopped proves nothing. */
function exitOf(results: readonly CheckResult[], { checks }: ProbeOptions): number {
  return results.length === checks.length && results.every(({ ok }) => ok) ? 0 : 1
}

function lineOf({ time, check, protocol, scope, identity, ok, step, message, durationMs }: CheckResult): string {
  const verdict = ok ? 'ok    ' : 'FAILED'
  const at = step === undefined ? '' : `${step}: `
  return `${time} ${verdict} ${check} ${protocol} ${scope} ${identity} ${durationMs} ms: ${at}${message}\n`
}

function readOrExplain(args: string[]): ProbeOptions | undefined {
  try {
    return readProbeOptions(args)
  } catch (error) {
    failed(`${errorText(error)}\n\n${USAGE}`, 2)
    return undefined
  }
}

function failed(message: string, status: number): number {
  process.stderr.write(`octo-sts probe: ${message}\n`)
  return status
}

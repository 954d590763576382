import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { environmentVariable } from '../config/environment-variable.ts'
import { systemClock } from '../runtime/clock.ts'
import { untilStopped } from '../runtime/shutdown.ts'
import { errorText } from './error-text.ts'
import { readSmoketestFile, type SmoketestPlan } from './smoketest-file.ts'
import { type ExchangeResult, runExchange } from './smoketest-run.ts'
import { createStsClient } from './sts-client.ts'
import type { Bench } from './trial.ts'
import { createTokenHolder } from './won-token.ts'

const USAGE = `octo-sts smoketest: makes a list of exchanges, and says which came out otherwise than they should

  octo-sts smoketest FILE           FILE is YAML; docs/probe.md says what is in it
  octo-sts smoketest --json FILE    one line of JSON with all results
`

/** Resolves to 0 only when every exchange came out as expected; to 1 otherwise; to 2 when there is nothing that can be run. */
export async function smoketest(args: string[]): Promise<number> {
  const asked = readArguments(args)
  if (typeof asked === 'string') return failed(`${asked}\n\n${USAGE}`, 2)
  if (asked === undefined) {
    process.stdout.write(USAGE)
    return 0
  }
  const plan = await readPlan(asked.file)
  if (typeof plan === 'string') return failed(plan, 2)
  const results = await run(plan, dirname(asked.file))
  const missing = plan.exchanges.length - results.length
  process.stdout.write(asked.json ? `${JSON.stringify(summary(results, missing))}\n` : table(results, missing))
  return missing === 0 && results.every(({ ok }) => ok) ? 0 : 1
}

/** One after the other: no burst, and a reader can follow. A signal ends it after what is in flight is cleaned up. */
async function run(
  { url, gitHubUrl, timeoutMs, exchanges }: SmoketestPlan,
  folder: string,
): Promise<readonly ExchangeResult[]> {
  const stop = untilStopped()
  const stopped = new AbortController()
  void stop.signalled.then(() => stopped.abort())
  const bench: Bench = {
    sts: createStsClient(url),
    holder: createTokenHolder({ gitHubUrl }),
    tokens: { env: environmentVariable, folder },
    limits: { timeoutMs, stop: stopped.signal },
  }
  const results: ExchangeResult[] = []
  for (const exchange of exchanges) {
    if (stopped.signal.aborted) break
    results.push(await runExchange(exchange, bench, systemClock))
  }
  stop.dispose()
  return results
}

function summary(results: readonly ExchangeResult[], missing: number) {
  const passed = results.filter(({ ok }) => ok).length
  return { passed, failed: results.length - passed, not_run: missing, exchanges: results }
}

function table(results: readonly ExchangeResult[], missing: number): string {
  const width = Math.max(...results.map(({ name }) => name.length), 0)
  const lines = results.map(({ name, protocol, ok, step, message, durationMs }) => {
    const at = step === undefined ? '' : `${step}: `
    return `${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  ${protocol.padEnd(5)}  ${String(durationMs).padStart(6)} ms  ${at}${message}\n`
  })
  const { passed } = summary(results, missing)
  const total = results.length + missing
  const end =
    passed === total
      ? `All ${total} came out as expected.`
      : `${total - passed} of ${total} did not come out as expected${missing === 0 ? '' : `, ${missing} of them because it was stopped`}.`
  return `${lines.join('')}${end}\n`
}

async function readPlan(file: string): Promise<SmoketestPlan | string> {
  let text: string
  try {
    const { size } = await stat(file)
    if (size > FILE_LIMIT_BYTES) return `${file} is longer than ${FILE_LIMIT_BYTES} bytes`
    text = await readFile(file, 'utf8')
  } catch (error) {
    return `${file} cannot be read: ${errorText(error)}`
  }
  const outcome = readSmoketestFile(text)
  if ('plan' in outcome) return outcome.plan
  return `${file} is no list of exchanges:\n${outcome.problems.map((problem) => `  ${problem}`).join('\n')}`
}

function readArguments(args: string[]): { readonly file: string; readonly json: boolean } | string | undefined {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    if (values.help) return undefined
    const [file, ...others] = positionals
    if (file === undefined || others.length > 0) return 'give one FILE with the list of exchanges'
    return { file, json: values.json }
  } catch (error) {
    return errorText(error)
  }
}

function failed(message: string, status: number): number {
  process.stderr.write(`octo-sts smoketest: ${message}\n`)
  return status
}

/** As for every YAML file of this service. */
const FILE_LIMIT_BYTES = 64 * 1024

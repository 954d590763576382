/**
 * `npm run soak`: a server under strangers' exchanges, each with an owner, a repository, an identity, an issuer, a key, a
 * subject or a jti that no other has. Its status is 1 when the memory grows, when an answer is a fault of the server's, or
 * when strangers keep those from their token who have a right to it.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { usageOf } from './machine.ts'
import type { ProcessReport } from './probe.ts'
import { ask } from './questions.ts'
import { DOMAIN, type LoadReport, openStage } from './stage.ts'
import { median } from './targets.ts'

/** The memory after so many exchanges; the heap is what is left of it after a collection. */
interface Sample {
  readonly exchanges: number
  readonly heapMb: number
  readonly rssMb: number
}

const WHOLE = 1_000_000
const SHORT = 20_000
const SAMPLES = 40
/** Fewer do not fill the caches, whose filling would be taken for growth. */
const ENOUGH_TO_FILL = 400_000
/** Many wait: for a turn at GitHub, or up to 5 s for the name of an issuer that does not exist, at 40 new names a second. */
const IN_FLIGHT = 512
const RSS_LIMIT_MB = 200
/** Of the last quarter to the quarter before: caches that fill are full by then, and what goes on growing is seen. */
const GROWTH_LIMIT = 1.05
/** UNKNOWN, INTERNAL and DATA_LOSS of gRPC: what no stranger's request may come to. */
const FAULTS = ['2', '13', '15']
/** Those that get a token, if nothing keeps it from them; of them so many must. */
const RIGHTFUL = ['subject', 'once']
const RIGHTFUL_LEAST = 0.99
/** Uses that a process without a store remembers until their tokens end: who comes after that is refused, and nothing is used twice. */
const USES_REMEMBERED = 100_000
/** Of all, DEADLINE_EXCEEDED: something waits that should be refused at once. */
const LATE_MOST = 0.01
const LATE = '4'
const MB = 1024 * 1024

const { values } = parseArgs({
  options: { requests: { type: 'string' }, short: { type: 'boolean' }, 'in-flight': { type: 'string' } },
})
const inFlight = Number(values['in-flight'] ?? IN_FLIGHT)
const requests = Number(values.requests ?? (values.short === true ? SHORT : WHOLE))
if (!Number.isSafeInteger(requests) || requests < SAMPLES) {
  process.stderr.write(`soak: --requests must be a whole number of at least ${SAMPLES}, not ${values.requests}\n`)
  process.exitCode = 2
} else process.exitCode = await soak(requests)

async function soak(requests: number): Promise<number> {
  const stage = await openStage({ organizations: 0, policiesEach: 1 })
  try {
    const subject = await stage.startService()
    const { issuer, ed25519 } = stage.facts
    const key = join(stage.folder, 'ed25519.pem')
    writeFileSync(key, ed25519.privateKeyPem)
    const samples: Sample[] = []
    process.stdout.write('exchanges   heap MB   RSS MB\n')
    const report = await stage.load(
      [
        ...['soak', '-address', subject.address, '-key', key, '-kid', ed25519.kid, '-issuer', issuer],
        ...[
          '-audience',
          DOMAIN,
          '-in-flight',
          String(inFlight),
          '-requests',
          String(requests),
          '-step',
          String(Math.ceil(requests / SAMPLES)),
        ],
      ],
      async (line) => {
        const { heapBytes } = await ask<ProcessReport>(subject.process, 'collectGarbage')
        const rssBytes = usageOf(subject.pid)?.rssBytes ?? Number.NaN
        const sample = { exchanges: Number(line), heapMb: heapBytes / MB, rssMb: rssBytes / MB }
        samples.push(sample)
        process.stdout.write(rowOf(sample))
      },
    )
    process.stdout.write(
      `answers by gRPC code: ${JSON.stringify(report.codes)}; ${report.perSecond.toFixed(0)} a second\n`,
    )
    for (const [kind, { codes, p50, p99 }] of Object.entries(report.kinds ?? {}))
      process.stdout.write(
        `  ${kind.padEnd(14)} ${JSON.stringify(codes)}; half within ${p50.toFixed(0)} ms, 99 % within ${p99.toFixed(0)} ms\n`,
      )
    const faults = [...memoryFaults(samples), ...answerFaults(report)]
    for (const fault of faults) process.stderr.write(`soak: ${fault}\n`)
    process.stdout.write(`${faults.length === 0 ? 'passed' : 'FAILED'}: ${verdictOf(samples)}\n`)
    return faults.length === 0 ? 0 : 1
  } finally {
    await stage.close()
  }
}

function rowOf({ exchanges, heapMb, rssMb }: Sample): string {
  return `${String(exchanges).padStart(9)} ${heapMb.toFixed(1).padStart(9)} ${rssMb.toFixed(0).padStart(8)}\n`
}

function answerFaults({ exchanges, codes, kinds = {} }: LoadReport): readonly string[] {
  const faults = FAULTS.flatMap((code) =>
    codes[code] === undefined ? [] : [`${codes[code]} answers had code ${code}`],
  )
  const late = codes[LATE] ?? 0
  if (late > exchanges * LATE_MOST) faults.push(`${late} of ${exchanges} answers came too late (code ${LATE})`)
  for (const kind of RIGHTFUL) {
    const { exchanges: asked = 0, codes: answers = {} } = kinds[kind] ?? {}
    const got = answers['0'] ?? 0
    const due = kind === 'once' ? Math.min(asked, USES_REMEMBERED) : asked
    if (got < due * RIGHTFUL_LEAST)
      faults.push(`of ${asked} requests with a right to a token ("${kind}") ${got} got one`)
  }
  return faults
}

function verdictOf(samples: readonly Sample[]): string {
  const last = samples.at(-1)
  const filled = (last?.exchanges ?? 0) >= ENOUGH_TO_FILL
  const highest = `${highestRss(samples).toFixed(0)} MB at most`
  return filled
    ? `${(last?.heapMb ?? 0).toFixed(1)} MB of heap in the end, ${highest}`
    : `${highest}; too short to tell whether the heap grows`
}

function highestRss(samples: readonly Sample[]): number {
  return Math.max(...samples.map(({ rssMb }) => rssMb).filter((rss) => !Number.isNaN(rss)), 0)
}

function memoryFaults(samples: readonly Sample[]): readonly string[] {
  const faults: string[] = []
  const highest = highestRss(samples)
  if (highest > RSS_LIMIT_MB) faults.push(`the process took ${highest.toFixed(0)} MB, more than ${RSS_LIMIT_MB}`)
  const quarter = Math.floor(samples.length / 4)
  const heapOf = (part: readonly Sample[]) => median(part.map(({ heapMb }) => heapMb))
  const [before, last] = [heapOf(samples.slice(-2 * quarter, -quarter)), heapOf(samples.slice(-quarter))]
  if ((samples.at(-1)?.exchanges ?? 0) >= ENOUGH_TO_FILL && last > before * GROWTH_LIMIT)
    faults.push(`the heap grew from ${before.toFixed(1)} to ${last.toFixed(1)} MB in the last quarter`)
  return faults
}

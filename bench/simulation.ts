/**
 * `npm run simulation`: holds the arithmetic of docs/scale.md against four simulated hours of exchanges that come at random to
 * replicas with caches, and to Apps with a limit. Its status is 1 where they differ by more than a twentieth.
 */
import {
  type Calls,
  expectedCalls,
  FRESH,
  MINTS_PER_SECOND_BY_POINTS,
  mintsPerSecondByConcurrency,
  type Traffic,
} from './github-limits.ts'

const SIMULATED_SECONDS = 4 * 3_600
/** Caches fill first: what happens until then is not counted. */
const SETTLED_SECONDS = 3_600
const TOLERANCE = 0.05
/** Rates and shares below it are as good as none. */
const SMALL = 0.005
/** An assumption: what a mint takes at GitHub, about. */
const MINT_SECONDS = 0.2

const TRAFFICS: readonly Traffic[] = [
  { exchangesPerSecond: 20, organizations: 50, policiesEach: 4, replicas: 2 },
  { exchangesPerSecond: 100, organizations: 100, policiesEach: 5, replicas: 4 },
  { exchangesPerSecond: 100, organizations: 1_000, policiesEach: 2, replicas: 10 },
]

/** An App's limit of 3 mints a second, and demands below and above it. */
const DEMANDS = [
  { apps: 10, exchangesPerSecond: 20 },
  { apps: 10, exchangesPerSecond: 40 },
  { apps: 20, exchangesPerSecond: 120 },
] as const

const random = seeded(20_261_125)
let wrong = 0
for (const traffic of TRAFFICS) {
  line(JSON.stringify(traffic))
  const [expected, simulated] = [expectedCalls(traffic), simulateCaches(traffic)]
  for (const name of Object.keys(expected) as (keyof Calls)[]) compare(name, expected[name], simulated[name])
}
for (const { apps, exchangesPerSecond } of DEMANDS) {
  line(JSON.stringify({ apps, exchangesPerSecond }))
  const expected = Math.max(0, 1 - (apps * MINTS_PER_SECOND_BY_POINTS) / exchangesPerSecond)
  compare('share that GitHub refuses', expected, simulateLimit(apps, exchangesPerSecond))
}
line('')
for (const exchangesPerSecond of [100, 1_000, 10_000, 100_000]) {
  const byPoints = Math.ceil(exchangesPerSecond / MINTS_PER_SECOND_BY_POINTS)
  const byConcurrency = Math.ceil(exchangesPerSecond / mintsPerSecondByConcurrency(MINT_SECONDS))
  line(`${exchangesPerSecond} exchanges a second: ${byPoints} Apps by points, ${byConcurrency} by concurrency`)
}
process.exitCode = wrong === 0 ? 0 : 1

/**
 * Exchanges at random moments, to a random policy and replica, each with the caches of the service. Those are begun at
 * some moment of their lives: all begun at once, they would end at once, and the count would depend on where it stops.
 */
function simulateCaches({ exchangesPerSecond, organizations, policiesEach, replicas }: Traffic): Calls {
  const begun = (length: number, life: number) => new Float64Array(length).map(() => random() * life)
  const policyUntil = begun(organizations * policiesEach * replicas, FRESH.policy)
  const readerOfPolicy = new Float64Array(policyUntil.length)
  const installationUntil = begun(organizations * replicas, FRESH.installation)
  const readerUntil = begun(organizations * replicas, FRESH.readerToken)
  const counts = { mints: 0, policyReads: 0, countedReads: 0, installations: 0, readerMints: 0 }
  for (let now = 0; now < SIMULATED_SECONDS; now += pause(exchangesPerSecond)) {
    const one = now < SETTLED_SECONDS ? 0 : 1
    const place = Math.floor(random() * organizations) * replicas + Math.floor(random() * replicas)
    const policy = place * policiesEach + Math.floor(random() * policiesEach)
    counts.mints += one
    if ((installationUntil[place] ?? 0) <= now) {
      installationUntil[place] = now + FRESH.installation
      counts.installations += one
    }
    if ((policyUntil[policy] ?? 0) > now) continue
    policyUntil[policy] = now + FRESH.policy
    counts.policyReads += one
    if ((readerUntil[place] ?? 0) <= now) {
      readerUntil[place] = now + FRESH.readerToken
      counts.readerMints += one
    }
    const reader = readerUntil[place] ?? 0
    if (readerOfPolicy[policy] !== reader) counts.countedReads += one
    readerOfPolicy[policy] = reader
  }
  const seconds = SIMULATED_SECONDS - SETTLED_SECONDS
  const rates = Object.entries(counts).map(([name, count]) => [name, count / seconds])
  return Object.fromEntries(rates) as unknown as Calls
}

/** Each App may mint so often in each minute; which App an exchange meets is random. The share that is refused. */
function simulateLimit(apps: number, exchangesPerSecond: number): number {
  const used = new Map<string, number>()
  let [asked, refused] = [0, 0]
  for (let now = 0; now < SIMULATED_SECONDS; now += pause(exchangesPerSecond)) {
    const key = `${Math.floor(random() * apps)} ${Math.floor(now / 60)}`
    const before = used.get(key) ?? 0
    asked += 1
    if (before >= MINTS_PER_SECOND_BY_POINTS * 60) refused += 1
    else used.set(key, before + 1)
  }
  return refused / asked
}

/** Until the next of events that come at random. */
function pause(perSecond: number): number {
  return -Math.log(1 - random()) / perSecond
}

function compare(name: string, expected: number, simulated: number): void {
  const differs = Math.abs(expected - simulated) > Math.max(TOLERANCE * expected, SMALL)
  if (differs) wrong += 1
  line(
    `  ${name.padEnd(26)} ${expected.toFixed(4).padStart(10)} ${simulated.toFixed(4).padStart(10)}${differs ? '  DIFFERS' : ''}`,
  )
}

function line(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** The same numbers in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

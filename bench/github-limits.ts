/**
 * What GitHub allows, as far as it says so: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api. It does
 * not say whether the points of a mint are counted for the App or for each installation: docs/scale.md plans with both.
 */
const LIMITS = {
  /** Requests at once. */
  concurrent: 100,
  /** Of REST requests to one endpoint. */
  pointsPerMinute: 900,
  pointsOfPost: 5,
  /** Of an installation: at least, and on GitHub Enterprise Cloud. */
  installationPerHour: { least: 5_000, enterprise: 15_000 },
} as const

export const MINTS_PER_SECOND_BY_POINTS = LIMITS.pointsPerMinute / LIMITS.pointsOfPost / 60

/** How many mints a second the limit of concurrent requests lets through, when each takes so long. */
export function mintsPerSecondByConcurrency(mintSeconds: number): number {
  return LIMITS.concurrent / mintSeconds
}

/** How long the service keeps what it knows, in seconds (docs/operate.md). */
export const FRESH = { policy: 300, installation: 600, readerToken: 3_000 } as const

/** A deployment and its traffic: all organizations and policies are asked for equally often. */
export interface Traffic {
  readonly exchangesPerSecond: number
  readonly organizations: number
  readonly policiesEach: number
  readonly replicas: number
}

/** Calls to GitHub a second, of all replicas. */
export interface Calls {
  readonly mints: number
  readonly policyReads: number
  /** Those of them that count for the installation's quota: the others are answered 304. */
  readonly countedReads: number
  readonly installations: number
  readonly readerMints: number
}

/**
 * The arithmetic: who keeps an answer for T seconds, and is asked λ times a second at random, asks anew 1 / (T + 1/λ)
 * times a second. Each replica keeps its own.
 */
export function expectedCalls({ exchangesPerSecond, organizations, policiesEach, replicas }: Traffic): Calls {
  const policies = organizations * policiesEach
  const renewals = (keptSeconds: number, ratePerSecond: number) => 1 / (keptSeconds + 1 / ratePerSecond)
  const perOrganization = exchangesPerSecond / organizations / replicas
  const readsOfPolicy = renewals(FRESH.policy, perOrganization / policiesEach)
  const readersOfRepository = renewals(FRESH.readerToken, readsOfPolicy * policiesEach)
  // A policy's first read with a new reader token counts; it cannot count more often than the policy is read.
  const countedOfPolicy = Math.min(readsOfPolicy, readersOfRepository)
  return {
    mints: exchangesPerSecond,
    policyReads: policies * replicas * readsOfPolicy,
    countedReads: policies * replicas * countedOfPolicy,
    installations: organizations * replicas * renewals(FRESH.installation, perOrganization),
    readerMints: organizations * replicas * readersOfRepository,
  }
}

import type { Clock } from '../exchange/ports.ts'
import { Denial, type Reason } from '../terms/denial.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import type { AppClient } from './app-client.ts'
import type { QuotaBook } from './quota-book.ts'

export interface QuotaFloors {
  /** Requests left above which an App is as good as any: the one with most left is taken. */
  readonly softFloor: number
  /** Below it an App is used only when there is no other. */
  readonly hardFloor: number
}

/** Which Apps serve whom, and whose turn it is. */
export interface AppPool {
  readonly all: readonly AppClient[]
  /** Those of an owner, the best first. Refuses `APP_NOT_CONFIGURED`. */
  inOrder(owner: string): readonly AppClient[]
  /** The same as they were configured, for whoever does not ask for their order. */
  of(owner: string): readonly AppClient[]
  /** Undefined for an App that is not configured. */
  withId(id: number): AppClient | undefined
  /** Of an installation that was found here; another is a defect. */
  appOf(installation: { readonly app: { readonly id: number } }): AppClient
  /** Told of each refusal of one App alone: when it can do nothing at all just now, the others come before it for a while. */
  note(app: AppClient, refusal: Denial): void
  /** True for an App whose key GitHub refused, or that could not sign, a moment ago. */
  isOutOfOrder(app: AppClient): boolean
}

export interface AppPoolOptions {
  /** By the name of an owner in lower case, and `*` for all others. */
  readonly pools: ReadonlyMap<string, readonly AppClient[]>
  readonly quota: QuotaBook
  readonly floors: QuotaFloors
  readonly clock: Pick<Clock, 'monotonic'>
}

/**
 * Turns by what GitHub says is left: first Apps of which nothing is known (only asking tells), then those above the soft
 * floor, the fullest first, then those above the hard floor, then any; behind all of them Apps that GitHub limits just now,
 * Apps that are known not to be installed for the owner, and Apps that can do nothing at all. What the App and its installation have left is read apart, and
 * the lesser counts: an App is as good as what it will be out of first.
 */
export function createAppPool({ pools, quota, floors, clock }: AppPoolOptions): AppPool {
  const byId = new Map([...pools.values()].flat().map((app) => [app.id, app]))
  /** Until when, on the monotonic clock; by the id of an App. */
  const outOfOrder = new Map<number, number>()
  const isOutOfOrder = ({ id }: AppClient) => clock.monotonic() < (outOfOrder.get(id) ?? 0)
  const rankOf = (app: AppClient, owner: string): Rank => {
    if (isOutOfOrder(app)) return { tier: Tier.OutOfOrder, left: 0 }
    const known = app.installations.known(owner)
    if (known === 'refused') return { tier: Tier.Refused, left: 0 }
    const asApp = { appId: app.id, installationId: undefined }
    const asInstallation = known === undefined ? undefined : { appId: app.id, installationId: known.id }
    if (quota.isLimited(asApp) || (asInstallation !== undefined && quota.isLimited(asInstallation)))
      return { tier: Tier.Limited, left: 0 }
    const left = least(quota.remaining(asApp), asInstallation && quota.remaining(asInstallation))
    if (left === undefined) return { tier: Tier.Unknown, left: 0 }
    if (left > floors.softFloor) return { tier: Tier.AboveSoft, left }
    return { tier: left > floors.hardFloor ? Tier.AboveHard : Tier.Any, left }
  }
  const appsOf = (owner: string): readonly AppClient[] => {
    const apps = pools.get(nameKey(owner)) ?? pools.get(EVERYBODY)
    if (apps === undefined) throw notConfigured(owner)
    return apps
  }
  return {
    all: [...byId.values()],
    of: appsOf,
    inOrder(owner) {
      const apps = appsOf(owner)
      if (apps.length === 1) return apps
      const ranked = apps.map((app) => ({ app, ...rankOf(app, owner) }))
      return ranked.toSorted((a, b) => a.tier - b.tier || b.left - a.left).map(({ app }) => app)
    },
    withId: (id) => byId.get(id),
    appOf({ app }) {
      const client = byId.get(app.id)
      if (client === undefined) throw new Error('an installation of an App that is not configured')
      return client
    },
    note({ id }, { reason }) {
      if (OUT_OF_ORDER.has(reason)) outOfOrder.set(id, clock.monotonic() + OUT_OF_ORDER_MS)
    },
    isOutOfOrder,
  }
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)
}

interface Rank {
  readonly tier: (typeof Tier)[keyof typeof Tier]
  readonly left: number
}

const Tier = { Unknown: 0, AboveSoft: 1, AboveHard: 2, Any: 3, Limited: 4, Refused: 5, OutOfOrder: 6 } as const

/**
 * Does the work with one App after the other until one can do it. Moves on only after a refusal that is for that App alone,
 * and that `movesOn`; of several refusals the one is thrown that helps most. `free`: what an App is known to refuse costs no
 * call, so it does not count as a try. `note` is told of each refusal.
 */
export function inTurn<T>(
  { first, others }: Order,
  work: (app: AppClient) => T | Promise<T>,
  turns: Turns,
): T | Promise<T> {
  const begun = begin(first, work)
  if (!(begun instanceof Promise)) return begun
  const apps = function* () {
    yield first
    yield* others()
  }
  return furtherInTurn(apps(), (app) => (app === first ? begun : work(app)), turns)
}

/** Whose turn it is, and who comes after: those are put into their order when the first could not do it. */
export interface Order {
  readonly first: AppClient
  readonly others: () => readonly AppClient[]
}

export function orderOf([first, ...others]: readonly AppClient[]): Order {
  if (first === undefined) throw new Error('an owner has no App')
  return { first, others: () => others }
}

/** What the first App answers at once needs no promise; what it refuses at once is refused as what takes its time. */
function begin<T>(app: AppClient, work: (app: AppClient) => T | Promise<T>): T | Promise<T> {
  try {
    return work(app)
  } catch (error) {
    return Promise.reject(error)
  }
}

async function furtherInTurn<T>(
  apps: Iterable<AppClient>,
  work: (app: AppClient) => T | Promise<T>,
  { free, note, movesOn = () => true }: Turns,
): Promise<T> {
  let worst: Denial | undefined
  let left = APPS_TRIED
  for (const app of apps) {
    if (left === 0) break
    if (!free(app)) left -= 1
    try {
      return await work(app)
    } catch (error) {
      if (!isOfOneApp(error)) throw error
      note(app, error)
      if (!movesOn(error)) throw error
      if (worst === undefined || weight(error) < weight(worst)) worst = error
    }
  }
  throw worst ?? new Error('unreachable: the first App was asked')
}

interface Turns {
  readonly free: (app: AppClient) => boolean
  readonly note: AppPool['note']
  readonly movesOn?: (refusal: Denial) => boolean
}

/** True for what the App itself may be able to do soon. */
export function isPassing({ reason }: Denial): boolean {
  return reason === 'GITHUB_RATE_LIMITED' || reason === 'SIGNER_UNAVAILABLE'
}

/** True for what another App may be able to do all the same. */
export function isOfOneApp(error: unknown): error is Denial {
  return error instanceof Denial && WEIGHTS.has(error.reason)
}

/** The less, the more a refusal helps: of several the one to be thrown. */
export function weight({ reason }: Denial): number {
  return WEIGHTS.get(reason) ?? 0
}

function notConfigured(owner: string): Denial {
  return new Denial(
    'APP_NOT_CONFIGURED',
    `no GitHub App configured for org ${quote(owner)}: check the owner's name, or ask the operator of this service`,
  )
}

const EVERYBODY = '*'
/** Of the App itself, whatever it is asked for. */
const OUT_OF_ORDER: ReadonlySet<Reason> = new Set<Reason>([
  'APP_CREDENTIALS_REFUSED',
  'SIGNER_REFUSED',
  'SIGNER_UNAVAILABLE',
])
/** Long enough that it costs no exchange anything (a signer that is silent costs seconds), short enough to see it mended. */
const OUT_OF_ORDER_MS = 60_000
/** For one step of one exchange: each can cost two look-ups and a token. */
const APPS_TRIED = 3

/** Refusals of one App alone. What can pass by itself comes first, what somebody can mend next, "not here" last. */
const WEIGHTS: ReadonlyMap<Reason, number> = new Map(
  (
    [
      'GITHUB_RATE_LIMITED',
      'SIGNER_UNAVAILABLE',
      'POLICY_READ_FORBIDDEN',
      'CONTENTS_NOT_GRANTED',
      'MINT_PERMISSION_NOT_GRANTED',
      'MINT_REPOSITORY_NOT_SELECTED',
      'MINT_REFUSED',
      'INSTALLATION_SUSPENDED',
      'REPOSITORY_NOT_SELECTED',
      'SIGNER_REFUSED',
      'APP_CREDENTIALS_REFUSED',
      'APP_NOT_INSTALLED',
    ] as const satisfies readonly Reason[]
  ).map((reason, index) => [reason, index]),
)

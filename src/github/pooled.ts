import type {
  Clock,
  ExchangePorts,
  Grant,
  Installation,
  InstallationChoice,
  InstallationToken,
} from '../exchange/ports.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import type { AppClient } from './app-client.ts'
import { type AppPool, inTurn, isOfOneApp, isPassing, type Order, orderOf } from './app-pool.ts'
import type { PolicyFiles } from './policy-files.ts'
import { createUnreached } from './unreached.ts'
import { sameAccount } from './with-installation.ts'

export interface PooledOptions {
  readonly pool: AppPool
  readonly policies: PolicyFiles
  readonly clock: Pick<Clock, 'monotonic'>
}

type Pooled = Pick<
  ExchangePorts,
  'findInstallation' | 'loadPolicy' | 'chooseInstallation' | 'isPooled' | 'listRepositories' | 'mint'
>

/**
 * What an exchange asks of GitHub, done by whichever App of the owner's can: where one is not installed, limited, suspended
 * or was not given the repository, the next is asked, up to three for each step.
 */
export function createPooled({ pool, policies, clock }: PooledOptions): Pooled {
  const unreached = createUnreached(clock)
  const isRefused = (owner: string) => (app: AppClient) => app.installations.known(owner) === 'refused'

  const find = (owner: string, apps: readonly AppClient[], signal: Cancellation) => {
    const [only] = apps
    if (only !== undefined && apps.length === 1) return only.installations.find(owner, signal)
    const turns = { free: isRefused(owner), note: pool.note }
    return inTurn(orderOf(apps), (app) => app.installations.find(owner, signal), turns)
  }

  /** With one App's installation after the other's, all of the same account. */
  const withEach = <T>(
    { owner, installation, isKept = false }: Pick<Grant, 'owner' | 'installation' | 'isKept'>,
    { order, signal }: { readonly order: Order; readonly signal: Cancellation },
    work: (installation: Installation) => T | Promise<T>,
  ): T | Promise<T> => {
    const own = (app: AppClient): Installation | Promise<Installation> =>
      app.id === installation.app.id
        ? installation
        : andThen(app.installations.find(owner, signal), (found) => sameAccount(installation, found))
    const movesOn = (refusal: Denial) => !isKept || !isPassing(refusal)
    return inTurn(order, (app) => andThen(own(app), work), { free: isRefused(owner), note: pool.note, movesOn })
  }

  /** The App of the installation first, as long as it is one of the owner's. */
  const startingWithOwn = (
    { owner, installation }: Pick<Grant, 'owner' | 'installation'>,
    inOrder: () => readonly AppClient[],
  ): Order => {
    const own = pool.of(owner).find(({ id }) => id === installation.app.id)
    return own === undefined ? orderOf(inOrder()) : { first: own, others: () => inOrder().filter((app) => app !== own) }
  }

  /** Of these Apps the one whose turn it is. */
  const turnOf = (
    { installation, owner }: InstallationChoice,
    apps: readonly AppClient[],
    signal: Cancellation,
  ): Installation | Promise<Installation> => {
    // Apps that are not known yet are looked up when an exchange begins, not in the midst of one.
    const known = apps.filter(
      ({ id, installations }) => id === installation.app.id || typeof installations.known(owner) === 'object',
    )
    const candidates = known.length > 0 ? known : apps
    if (candidates[0]?.id === installation.app.id) return installation
    return andThen(find(owner, candidates, signal), (found) => sameAccount(installation, found))
  }

  /** Undefined where that App alone cannot say. */
  const findWith = async (app: AppClient, owner: string, signal: Cancellation): Promise<Installation | undefined> => {
    try {
      return await app.installations.find(owner, signal)
    } catch (error) {
      if (!isOfOneApp(error)) throw error
      pool.note(app, error)
      return undefined
    }
  }

  /** GitHub tells an App's slug with each installation; undefined when it tells of none. */
  const slugOf = async (app: AppClient, owner: string, signal: Cancellation): Promise<string | undefined> => {
    const known = app.slug()
    if (known !== undefined || pool.isOutOfOrder(app)) return known
    return (await findWith(app, owner, signal))?.app.slug
  }

  /** The Apps that a pin allows, the best first. */
  const allowed = async (
    { owner, app: pin }: Pick<Grant, 'owner' | 'app'>,
    signal: Cancellation,
  ): Promise<readonly AppClient[]> => {
    const apps = pool.inOrder(owner)
    if (pin === undefined) return apps
    const matching: AppClient[] = []
    for (const app of apps) {
      const isNamed = async () => {
        const slug = await slugOf(app, owner, signal)
        return slug !== undefined && pin.matches(slug)
      }
      if (pin.matches(String(app.id)) || (await isNamed())) matching.push(app)
    }
    if (matching.length > 0) return matching
    throw new Denial('POLICY_APP_UNAVAILABLE', 'the trust policy pins a GitHub App that this service does not have')
  }

  const lacks =
    (grant: Grant) =>
    ({ id, installations }: AppClient): boolean => {
      const known = id === grant.installation.app.id ? grant.installation : installations.known(grant.owner)
      return typeof known === 'object' && unreached.has({ ...grant, installation: known })
    }

  /** The App of the grant first, then the others; those that could not give it a moment ago come last. */
  const mintingOrder = (grant: Grant, apps: readonly AppClient[]): readonly AppClient[] => {
    const first = startingWith(apps, grant.installation.app.id)
    const last = first.filter(lacks(grant))
    return last.length === 0 ? first : [...first.filter((app) => !last.includes(app)), ...last]
  }

  const mintInTurn = (grant: Grant, order: Order, signal: Cancellation) =>
    withEach(grant, { order, signal }, async (installation) => {
      const asked = { ...grant, installation }
      try {
        return await pool.appOf(installation).mint(asked, signal)
      } catch (error) {
        unreached.note(asked, error)
        throw error
      }
    })

  const mintOfSeveral = async (grant: Grant, signal: Cancellation): Promise<InstallationToken> => {
    if (grant.app !== undefined) {
      const apps = mintingOrder(grant, await allowed(grant, signal))
      return mintInTurn(grant, orderOf(apps), signal)
    }
    const inOrder = () => mintingOrder(grant, pool.inOrder(grant.owner))
    const isLast = lacks(grant)(pool.appOf(grant.installation))
    return mintInTurn(grant, isLast ? orderOf(inOrder()) : startingWithOwn(grant, inOrder), signal)
  }

  const chooseAllowed = async (choice: InstallationChoice, signal: Cancellation): Promise<Installation> => {
    const { installation, owner, preferred } = choice
    const apps = await allowed(choice, signal)
    const kept = apps.find(({ id }) => id === preferred)
    const own = kept === undefined ? undefined : await findWith(kept, owner, signal)
    return own === undefined ? turnOf(choice, apps, signal) : sameAccount(installation, own)
  }

  return {
    findInstallation: (owner, signal) => find(owner, pool.inOrder(owner), signal),

    loadPolicy(request, signal) {
      if (pool.of(request.owner).length === 1) return policies.load(request, signal)
      const order = startingWithOwn(request, () => pool.inOrder(request.owner))
      const load = (installation: Installation) => policies.load({ ...request, installation }, signal)
      return withEach(request, { order, signal }, load)
    },

    chooseInstallation(choice, signal) {
      const { owner, app: pin, preferred } = choice
      const isAny = pin === undefined && preferred === undefined
      return isAny ? turnOf(choice, pool.inOrder(owner), signal) : chooseAllowed(choice, signal)
    },

    isPooled: (owner) => pool.of(owner).length > 1,

    listRepositories: (installation, signal) => pool.appOf(installation).visible.list(installation, signal),

    mint(grant, signal) {
      const isOnly = grant.app === undefined && pool.of(grant.owner).length === 1
      return isOnly ? pool.appOf(grant.installation).mint(grant, signal) : mintOfSeveral(grant, signal)
    },
  }
}

/** What comes after something that may be there at once. */
function andThen<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function startingWith(apps: readonly AppClient[], id: number): readonly AppClient[] {
  const first = apps.filter((app) => app.id === id)
  return [...first, ...apps.filter((app) => app.id !== id)]
}

import type { Clock, ExchangePorts, Grant, Installation } from '../exchange/ports.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import type { AppClient } from './app-client.ts'
import { type AppPool, inTurn, isOfOneApp, isPassing } from './app-pool.ts'
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

  const find = (owner: string, apps: readonly AppClient[], signal: Cancellation): Promise<Installation> => {
    const [only, ...others] = apps
    if (only !== undefined && others.length === 0) return only.installations.find(owner, signal)
    return inTurn(apps, (app) => app.installations.find(owner, signal), { free: isRefused(owner), note: pool.note })
  }

  /** With one App's installation after the other's, all of the same account. */
  const withEach = <T>(
    { owner, installation, isKept = false }: Pick<Grant, 'owner' | 'installation' | 'isKept'>,
    { apps, signal }: { readonly apps: readonly AppClient[]; readonly signal: Cancellation },
    work: (installation: Installation) => Promise<T>,
  ): Promise<T> => {
    const own = async (app: AppClient): Promise<Installation> =>
      app.id === installation.app.id
        ? installation
        : sameAccount(installation, await app.installations.find(owner, signal))
    const movesOn = (refusal: Denial) => !isKept || !isPassing(refusal)
    return inTurn(apps, async (app) => work(await own(app)), { free: isRefused(owner), note: pool.note, movesOn })
  }

  const unlessOfOneApp =
    (app: AppClient) =>
    (error: unknown): undefined => {
      if (!isOfOneApp(error)) throw error
      pool.note(app, error)
    }

  /** GitHub tells an App's slug with each installation; undefined when it tells of none. */
  const slugOf = async (app: AppClient, owner: string, signal: Cancellation): Promise<string | undefined> => {
    const known = app.slug()
    if (known !== undefined || pool.isOutOfOrder(app)) return known
    const installation = await find(owner, [app], signal).catch(unlessOfOneApp(app))
    return installation?.app.slug
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

  /** The App of the grant first, then the others; those that could not give it a moment ago come last. */
  const mintingOrder = (grant: Grant, apps: readonly AppClient[]): readonly AppClient[] => {
    const lacks = ({ id, installations }: AppClient): boolean => {
      const known = id === grant.installation.app.id ? grant.installation : installations.known(grant.owner)
      return typeof known === 'object' && unreached.has({ ...grant, installation: known })
    }
    const first = startingWith(apps, grant.installation.app.id)
    return [...first.filter((app) => !lacks(app)), ...first.filter(lacks)]
  }

  return {
    findInstallation: async (owner, signal) => find(owner, pool.inOrder(owner), signal),

    async loadPolicy(request, signal) {
      const apps = startingWith(pool.inOrder(request.owner), request.installation.app.id)
      if (apps.length === 1) return policies.load(request, signal)
      return withEach(request, { apps, signal }, (installation) => policies.load({ ...request, installation }, signal))
    },

    async chooseInstallation({ installation, owner, app: pin, preferred }, signal) {
      const apps = await allowed({ owner, app: pin }, signal)
      const kept = apps.find(({ id }) => id === preferred)
      const own = kept === undefined ? undefined : await find(owner, [kept], signal).catch(unlessOfOneApp(kept))
      if (own !== undefined) return sameAccount(installation, own)
      // Apps that are not known yet are looked up when an exchange begins, not in the midst of one.
      const known = apps.filter(
        ({ id, installations }) => id === installation.app.id || typeof installations.known(owner) === 'object',
      )
      const candidates = known.length > 0 ? known : apps
      if (candidates[0]?.id === installation.app.id) return installation
      return sameAccount(installation, await find(owner, candidates, signal))
    },

    isPooled: (owner) => pool.inOrder(owner).length > 1,

    listRepositories: async (installation, signal) => pool.appOf(installation).visible.list(installation, signal),

    async mint(grant, signal) {
      const { owner, app: pin } = grant
      const isOnly = pin === undefined && pool.inOrder(owner).length === 1
      if (isOnly) return pool.appOf(grant.installation).mint(grant, signal)
      const apps = mintingOrder(grant, await allowed(grant, signal))
      return withEach(grant, { apps, signal }, async (installation) => {
        const asked = { ...grant, installation }
        try {
          return await pool.appOf(installation).mint(asked, signal)
        } catch (error) {
          unreached.note(asked, error)
          throw error
        }
      })
    },
  }
}

function startingWith(apps: readonly AppClient[], id: number): readonly AppClient[] {
  const first = apps.filter((app) => app.id === id)
  return [...first, ...apps.filter((app) => app.id !== id)]
}

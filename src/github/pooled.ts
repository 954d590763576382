import type { ExchangePorts, Grant, Installation, InstallationToken } from '../exchange/ports.ts'
import type { Logger } from '../runtime/log.ts'
import { Denial } from '../terms/denial.ts'
import type { AppClient } from './app-client.ts'
import { type AppPool, inTurn, isOfOneApp } from './app-pool.ts'
import type { PolicyFiles } from './policy-files.ts'
import { sameAccount } from './with-installation.ts'

export interface PooledOptions {
  readonly pool: AppPool
  readonly policies: PolicyFiles
  readonly log: Logger
}

type Pooled = Pick<
  ExchangePorts,
  'findInstallation' | 'loadPolicy' | 'chooseInstallation' | 'isPooled' | 'listRepositories' | 'mint'
>

/**
 * What an exchange asks of GitHub, done by whichever App of the owner's can: where one is not installed, limited, suspended
 * or was not given the repository, the next is asked, up to three for each step.
 */
export function createPooled({ pool, policies, log }: PooledOptions): Pooled {
  const isRefused = (owner: string) => (app: AppClient) => app.installations.known(owner) === 'refused'

  const find = (owner: string, apps: readonly AppClient[], signal: AbortSignal): Promise<Installation> => {
    const [only, ...others] = apps
    if (only !== undefined && others.length === 0) return only.installations.find(owner, signal)
    return inTurn(apps, (app) => app.installations.find(owner, signal), { free: isRefused(owner) })
  }

  /** With this installation first, and then, where that is refused for its App alone, with those of the other Apps. */
  const withEach = async <T>(
    { owner, installation }: { readonly owner: string; readonly installation: Installation },
    { others, signal }: { readonly others: readonly AppClient[]; readonly signal: AbortSignal },
    work: (installation: Installation) => Promise<T>,
  ): Promise<T> => {
    const first = pool.withId(installation.app.id)
    const apps = first === undefined ? others : [first, ...others.filter((app) => app !== first)]
    if (apps.length === 1) return work(installation)
    return inTurn(
      apps,
      async (app) => {
        const other =
          app === first ? installation : sameAccount(installation, await app.installations.find(owner, signal))
        try {
          return await work(other)
        } catch (error) {
          if (isOfOneApp(error)) log.debug({ app: app.id, reason: error.reason }, 'another GitHub App is tried')
          throw error
        }
      },
      { free: isRefused(owner) },
    )
  }

  const allowed = async (
    { owner, app: pin }: Pick<Grant, 'owner' | 'app'>,
    signal: AbortSignal,
  ): Promise<readonly AppClient[]> => {
    const apps = pool.inOrder(owner)
    if (pin === undefined) return apps
    const matching: AppClient[] = []
    for (const app of apps) {
      if (pin.matches(String(app.id)) || pin.matches((await slugOf(app, owner, signal)) ?? '')) matching.push(app)
    }
    if (matching.length > 0) return matching
    throw new Denial('POLICY_APP_UNAVAILABLE', 'the trust policy pins a GitHub App that this service does not have')
  }

  return {
    findInstallation: async (owner, signal) => find(owner, pool.inOrder(owner), signal),

    loadPolicy: async (request, signal) =>
      withEach(request, { others: pool.inOrder(request.owner), signal }, (installation) =>
        policies.load({ ...request, installation }, signal),
      ),

    async chooseInstallation({ installation, owner, app: pin, preferred }, signal) {
      const apps = await allowed({ owner, app: pin }, signal)
      const [only, ...others] = apps
      if (only?.id === installation.app.id && others.length === 0) return installation
      const kept = apps.find(({ id }) => id === preferred)
      if (kept !== undefined) {
        const own = await find(owner, [kept], signal).catch(unlessOfOneApp)
        if (own !== undefined) return sameAccount(installation, own)
      }
      if (apps[0]?.id === installation.app.id) return installation
      return sameAccount(installation, await find(owner, apps, signal))
    },

    isPooled: (owner) => pool.inOrder(owner).length > 1,

    listRepositories: (installation, signal) => {
      const app = pool.withId(installation.app.id)
      if (app === undefined) return Promise.reject(new Error('an installation of an App that is not configured'))
      return app.visible.list(installation, signal)
    },

    mint: async (grant, signal) =>
      withEach(grant, { others: await allowed(grant, signal), signal }, (installation): Promise<InstallationToken> => {
        const app = pool.withId(installation.app.id)
        if (app === undefined) throw new Error('an installation of an App that is not configured')
        return app.mint({ ...grant, installation }, signal)
      }),
  }
}

/** GitHub tells an App's slug with each installation. */
async function slugOf(app: AppClient, owner: string, signal: AbortSignal): Promise<string | undefined> {
  const known = app.slug()
  if (known !== undefined) return known
  const installation = await app.installations.find(owner, signal).catch(unlessOfOneApp)
  return installation?.app.slug
}

function unlessOfOneApp(error: unknown): undefined {
  if (!isOfOneApp(error)) throw error
}

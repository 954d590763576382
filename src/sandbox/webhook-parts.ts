import type { Apps } from './apps.ts'
import type { Checks } from './check-runs.ts'
import type { Account, GitHubState, Repository } from './github-state.ts'
import { eventRepository, installationReference, organizationResource, senderResource } from './webhook-resources.ts'

/** Whose event it is, and who caused it. */
export interface EventOptions {
  /** The App that gets it, by its id; the first when absent. */
  readonly app?: number
  /** Login of the account that acts. */
  readonly sender?: string
}

export interface PayloadNeeds {
  readonly state: GitHubState
  readonly apps: Apps
  readonly checks: Checks
  readonly baseUrl: string
  readonly now: () => number
}

/** A payload: JSON, to be changed as a test needs it. */
export type Payload = Record<string, unknown>

/** What the payloads of several events have. */
export function createParts({ state, apps, baseUrl }: PayloadNeeds) {
  const installationOf = (owner: Account, app: number | undefined) =>
    state.findInstallationOf(owner.login, apps.get(app).id)
  const sender = (login: string | undefined) => senderResource(state.findAccount(login ?? ''), baseUrl)
  /** An owner without the App has no `installation`: GitHub would not send the event. */
  const common = (owner: Account, options: EventOptions): Payload => {
    const installation = installationOf(owner, options.app)
    return {
      ...(owner.type === 'Organization' ? { organization: organizationResource(owner, baseUrl) } : {}),
      sender: sender(options.sender),
      ...(installation === undefined ? {} : { installation: installationReference(installation) }),
    }
  }
  return {
    installationOf,
    sender,
    common,

    ofRepository: (repository: Repository, options: EventOptions): Payload => ({
      repository: eventRepository(repository, baseUrl),
      ...common(repository.owner, options),
    }),

    repositoryNamed(owner: string, name: string): Repository {
      const found = state.findRepository(owner, name)
      if (found === undefined) throw new Error(`the sandbox has no repository ${owner}/${name}`)
      return found
    },

    account(login: string): Account {
      const found = state.findAccount(login)
      if (found === undefined) throw new Error(`the sandbox has no account ${login}`)
      return found
    },
  }
}

import type { Apps } from './apps.ts'
import { checkRunResource } from './check-resources.ts'
import type { Checks } from './check-runs.ts'
import { ancestry } from './git-history.ts'
import { addressesOf } from './git-resources.ts'
import type { Account, GitHubState, Repository } from './github-state.ts'
import { NO_COMMIT, type Push } from './repository-git.ts'
import { positionOf } from './repository-pulls.ts'
import { accountResource } from './resources.ts'
import {
  checkSuiteResource,
  eventApp,
  eventInstallation,
  eventPull,
  eventRepository,
  installationReference,
  organizationResource,
  pushedCommit,
  pushedCommits,
  pushRepository,
  senderResource,
  shortRepository,
} from './webhook-resources.ts'

/** Whose event it is, and who caused it. */
export interface EventOptions {
  /** The App that gets it, by its id; the first when absent. */
  readonly app?: number
  /** Login of the account that acts. */
  readonly sender?: string
}

export interface PushOptions extends Push, EventOptions {
  /** The default branch's when absent. */
  readonly ref?: string
  /** Whether the history was rewritten; found out when absent. */
  readonly forced?: boolean
  readonly pusher?: string
}

export interface PayloadNeeds {
  readonly state: GitHubState
  readonly apps: Apps
  readonly checks: Checks
  readonly baseUrl: string
}

/** A payload: JSON, to be changed as a test needs it. */
export type Payload = Record<string, unknown>

/** GitHub's webhook payloads, made of what the sandbox has at this moment: of what is to be deleted, make them before. */
export type Payloads = ReturnType<typeof createPayloads>

export function createPayloads({ state, apps, checks, baseUrl }: PayloadNeeds) {
  const repositoryNamed = (owner: string, name: string): Repository => {
    const found = state.findRepository(owner, name)
    if (found === undefined) throw new Error(`the sandbox has no repository ${owner}/${name}`)
    return found
  }
  const installationOf = (owner: Account, app: number | undefined) =>
    state.findInstallationOf(owner.login, apps.get(app).id)
  /** What all events have. An owner without the App has no `installation`: GitHub would not send the event. */
  const common = (owner: Account, { app, sender }: EventOptions): Payload => {
    const installation = installationOf(owner, app)
    return {
      ...(owner.type === 'Organization' ? { organization: organizationResource(owner, baseUrl) } : {}),
      sender: senderResource(state.findAccount(sender ?? ''), baseUrl),
      ...(installation === undefined ? {} : { installation: installationReference(installation) }),
    }
  }
  const ofRepository = (repository: Repository, options: EventOptions): Payload => ({
    repository: eventRepository(repository, baseUrl),
    ...common(repository.owner, options),
  })
  const installationNumbered = (id: number) => {
    const found = state.installations.get(id)
    if (found === undefined) throw new Error(`the sandbox has no installation ${id}`)
    return found
  }

  return {
    /** `before` and `after` as `commit`, `setBranch` and `deleteBranch` answer them. */
    push(owner: string, name: string, { before, after, ...options }: PushOptions): Payload {
      const repository = repositoryNamed(owner, name)
      const head = repository.objects.commits.get(after)
      if (head === undefined && after !== NO_COMMIT) throw new Error(`the sandbox has no commit ${after}`)
      const [isCreated, isDeleted] = [before === NO_COMMIT, after === NO_COMMIT]
      const rewritten = head !== undefined && !ancestry(repository.objects, head).some(({ sha }) => sha === before)
      const commits = head === undefined ? [] : pushedCommits(repository, head, before)
      const list = commits.slice(-MOST_COMMITS).map((commit) => pushedCommit(commit, repository, baseUrl))
      const pusher = options.pusher ?? options.sender ?? 'octocat'
      const { html } = addressesOf({ repository, baseUrl })
      return {
        ref: options.ref ?? `refs/heads/${repository.defaultBranch}`,
        before,
        after,
        created: isCreated,
        deleted: isDeleted,
        forced: options.forced ?? (rewritten && !isCreated),
        base_ref: null,
        compare: `${html}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`,
        commits: list,
        head_commit: head === undefined ? null : pushedCommit(head, repository, baseUrl),
        pusher: { name: pusher, email: `${pusher}@users.noreply.github.com` },
        ...common(repository.owner, { sender: pusher, ...options }),
        repository: pushRepository(repository, baseUrl),
      }
    },

    /** `changed` are members of an action's own: `before` and `after` of `synchronize`, `changes` of `edited`. */
    pullRequest(
      owner: string,
      name: string,
      about: { readonly number: number; readonly action: string; readonly changed?: Payload } & EventOptions,
    ): Payload {
      const { number, action, changed, ...options } = about
      const pull = state.findPull(owner, name, number)
      const position = positionOf(pull)
      if (position === undefined) throw new Error(`pull request ${number} has a branch without a commit`)
      return {
        action,
        number,
        pull_request: eventPull(pull, position, baseUrl),
        ...changed,
        ...ofRepository(pull.base.repository, { sender: pull.user.login, ...options }),
      }
    },

    /** `requested` or `rerequested`; of the App's own suite for the commit, which GitHub makes when it is pushed. */
    checkSuite(
      owner: string,
      name: string,
      { sha, action, ...options }: { readonly sha: string; readonly action: string } & EventOptions,
    ): Payload {
      const repository = repositoryNamed(owner, name)
      const suite = checks.suiteOf(repository, apps.get(options.app), sha)
      const runs = checks.runs.filter((run) => run.suite === suite)
      const granted = installationOf(repository.owner, options.app)?.permissions ?? {}
      const resource = checkSuiteResource(suite, runs, { granted, baseUrl })
      return { action, check_suite: resource, ...ofRepository(repository, options) }
    },

    /** `rerequested`, of a check run by its id; the App is the one that made it. */
    checkRun({ id, action, ...options }: { readonly id: number; readonly action: string } & EventOptions): Payload {
      const run = checks.runs.find((found) => found.id === id)
      if (run === undefined) throw new Error(`the sandbox has no check run ${id}`)
      const { repository, app } = run.suite
      const granted = installationOf(repository.owner, app.id)?.permissions ?? {}
      const resource = checkRunResource(run, granted, baseUrl)
      const { latest_check_runs_count, check_runs_url, head_commit, ...suite } = checkSuiteResource(run.suite, [run], {
        granted,
        baseUrl,
      })
      return {
        action,
        check_run: { ...resource, app: eventApp(app, granted, baseUrl), check_suite: suite },
        ...ofRepository(repository, { ...options, app: app.id }),
      }
    },

    /** `created`, `deleted`, `suspend`, `unsuspend`, `new_permissions_accepted`. */
    installation(id: number, action: string, { sender }: EventOptions = {}): Payload {
      const found = installationNumbered(id)
      const given = state
        .repositoriesOf(found.account)
        .filter((repository) => found.repositories === 'all' || found.repositories.has(repository.id))
      return {
        action,
        installation: eventInstallation(found, baseUrl),
        ...(action.includes('suspend') ? {} : { repositories: given.map(shortRepository) }),
        sender: senderResource(state.findAccount(sender ?? ''), baseUrl),
      }
    },

    /** `added` when names are added, else `removed`; names without their owner. */
    installationRepositories(
      id: number,
      about: { readonly added?: readonly string[]; readonly removed?: readonly string[] } & EventOptions,
    ): Payload {
      const { added = [], removed = [], sender } = about
      const found = installationNumbered(id)
      const named = (names: readonly string[]) =>
        names.map((name) => shortRepository(repositoryNamed(found.account.login, name)))
      return {
        action: added.length > 0 ? 'added' : 'removed',
        installation: eventInstallation(found, baseUrl),
        repository_selection: found.repositories === 'all' ? 'all' : 'selected',
        repositories_added: named(added),
        repositories_removed: named(removed),
        requester: null,
        sender: senderResource(state.findAccount(sender ?? ''), baseUrl),
      }
    },

    /** `from` is the old name of one that was `renamed`, or the login of its old owner when it was `transferred`. */
    repository(
      owner: string,
      name: string,
      about: { readonly action: string; readonly from?: string } & EventOptions,
    ): Payload {
      const { action, from, ...options } = about
      const changes = from === undefined ? {} : { changes: changesOf(action, from, { state, baseUrl }) }
      return { action, ...changes, ...ofRepository(repositoryNamed(owner, name), options) }
    },

    /** `renamed`, with the login it had; `deleted`, `member_added`, … without. */
    organization(login: string, about: { readonly action: string; readonly from?: string } & EventOptions): Payload {
      const { action, from, ...options } = about
      const account = state.findAccount(login)
      if (account === undefined) throw new Error(`the sandbox has no account ${login}`)
      return {
        action,
        ...(from === undefined ? {} : { changes: { login: { from } } }),
        ...common(account, options),
      }
    },
  }
}

/** "The array includes a maximum of 2048 commits": docs.github.com, the push event. */
const MOST_COMMITS = 2048

function changesOf(action: string, from: string, { state, baseUrl }: Pick<PayloadNeeds, 'state' | 'baseUrl'>): Payload {
  if (action !== 'transferred') return { repository: { name: { from } } }
  const account = state.findAccount(from)
  if (account === undefined) throw new Error(`the sandbox has no account ${from}`)
  const old =
    account.type === 'Organization'
      ? { organization: organizationResource(account, baseUrl) }
      : { user: accountResource(account, baseUrl) }
  return { owner: { from: old } }
}

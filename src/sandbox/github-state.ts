import type { Level } from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import type { AppFacts, Apps } from './apps.ts'
import { createObjects, type GitCommit, type GitObjects } from './git-history.ts'
import { createGit } from './repository-git.ts'
import { createPulls } from './repository-pulls.ts'

export interface Account {
  readonly id: number
  login: string
  readonly type: 'Organization' | 'User'
}

export interface Repository {
  readonly id: number
  owner: Account
  name: string
  private: boolean
  readonly defaultBranch: string
  /** Shared with its forks. */
  readonly objects: GitObjects
  /** Branch to its newest commit. */
  readonly branches: Map<string, GitCommit>
  /** The last commit of branches that are gone: their pull requests still show it. */
  readonly deletedBranches: Map<string, GitCommit>
  readonly pulls: Map<number, PullRequest>
  /** What it was forked from. */
  readonly parent: Repository | undefined
}

export interface PullRequest {
  readonly id: number
  /** Of the base repository's. */
  readonly number: number
  readonly title: string
  readonly user: Account
  readonly head: { readonly repository: Repository; readonly branch: string }
  readonly base: { readonly repository: Repository; readonly branch: string }
  state: 'open' | 'closed'
  readonly createdAt: Date
}

/** Permission to level, as GitHub stores it: names of its own, in no particular type. */
export type Granted = Readonly<Record<string, Level>>

export interface Installation {
  readonly id: number
  readonly app: AppFacts
  readonly account: Account
  permissions: Granted
  /** Ids of the selected repositories. */
  repositories: ReadonlySet<number> | 'all'
  suspendedAt: Date | undefined
  readonly createdAt: Date
}

export interface InstallOptions {
  readonly permissions: Granted
  /** Names, without their owner. */
  readonly repositories: 'all' | readonly string[]
  readonly suspended?: boolean
  /** The App's id; the first App when absent. */
  readonly app?: number
}

export interface RepositoryOptions {
  readonly private?: boolean
  readonly id?: number
  readonly defaultBranch?: string
  /** Path to text: its first commit. Without any the repository is empty. */
  readonly files?: Readonly<Record<string, string>>
  /** The repository it is a fork of: it has the same objects, branches and default branch. */
  readonly forkOf?: { readonly owner: string; readonly name: string }
}

/** The world that the embedded GitHub serves. Names compare without regard to case, paths do not. */
export type GitHubState = ReturnType<typeof createState>

export function createState(now: () => number, apps: Apps) {
  const accounts = new Map<string, Account>()
  const repositories = new Map<string, Repository>()
  /** Old full names, to the id of the repository that had them. */
  const renames = new Map<string, number>()
  const installations = new Map<number, Installation>()
  let lastId = FIRST_ID
  const newId = () => ++lastId

  const account = (login: string) => known(accounts.get(nameKey(login)), `account ${login}`)
  const repository = (owner: string, name: string) =>
    known(repositories.get(fullKey(owner, name)), `repository ${owner}/${name}`)
  const installation = (id: number) => known(installations.get(id), `installation ${id}`)
  const repositoryIds = (login: string, names: 'all' | readonly string[]) =>
    names === 'all' ? names : new Set(names.map((name) => repository(login, name).id))
  const git = createGit(repository, now)

  return {
    newId,
    ...git,
    ...createPulls(repository, { newId, now }),
    installations: installations as ReadonlyMap<number, Installation>,

    findAccount: (login: string) => accounts.get(nameKey(login)),
    findRepository: (owner: string, name: string) => repositories.get(fullKey(owner, name)),
    /** The repository that once had this name, unless another has it now. */
    findRenamed: (owner: string, name: string) => byId(repositories, renames.get(fullKey(owner, name))),
    repositories: (): readonly Repository[] => [...repositories.values()],
    findRepositoryById: (id: number) => byId(repositories, id),
    /** The App's installation for the account; the first App's that has one when none is named. */
    findInstallationOf: (login: string, appId?: number) =>
      [...installations.values()].find(
        ({ account, app }) => nameKey(account.login) === nameKey(login) && (appId ?? app.id) === app.id,
      ),
    repositoriesOf: (owner: Account) => [...repositories.values()].filter((repository) => repository.owner === owner),

    addAccount(about: { readonly login: string; readonly type: Account['type']; readonly id?: number }): Account {
      const added = { id: about.id ?? newId(), login: about.login, type: about.type }
      accounts.set(nameKey(added.login), added)
      return added
    },

    addRepository(owner: string, name: string, options: RepositoryOptions = {}): Repository {
      const { forkOf, files = {} } = options
      const parent = forkOf === undefined ? undefined : repository(forkOf.owner, forkOf.name)
      const added: Repository = {
        id: options.id ?? newId(),
        owner: account(owner),
        name,
        private: options.private ?? parent?.private ?? true,
        defaultBranch: options.defaultBranch ?? parent?.defaultBranch ?? 'main',
        objects: parent?.objects ?? createObjects(),
        branches: new Map(parent?.branches),
        deletedBranches: new Map(),
        pulls: new Map(),
        parent,
      }
      repositories.set(fullKey(owner, name), added)
      if (Object.keys(files).length > 0) git.commit(owner, name, { files })
      return added
    },

    removeRepository(owner: string, name: string): void {
      repositories.delete(fullKey(owner, name))
    },

    setVisibility(owner: string, name: string, visibility: 'public' | 'private'): void {
      repository(owner, name).private = visibility === 'private'
    },

    /** Also moves it to another owner, when `to` names one: GitHub redirects from the old name in both cases. */
    renameRepository(owner: string, name: string, to: { readonly owner?: string; readonly name?: string }): void {
      const moved = repository(owner, name)
      repositories.delete(fullKey(owner, name))
      renames.set(fullKey(owner, name), moved.id)
      moved.owner = account(to.owner ?? owner)
      moved.name = to.name ?? name
      repositories.set(fullKey(moved.owner.login, moved.name), moved)
    },

    /** GitHub redirects repositories from an owner's old login, but knows no account by it. */
    renameAccount(login: string, to: string): void {
      const renamed = account(login)
      const owned = [...repositories].filter(([, { owner }]) => owner === renamed)
      accounts.delete(nameKey(login))
      renamed.login = to
      accounts.set(nameKey(to), renamed)
      for (const [key, moved] of owned) {
        repositories.delete(key)
        renames.set(key, moved.id)
        repositories.set(fullKey(to, moved.name), moved)
      }
    },

    /** Installs an App, and answers the installation's id. */
    install(login: string, options: InstallOptions): number {
      const added: Installation = {
        id: newId(),
        app: apps.get(options.app),
        account: account(login),
        permissions: withMetadata(options.permissions),
        repositories: repositoryIds(login, options.repositories),
        suspendedAt: options.suspended === true ? new Date(now()) : undefined,
        createdAt: new Date(now()),
      }
      installations.set(added.id, added)
      return added.id
    },

    uninstall(id: number): void {
      installations.delete(id)
    },

    /** Changes what an installation was given, as its owner may at any time. */
    regrant(id: number, options: Partial<Pick<InstallOptions, 'permissions' | 'repositories'>>): void {
      const changed = installation(id)
      if (options.permissions !== undefined) changed.permissions = withMetadata(options.permissions)
      if (options.repositories !== undefined) {
        changed.repositories = repositoryIds(changed.account.login, options.repositories)
      }
    },

    suspend(id: number): void {
      installation(id).suspendedAt = new Date(now())
    },

    unsuspend(id: number): void {
      installation(id).suspendedAt = undefined
    },
  }
}

/** GitHub's ids of accounts, repositories and installations are all large; a fixed start keeps them the same in each run. */
const FIRST_ID = 70_000_000

function fullKey(owner: string, name: string): string {
  return `${nameKey(owner)}/${nameKey(name)}`
}

function byId(repositories: ReadonlyMap<string, Repository>, id: number | undefined): Repository | undefined {
  return [...repositories.values()].find((repository) => repository.id === id)
}

/** Every App has `metadata: read`, asked for or not. */
function withMetadata(permissions: Granted): Granted {
  return { ...permissions, metadata: permissions['metadata'] ?? 'read' }
}

/** Seeding the sandbox with what it has not is a mistake of the test, not a state of GitHub. */
function known<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new Error(`the sandbox has no ${what}`)
  return found
}

import type { AppFacts } from './apps.ts'
import { pullsOf } from './check-resources.ts'
import type { CheckRun, CheckSuite } from './check-runs.ts'
import { commitsBetween, type GitCommit } from './git-history.ts'
import { addressesOf, isoSeconds, nodeIdOf } from './git-resources.ts'
import type { Account, Granted, Installation, PullRequest, Repository } from './github-state.ts'
import { pullResource } from './pull-resource.ts'
import type { PullPosition } from './repository-pulls.ts'
import { accountResource, appResource, installationResource, nodeId, repositoryResource } from './resources.ts'

/** The repository without what the REST API tells of it, and events do not. */
export function eventRepository(repository: Repository, baseUrl: string) {
  const { has_discussions: _, allow_forking: __, ...resource } = repositoryResource(repository, baseUrl)
  return { ...resource, web_commit_signoff_required: false }
}

/** The pull request, with both its repositories as events have them. */
export function eventPull(pull: PullRequest, position: PullPosition, baseUrl: string) {
  const { head, base, ...resource } = pullResource(pull, position, baseUrl)
  return {
    ...resource,
    head: { ...head, repo: eventRepository(pull.head.repository, baseUrl) },
    base: { ...base, repo: eventRepository(pull.base.repository, baseUrl) },
  }
}

/** A push alone has its times as seconds, of which `pushed_at` is its own, its page as `url`, and the owner's name and e-mail address. */
export function pushRepository(repository: Repository, baseUrl: string, pushedAt: Date) {
  const resource = eventRepository(repository, baseUrl)
  const { login } = repository.owner
  return {
    ...resource,
    url: resource.html_url,
    created_at: secondsOf(resource.created_at),
    pushed_at: secondsOf(pushedAt.toISOString()),
    owner: { ...resource.owner, name: login, email: `${login}@users.noreply.github.com` },
    stargazers: 0,
    master_branch: repository.defaultBranch,
  }
}

/** As the events of installations name a repository. */
export function shortRepository({ id, name, owner, private: isPrivate }: Repository) {
  const node_id = nodeId('Repository', id)
  return { id, node_id, name, full_name: `${owner.login}/${name}`, private: isPrivate }
}

/** GitHub's JSON of an organization, as events have it. */
export function organizationResource({ id, login }: Account, baseUrl: string) {
  const url = `${baseUrl}/orgs/${login}`
  return {
    login,
    id,
    node_id: nodeId('Organization', id),
    url,
    repos_url: `${url}/repos`,
    events_url: `${url}/events`,
    hooks_url: `${url}/hooks`,
    issues_url: `${url}/issues`,
    members_url: `${url}/members{/member}`,
    public_members_url: `${url}/public_members{/member}`,
    avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
    description: '',
  }
}

/** The whole installation, as its own events have it: with its times as seconds. */
export function eventInstallation(installation: Installation, baseUrl: string) {
  const { client_id: _, created_at, updated_at, ...resource } = installationResource(installation, baseUrl)
  return { ...resource, created_at: secondsOf(created_at), updated_at: secondsOf(updated_at) }
}

/** The installation, as all other events have it. */
export function installationReference({ id }: Installation) {
  return { id, node_id: nodeId('IntegrationInstallation', id) }
}

/** A commit, as a push lists it. */
export function pushedCommit(commit: GitCommit, repository: Repository, baseUrl: string) {
  const { html } = addressesOf({ repository, baseUrl })
  const parent = repository.objects.commits.get(commit.parents[0] ?? '')
  const before = parent?.files ?? new Map()
  const author = { ...commit.author, username: commit.author.name }
  return {
    id: commit.sha,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message,
    timestamp: isoSeconds(commit.date),
    url: `${html}/commit/${commit.sha}`,
    author,
    committer: author,
    added: [...commit.files.keys()].filter((path) => !before.has(path)),
    removed: [...before.keys()].filter((path) => !commit.files.has(path)),
    modified: [...commit.files]
      .filter(([path, { sha }]) => (before.get(path)?.sha ?? sha) !== sha)
      .map(([path]) => path),
  }
}

/** What a push brought, the oldest first: what the head has and `before` (of a new branch the default branch) has not. */
export function pushedCommits(repository: Repository, head: GitCommit, before: string): readonly GitCommit[] {
  const { objects, branches, defaultBranch } = repository
  const start = objects.commits.get(before) ?? branches.get(defaultBranch)
  if (start === undefined || start === head) return [head]
  return commitsBetween(objects, start, head)
}

/** GitHub's JSON of a check suite, as events have it. */
export function checkSuiteResource(suite: CheckSuite, runs: readonly CheckRun[], about: SuiteContext) {
  const { repository, headSha, id } = suite
  const { api } = addressesOf({ repository, baseUrl: about.baseUrl })
  const commit = repository.objects.commits.get(headSha)
  const time = isoSeconds(suite.createdAt)
  const [last] = runs.slice(-1)
  return {
    id,
    node_id: nodeIdOf({ repository }, 'CS', String(id)),
    head_branch: branchOf(repository, headSha) ?? null,
    head_sha: headSha,
    status: last?.status ?? 'queued',
    conclusion: last?.conclusion ?? null,
    url: `${api}/check-suites/${id}`,
    before: commit?.parents[0] ?? null,
    after: headSha,
    pull_requests: pullsOf(repository, headSha, about.baseUrl),
    app: eventApp(suite.app, about.granted, about.baseUrl),
    created_at: time,
    updated_at: time,
    latest_check_runs_count: runs.length,
    check_runs_url: `${api}/check-suites/${id}/check-runs`,
    head_commit: {
      id: headSha,
      tree_id: commit?.tree ?? '',
      message: commit?.message ?? '',
      timestamp: isoSeconds(commit?.date ?? suite.createdAt),
      author: commit?.author,
      committer: commit?.author,
    },
  }
}

export interface SuiteContext {
  readonly granted: Granted
  readonly baseUrl: string
}

/** The App, without what events do not say of it. */
export function eventApp(app: AppFacts, granted: Granted, baseUrl: string) {
  const { client_id: _, ...resource } = appResource(app, granted, baseUrl)
  return resource
}

/** A person who acts where no other is named. */
export function senderResource(account: Account | undefined, baseUrl: string) {
  return accountResource(account ?? { id: 583_231, login: 'octocat', type: 'User' }, baseUrl)
}

/** A branch of the repository itself with this head: none for a fork's commit. */
function branchOf({ branches }: Repository, sha: string): string | undefined {
  return [...branches].find(([, head]) => head.sha === sha)?.[0]
}

function secondsOf(time: string): number {
  return Math.floor(Date.parse(time) / 1000)
}

import type { AppFacts } from './apps.ts'
import type { Account, Granted, Installation, Repository } from './github-state.ts'

/** GitHub's JSON of an account (`simple-user`). */
export function accountResource({ id, login, type }: Account, baseUrl: string) {
  const url = `${baseUrl}/users/${login}`
  return {
    login,
    id,
    node_id: nodeId(type, id),
    avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
    gravatar_id: '',
    url,
    html_url: `https://github.com/${login}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type,
    site_admin: false,
  }
}

/** GitHub's JSON of a repository, as the tokens and listings have it. */
export function repositoryResource(repository: Repository, baseUrl: string) {
  const { id, owner, name, private: isPrivate, defaultBranch } = repository
  const fullName = `${owner.login}/${name}`
  const url = `${baseUrl}/repos/${fullName}`
  const html = `https://github.com/${fullName}`
  return {
    id,
    node_id: nodeId('Repository', id),
    name,
    full_name: fullName,
    private: isPrivate,
    owner: accountResource(owner, baseUrl),
    html_url: html,
    description: null,
    fork: repository.parent !== undefined,
    url,
    ...Object.fromEntries(
      Object.entries(SUBRESOURCES).map(([key, path]) => [
        `${key}_url`,
        path === '' ? `${url}/${key}` : `${url}/${path}`,
      ]),
    ),
    git_url: `git://github.com/${fullName}.git`,
    ssh_url: `git@github.com:${fullName}.git`,
    clone_url: `${html}.git`,
    svn_url: html,
    homepage: null,
    language: null,
    license: null,
    mirror_url: null,
    created_at: EPOCH,
    updated_at: EPOCH,
    pushed_at: EPOCH,
    size: 1,
    stargazers_count: 0,
    watchers_count: 0,
    forks_count: 0,
    open_issues_count: 0,
    forks: 0,
    open_issues: 0,
    watchers: 0,
    has_issues: true,
    has_projects: true,
    has_downloads: true,
    has_wiki: true,
    has_pages: false,
    has_discussions: false,
    archived: false,
    disabled: false,
    allow_forking: true,
    is_template: false,
    topics: [],
    visibility: isPrivate ? 'private' : 'public',
    default_branch: defaultBranch,
  }
}

/** What "Get a repository" has beyond what listings have. */
export function fullRepositoryResource(repository: Repository, baseUrl: string) {
  const { parent } = repository
  const source = parent === undefined ? undefined : repositoryResource(parent, baseUrl)
  return {
    ...repositoryResource(repository, baseUrl),
    network_count: 0,
    subscribers_count: 0,
    ...(source === undefined ? {} : { parent: source, source }),
  }
}

/** GitHub's JSON of an installation. */
export function installationResource(installation: Installation, baseUrl: string) {
  const { id, app, account, permissions, repositories, suspendedAt, createdAt } = installation
  const page = account.type === 'Organization' ? `organizations/${account.login}/settings` : 'settings'
  return {
    id,
    account: accountResource(account, baseUrl),
    repository_selection: repositories === 'all' ? 'all' : 'selected',
    access_tokens_url: `${baseUrl}/app/installations/${id}/access_tokens`,
    repositories_url: `${baseUrl}/installation/repositories`,
    html_url: `https://github.com/${page}/installations/${id}`,
    app_id: app.id,
    app_slug: app.slug,
    client_id: app.clientId,
    target_id: account.id,
    target_type: account.type,
    permissions,
    events: [],
    created_at: createdAt.toISOString(),
    updated_at: (suspendedAt ?? createdAt).toISOString(),
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: suspendedAt === undefined ? null : accountResource(account, baseUrl),
    suspended_at: suspendedAt?.toISOString() ?? null,
  }
}

/** GitHub's JSON of the App itself. */
export function appResource(app: AppFacts, permissions: Granted, baseUrl: string) {
  const owner = { id: app.id, login: `${app.slug}-owner`, type: 'Organization' as const }
  return {
    id: app.id,
    client_id: app.clientId,
    slug: app.slug,
    node_id: nodeId('App', app.id),
    owner: accountResource(owner, baseUrl),
    name: app.slug,
    description: '',
    external_url: 'https://octo-sts.dev',
    html_url: `https://github.com/apps/${app.slug}`,
    created_at: EPOCH,
    updated_at: EPOCH,
    permissions,
    events: [],
  }
}

const EPOCH = '2026-01-01T00:00:00Z'

/** The `…_url` members of a repository: the path below it, or nothing where it is the member's own name. */
const SUBRESOURCES: Readonly<Record<string, string>> = {
  archive: '{archive_format}{/ref}',
  assignees: 'assignees{/user}',
  blobs: 'git/blobs{/sha}',
  branches: 'branches{/branch}',
  collaborators: 'collaborators{/collaborator}',
  comments: 'comments{/number}',
  commits: 'commits{/sha}',
  compare: 'compare/{base}...{head}',
  contents: 'contents/{+path}',
  contributors: '',
  deployments: '',
  downloads: '',
  events: '',
  forks: '',
  git_commits: 'git/commits{/sha}',
  git_refs: 'git/refs{/sha}',
  git_tags: 'git/tags{/sha}',
  hooks: '',
  issue_comment: 'issues/comments{/number}',
  issue_events: 'issues/events{/number}',
  issues: 'issues{/number}',
  keys: 'keys{/key_id}',
  labels: 'labels{/name}',
  languages: '',
  merges: '',
  milestones: 'milestones{/number}',
  notifications: 'notifications{?since,all,participating}',
  pulls: 'pulls{/number}',
  releases: 'releases{/id}',
  stargazers: '',
  statuses: 'statuses/{sha}',
  subscribers: '',
  subscription: '',
  tags: '',
  teams: '',
  trees: 'git/trees{/sha}',
}

export function nodeId(type: string, id: number): string {
  return Buffer.from(`${type.length}:${type}${id}`).toString('base64')
}

import { diffFiles } from './git-diff.ts'
import { addressesOf, isoSeconds } from './git-resources.ts'
import type { PullRequest, Repository } from './github-state.ts'
import { associationOf, type PullPosition } from './repository-pulls.ts'
import { accountResource, nodeId, repositoryResource } from './resources.ts'

/** GitHub's JSON of a pull request (`pull-request`). */
export function pullResource(pull: PullRequest, position: PullPosition, baseUrl: string) {
  const { id, number, user, base } = pull
  const { api, html } = addressesOf({ repository: base.repository, baseUrl })
  const [url, page, issue] = [`${api}/pulls/${number}`, `${html}/pull/${number}`, `${api}/issues/${number}`]
  const { head, from, commits } = position
  const changes = diffFiles(from?.files ?? new Map(), head.files)
  const time = isoSeconds(pull.createdAt)
  const links = {
    self: url,
    html: page,
    issue,
    comments: `${issue}/comments`,
    review_comments: `${url}/comments`,
    review_comment: `${api}/pulls/comments{/number}`,
    commits: `${url}/commits`,
    statuses: `${api}/statuses/${head.sha}`,
  }
  return {
    url,
    id,
    node_id: nodeId('PullRequest', id),
    html_url: page,
    diff_url: `${page}.diff`,
    patch_url: `${page}.patch`,
    issue_url: issue,
    commits_url: links.commits,
    review_comments_url: links.review_comments,
    review_comment_url: links.review_comment,
    comments_url: links.comments,
    statuses_url: links.statuses,
    number,
    state: pull.state,
    locked: false,
    title: pull.title,
    user: accountResource(user, baseUrl),
    body: null,
    labels: [],
    milestone: null,
    active_lock_reason: null,
    created_at: time,
    updated_at: time,
    closed_at: pull.state === 'closed' ? time : null,
    merged_at: null,
    merge_commit_sha: null,
    assignee: null,
    assignees: [],
    requested_reviewers: [],
    requested_teams: [],
    head: side(pull.head, head.sha, baseUrl),
    base: side(base, position.base.sha, baseUrl),
    _links: Object.fromEntries(Object.entries(links).map(([name, href]) => [name, { href }])),
    author_association: associationOf(user, base.repository),
    auto_merge: null,
    draft: false,
    merged: false,
    mergeable: true,
    rebaseable: true,
    mergeable_state: 'clean',
    merged_by: null,
    comments: 0,
    review_comments: 0,
    maintainer_can_modify: false,
    commits: commits.length,
    additions: changes.reduce((sum, { additions }) => sum + additions, 0),
    deletions: changes.reduce((sum, { deletions }) => sum + deletions, 0),
    changed_files: changes.length,
  }
}

/** The few members by which check runs and suites name a pull request (`pull-request-minimal`). */
export function minimalPull(pull: PullRequest, position: PullPosition, baseUrl: string) {
  const { id, number, head, base } = pull
  const end = ({ repository, branch }: PullRequest['head'], sha: string) => {
    const { id, name } = repository
    return { ref: branch, sha, repo: { id, url: addressesOf({ repository, baseUrl }).api, name } }
  }
  const { api } = addressesOf({ repository: base.repository, baseUrl })
  return {
    url: `${api}/pulls/${number}`,
    id,
    number,
    head: end(head, position.head.sha),
    base: end(base, position.base.sha),
  }
}

function side(
  { repository, branch }: { readonly repository: Repository; readonly branch: string },
  sha: string,
  baseUrl: string,
) {
  return {
    label: `${repository.owner.login}:${branch}`,
    ref: branch,
    sha,
    user: accountResource(repository.owner, baseUrl),
    repo: repositoryResource(repository, baseUrl),
  }
}

import { blobBytes, type GitChild, type GitTree, joined } from './git-object.ts'
import { addressesOf, commitResource, nodeIdOf, treeEntry } from './git-resources.ts'
import { type Answer, GitHubError, notFound } from './github-answer.ts'
import type { Repository } from './github-state.ts'
import { findCommit } from './repository-git.ts'
import { readable } from './repository-lookup.ts'
import { ok, RAW_TYPES, type Route, type RouteContext, type RouteRequest } from './route.ts'

/** Git's own objects and references. */
export const GIT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/git/trees/{tree_sha}',
    documentation: 'git/trees#get-a-tree',
    by: 'anybody but the app',
    answer: tree,
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/git/blobs/{file_sha}',
    documentation: 'git/blobs#get-a-blob',
    by: 'anybody but the app',
    answer: blob,
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/git/ref/{ref}',
    documentation: 'git/refs#get-a-reference',
    by: 'anybody but the app',
    answer: (request, context) => {
      const repository = readable(request, context, 'contents')
      const ref = request.params['ref'] ?? ''
      const sha = repository.branches.get(ref.replace(/^heads\//, ''))?.sha
      if (sha === undefined || !ref.startsWith('heads/')) throw notFound()
      const place = { repository, ...context }
      const { api } = addressesOf(place)
      return ok({
        ref: `refs/${ref}`,
        node_id: nodeIdOf(place, 'REF', ref),
        url: `${api}/git/refs/${ref}`,
        object: { type: 'commit', sha, url: `${api}/git/commits/${sha}` },
      })
    },
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/branches/{branch}',
    documentation: 'branches/branches#get-a-branch',
    by: 'anybody but the app',
    answer: (request, context) => {
      const repository = readable(request, context, 'contents')
      const name = request.params['branch'] ?? ''
      const commit = repository.branches.get(name)
      if (commit === undefined) throw new GitHubError(404, 'Branch not found')
      const place = { repository, ...context }
      const { api, html } = addressesOf(place)
      return ok({
        name,
        commit: commitResource(commit, place),
        _links: { self: `${api}/branches/${name}`, html: `${html}/tree/${name}` },
        protected: false,
        protection: { enabled: false },
        protection_url: `${api}/branches/${name}/protection`,
      })
    },
  },
]

const LARGEST_BLOB_BYTES = 100 * 1024 * 1024

/** A tree by its own name, or that of a commit or a branch; with what is below it when `recursive` has any value. */
function tree(request: RouteRequest, context: RouteContext): Answer {
  const repository = readable(request, context, 'contents')
  if (repository.branches.size === 0) throw new GitHubError(409, 'Git Repository is empty.')
  const name = request.params['tree_sha'] ?? ''
  const found = treeNamed(repository, name)
  if (found === undefined) throw notFound()
  const place = { repository, ...context }
  const lines = request.query.has('recursive')
    ? below(repository, found, '')
    : found.children.map((child) => ({ path: child.name, child }))
  const most = context.limits.treeEntries
  return ok({
    sha: found.sha,
    url: `${addressesOf(place).api}/git/trees/${found.sha}`,
    tree: lines.slice(0, most).map(({ path, child }) => treeEntry(path, child, place)),
    truncated: lines.length > most,
  })
}

function treeNamed(repository: Repository, name: string): GitTree | undefined {
  const { trees } = repository.objects
  return trees.get(name) ?? trees.get(findCommit(repository, name)?.tree ?? '')
}

/** Every directory before what it holds, as GitHub lists them. */
function below(
  repository: Repository,
  { children }: GitTree,
  directory: string,
): readonly { readonly path: string; readonly child: GitChild }[] {
  return children.flatMap((child) => {
    const path = joined(directory, child.name)
    const inner = child.entry === 'directory' ? repository.objects.trees.get(child.sha) : undefined
    return [{ path, child }, ...(inner === undefined ? [] : below(repository, inner, path))]
  })
}

function blob(request: RouteRequest, context: RouteContext): Answer {
  const repository = readable(request, context, 'contents')
  const sha = request.params['file_sha'] ?? ''
  const found = repository.objects.blobs.get(sha)
  const bytes = found === undefined ? undefined : blobBytes(found)
  if (bytes === undefined) throw notFound()
  if (bytes.length > LARGEST_BLOB_BYTES) throw new GitHubError(403, 'This blob is too large to fetch.')
  if (RAW_TYPES.test(request.accept)) {
    return { status: 200, bytes, headers: { 'content-type': 'application/vnd.github.raw+json; charset=utf-8' } }
  }
  const place = { repository, ...context }
  return ok({
    sha,
    node_id: nodeIdOf(place, 'B', sha),
    size: bytes.length,
    url: `${addressesOf(place).api}/git/blobs/${sha}`,
    content: bytes.toString('base64').replace(/.{1,60}/g, '$&\n'),
    encoding: 'base64',
  })
}

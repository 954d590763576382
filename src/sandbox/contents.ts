import type { GitCommit } from './git-history.ts'
import { blobBytes, type GitChild, type GitFiles, joined, type StoredEntry } from './git-object.ts'
import { type Answer, GitHubError, notFound } from './github-answer.ts'
import type { Repository } from './github-state.ts'
import { findCommit } from './repository-git.ts'

export interface ContentsRequest {
  readonly repository: Repository
  /** Without a leading or trailing slash; `''` is the root. */
  readonly path: string
  /** A branch, a pull request's head or a commit; the default branch when undefined. */
  readonly ref: string | undefined
  /** True when the caller accepts `application/vnd.github.raw+json`. */
  readonly raw: boolean
}

/**
 * "Get repository content": a file with its base64, a directory as an array of at most 1,000 entries, a submodule, or
 * a symbolic link (its target's content when that is a file of the repository).
 */
export function readContents(request: ContentsRequest, baseUrl: string): Answer {
  const { repository, path } = request
  const ref = request.ref ?? repository.defaultBranch
  if (repository.branches.size === 0) throw new GitHubError(404, 'This repository is empty.')
  const commit = findCommit(repository, ref)
  if (commit === undefined) throw new GitHubError(404, `No commit found for the ref ${ref}`)
  const { files } = commit
  const place: Place = { repository, ref, commit, baseUrl }
  const entry = files.get(path)
  if (entry === undefined) return { status: 200, body: directory(place, path) }
  const resolved = entry.type === 'symlink' ? (targetOf(files, path, entry.target) ?? entry) : entry
  if (request.raw && resolved.type === 'file') {
    return { status: 200, bytes: resolved.bytes, headers: { 'content-type': RAW_TYPE } }
  }
  return { status: 200, body: { ...describe(place, path, resolved), ...contentOf(resolved) } }
}

interface Place {
  readonly repository: Repository
  readonly ref: string
  readonly commit: GitCommit
  readonly baseUrl: string
}

const RAW_TYPE = 'application/vnd.github.raw+json; charset=utf-8'
/** Larger files are answered without their content, with `encoding: "none"`. */
const LARGEST_INLINE_BYTES = 1024 * 1024
const LONGEST_LISTING = 1000
/** GitHub breaks base64 after 60 characters, and ends it with a line break. */
const BASE64_LINE = /.{1,60}/g

function directory(place: Place, path: string): readonly unknown[] {
  const tree = place.commit.trees.get(path)
  if (tree === undefined) throw notFound()
  return tree.children
    .slice(0, LONGEST_LISTING)
    .map(({ name, entry }) => describe(place, joined(path, name), listed(entry)))
}

/** A listing calls a submodule a file, "for backwards compatibility". */
function listed(entry: GitChild['entry']): GitChild['entry'] | { readonly type: 'file'; readonly commit: string } {
  return entry !== 'directory' && entry.type === 'submodule' ? { type: 'file', commit: entry.commit } : entry
}

function describe(place: Place, path: string, entry: ReturnType<typeof listed>) {
  const { repository, ref, commit, baseUrl } = place
  const full = `${repository.owner.login}/${repository.name}`
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  const url = `${baseUrl}/repos/${full}/contents/${encoded}?ref=${encodeURIComponent(ref)}`
  const html = `https://github.com/${full}`
  const { type, sha, size, kind } = summary(commit, path, entry)
  const gitUrl = type === 'submodule' ? null : `${baseUrl}/repos/${full}/git/${kind}s/${sha}`
  const htmlUrl = `${html}/${kind}/${encodeURIComponent(ref)}/${encoded}`
  return {
    name: path.split('/').at(-1) ?? '',
    path,
    sha,
    size,
    url,
    html_url: htmlUrl,
    git_url: gitUrl,
    download_url: type === 'file' ? `https://raw.githubusercontent.com/${full}/${ref}/${encoded}` : null,
    type,
    _links: { self: url, git: gitUrl, html: htmlUrl },
  }
}

function summary(commit: GitCommit, path: string, entry: ReturnType<typeof listed>) {
  if (entry === 'directory') return { type: 'dir', sha: commit.trees.get(path)?.sha ?? '', size: 0, kind: 'tree' }
  if ('commit' in entry) return { type: entry.type, sha: entry.commit, size: 0, kind: 'tree' }
  return { type: entry.type, sha: entry.sha, size: blobBytes(entry)?.length ?? 0, kind: 'blob' }
}

function contentOf(entry: StoredEntry): Readonly<Record<string, string>> {
  if (entry.type === 'submodule') return { submodule_git_url: entry.url }
  if (entry.type === 'symlink') return { target: entry.target }
  if (entry.bytes.length > LARGEST_INLINE_BYTES) return { content: '', encoding: 'none' }
  return { content: entry.bytes.toString('base64').replace(BASE64_LINE, '$&\n'), encoding: 'base64' }
}

/** The file a symbolic link leads to, when it is a normal file of the same repository. */
function targetOf(files: GitFiles, path: string, target: string): StoredEntry | undefined {
  if (target.startsWith('/')) return undefined
  const segments = path.split('/').slice(0, -1)
  for (const segment of target.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '.') segments.push(segment)
  }
  const found = files.get(segments.join('/'))
  return found?.type === 'file' ? found : undefined
}

import { createHash } from 'node:crypto'

/** What a Git tree holds under one path. Directories exist by the paths below them. */
export type GitEntry =
  | { readonly type: 'file'; readonly bytes: Buffer }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'submodule'; readonly url: string; readonly commit: string }

/** Path to entry, of one branch. */
export type GitFiles = ReadonlyMap<string, GitEntry>

/** One line of a directory: an entry, or a directory below it. */
export interface GitChild {
  readonly name: string
  readonly entry: GitEntry | 'directory'
}

/** The object name Git gives the entry: SHA-1, hexadecimal; for a submodule its commit. */
export function entrySha(entry: GitEntry): string {
  if (entry.type === 'submodule') return entry.commit
  return objectSha('blob', entry.type === 'file' ? entry.bytes : Buffer.from(entry.target))
}

/** The children of a directory (`''` is the root) in Git's order; undefined when there is no such directory. */
export function listDirectory(files: GitFiles, directory: string): readonly GitChild[] | undefined {
  const prefix = directory === '' ? '' : `${directory}/`
  const children = new Map<string, GitChild>()
  for (const [path, entry] of files) {
    if (!path.startsWith(prefix)) continue
    const [name = '', ...below] = path.slice(prefix.length).split('/')
    children.set(name, { name, entry: below.length === 0 ? entry : 'directory' })
  }
  if (children.size === 0) return undefined
  return [...children.values()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
}

/** The object name of a directory's tree. */
export function treeSha(files: GitFiles, directory: string): string {
  const lines = (listDirectory(files, directory) ?? []).map(({ name, entry }) => {
    const path = directory === '' ? name : `${directory}/${name}`
    const sha = entry === 'directory' ? treeSha(files, path) : entrySha(entry)
    return Buffer.concat([Buffer.from(`${modeOf(entry)} ${name}\0`), Buffer.from(sha, 'hex')])
  })
  return objectSha('tree', Buffer.concat(lines))
}

function objectSha(type: 'blob' | 'tree', content: Buffer): string {
  return createHash('sha1').update(`${type} ${content.length}\0`).update(content).digest('hex')
}

/** Git sorts a tree by bytes, a directory as if its name ended with a slash. */
function sortKey({ name, entry }: GitChild): string {
  return Buffer.from(entry === 'directory' ? `${name}/` : name).toString('latin1')
}

function modeOf(entry: GitEntry | 'directory'): string {
  if (entry === 'directory') return '40000'
  return { file: '100644', symlink: '120000', submodule: '160000' }[entry.type]
}

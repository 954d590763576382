import { createHash } from 'node:crypto'

/** What a Git tree holds under one path. Directories exist by the paths below them. */
export type GitEntry =
  | { readonly type: 'file'; readonly bytes: Buffer }
  | { readonly type: 'symlink'; readonly target: string }
  | { readonly type: 'submodule'; readonly url: string; readonly commit: string }

/** An entry under the object name Git gives it: SHA-1, hexadecimal; for a submodule its commit. */
export type StoredEntry = GitEntry & { readonly sha: string }

/** Path to entry, of one commit. */
export type GitFiles = ReadonlyMap<string, StoredEntry>

/** One line of a directory: an entry, or a directory below it. */
export interface GitChild {
  readonly name: string
  readonly entry: StoredEntry | 'directory'
  readonly sha: string
}

/** A directory: its object name, and its children in Git's order. */
export interface GitTree {
  readonly sha: string
  readonly children: readonly GitChild[]
}

/** Directory (`''` is the root) to its tree. */
export type GitTrees = ReadonlyMap<string, GitTree>

/** Text or bytes as a file, and every entry under its name. */
export function storedEntry(content: string | Buffer | GitEntry): StoredEntry {
  const entry = typeof content === 'string' || Buffer.isBuffer(content) ? fileOf(content) : content
  return { ...entry, sha: entrySha(entry) }
}

/** All trees of a commit's files. The root is there even when there is no file. */
export function buildTrees(files: GitFiles): GitTrees {
  const directories = new Map<string, Map<string, StoredEntry | 'directory'>>([['', new Map()]])
  for (const [path, entry] of files) place(directories, path, entry)
  const trees = new Map<string, GitTree>()
  const depth = (path: string) => (path === '' ? 0 : path.split('/').length)
  // A tree's name is made of its children's.
  const deepestFirst = [...directories].sort(([a], [b]) => depth(b) - depth(a))
  for (const [directory, entries] of deepestFirst) {
    const children = [...entries].map(([name, entry]) => {
      const sha = entry === 'directory' ? (trees.get(joined(directory, name))?.sha ?? '') : entry.sha
      return { name, entry, sha }
    })
    const sorted = children.map((child) => [sortKey(child), child] as const).sort(([a], [b]) => (a < b ? -1 : 1))
    const content = Buffer.from(sorted.map(([, child]) => line(child)).join(''), 'latin1')
    trees.set(directory, { sha: objectSha('tree', content), children: sorted.map(([, child]) => child) })
  }
  return trees
}

/** The mode that Git writes into trees: six digits, as GitHub shows it. */
export function modeOf(entry: GitChild['entry']): string {
  if (entry === 'directory') return '040000'
  return { file: '100644', symlink: '120000', submodule: '160000' }[entry.type]
}

export function objectSha(type: 'blob' | 'tree' | 'commit', content: Buffer): string {
  return createHash('sha1').update(`${type} ${content.length}\0`).update(content).digest('hex')
}

export function joined(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`
}

/** The content of a blob; a symbolic link's is its target. Undefined for a submodule, which has none here. */
export function blobBytes(entry: GitEntry): Buffer | undefined {
  if (entry.type === 'submodule') return undefined
  return entry.type === 'file' ? entry.bytes : Buffer.from(entry.target)
}

function fileOf(content: string | Buffer): GitEntry {
  return { type: 'file', bytes: Buffer.from(content) }
}

function entrySha(entry: GitEntry): string {
  return entry.type === 'submodule' ? entry.commit : objectSha('blob', blobBytes(entry) ?? Buffer.alloc(0))
}

/** Puts the entry into its directory, and that into those above it. */
function place(
  directories: Map<string, Map<string, StoredEntry | 'directory'>>,
  path: string,
  entry: StoredEntry | 'directory',
): void {
  const at = path.lastIndexOf('/')
  const directory = path.slice(0, Math.max(0, at))
  const known = directories.get(directory)
  const entries = known ?? new Map<string, StoredEntry | 'directory'>()
  entries.set(path.slice(at + 1), entry)
  if (known !== undefined) return
  directories.set(directory, entries)
  place(directories, directory, 'directory')
}

/** One line of a tree object, a character for each byte: Git writes a directory's mode without its first zero. */
function line({ name, entry, sha }: GitChild): string {
  const mode = entry === 'directory' ? '40000' : modeOf(entry)
  return `${mode} ${bytesOf(name)}\0${Buffer.from(sha, 'hex').toString('latin1')}`
}

/** Git sorts a tree by bytes, a directory as if its name ended with a slash. */
function sortKey({ name, entry }: GitChild): string {
  return bytesOf(entry === 'directory' ? `${name}/` : name)
}

/** The text's UTF-8, a character for each byte: compares as bytes do. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

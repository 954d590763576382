import { blobBytes, type GitFiles, type StoredEntry } from './git-object.ts'

/** What became of one path between two commits. */
export interface FileChange {
  /** The new path; of a removed file the old one. */
  readonly path: string
  readonly status: 'added' | 'removed' | 'modified' | 'renamed' | 'changed'
  /** The object's new name; of a removed file the old one. */
  readonly sha: string
  readonly previousPath?: string
  readonly additions: number
  readonly deletions: number
}

/**
 * The changed paths in Git's order. As Git does, a removed and an added file that share at least half of their content
 * are told as one that was renamed. Lines are counted without regard to their order.
 */
export function diffFiles(before: GitFiles, after: GitFiles): readonly FileChange[] {
  const removed = [...before].filter(([path]) => !after.has(path))
  const added = [...after].filter(([path]) => !before.has(path))
  const renamed = findRenames(removed, added)
  const sources = new Set([...renamed.values()].map(([path]) => path))
  const changes = [
    ...removed.filter(([path]) => !sources.has(path)).map(([path, old]) => change(path, { status: 'removed', old })),
    ...added.map(([path, young]) => {
      const [previousPath, old] = renamed.get(path) ?? []
      return previousPath === undefined
        ? change(path, { status: 'added', young })
        : { ...change(path, { status: 'renamed', old, young }), previousPath }
    }),
    ...[...after].flatMap(([path, young]) => {
      const old = before.get(path)
      if (old === undefined || (old.sha === young.sha && old.type === young.type)) return []
      return [change(path, { status: old.sha === young.sha ? 'changed' : 'modified', old, young })]
    }),
  ]
  return changes.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
}

type Named = readonly [path: string, entry: StoredEntry]

/** Git gives up the search for renames when there is too much to compare (`diff.renameLimit`). */
const MOST_COMPARISONS = 10_000
const LEAST_SIMILARITY = 0.5

/** New path to the file it was. */
function findRenames(removed: readonly Named[], added: readonly Named[]): ReadonlyMap<string, Named> {
  const renames = new Map<string, Named>()
  if (removed.length * added.length > MOST_COMPARISONS) return renames
  const left = new Set(removed)
  for (const [path, entry] of added) {
    const [best] = [...left]
      .map((candidate) => ({ candidate, similarity: similarityOf(candidate[1], entry) }))
      .filter(({ similarity }) => similarity >= LEAST_SIMILARITY)
      .sort((a, b) => b.similarity - a.similarity)
    if (best === undefined) continue
    left.delete(best.candidate)
    renames.set(path, best.candidate)
  }
  return renames
}

/** The share of the larger file that is in both, by lines: from 0 to 1. */
function similarityOf(old: StoredEntry, young: StoredEntry): number {
  if (old.type !== 'file' || young.type !== 'file') return 0
  if (old.sha === young.sha) return 1
  const alone = sizeOf(linesBeyond(young, old))
  const largest = Math.max(old.bytes.length, young.bytes.length)
  return (young.bytes.length - alone) / largest
}

function change(
  path: string,
  { status, old, young }: { status: FileChange['status']; old?: StoredEntry | undefined; young?: StoredEntry },
): FileChange {
  const sha = (young ?? old)?.sha ?? ''
  return { path, status, sha, additions: linesBeyond(young, old).length, deletions: linesBeyond(old, young).length }
}

/** The lines of one that the other has not. */
function linesBeyond(one: StoredEntry | undefined, other: StoredEntry | undefined): readonly string[] {
  const counts = new Map<string, number>()
  for (const line of linesOf(other)) counts.set(line, (counts.get(line) ?? 0) + 1)
  return linesOf(one).filter((line) => {
    const left = counts.get(line) ?? 0
    counts.set(line, left - 1)
    return left <= 0
  })
}

function linesOf(entry: StoredEntry | undefined): readonly string[] {
  return (entry === undefined ? undefined : blobBytes(entry))?.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? []
}

function sizeOf(lines: readonly string[]): number {
  return lines.reduce((size, line) => size + line.length, 0)
}

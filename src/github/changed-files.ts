import type { ChangedFile, ChangedFiles, Range } from '../terms/changed-files.ts'
import { isJsonObject } from '../terms/json.ts'
import type { Answer } from './answer.ts'
import { unreadable } from './known-failures.ts'
import { type PolicyTree, readPolicyTree } from './policy-tree.ts'
import type { RepositoryCall } from './repository-call.ts'

/**
 * The files that differ; when there are 300 or more, of which GitHub shows no further, and after a force push, of which it
 * shows something else, only those of the policies' folder, and those exactly. A `before` or `base` that is gone leaves all
 * policies of the folder. `gone`: the later commit does not exist (any more).
 */
export async function readChangedFiles(range: Range, call: RepositoryCall): Promise<ChangedFiles | 'gone'> {
  if (range.kind === 'everything') return everythingAt(range.at, call)
  const [base, head] = range.kind === 'between' ? [range.before, range.after] : [range.base, range.head]
  const comparison = await compare(base, head, call)
  if (comparison === undefined) return everythingAt(head, call)
  const { status, mergeBase, files } = comparison
  // Of two lines of history GitHub shows what the later has changed since they parted: that is not what a force push did.
  const isAnswer = range.kind === 'since' || status === 'ahead' || status === 'identical'
  if (isAnswer && files.length < FILES_SHOWN) return { files, complete: true }
  return between(range.kind === 'since' ? mergeBase : base, head, call)
}

async function between(before: string, after: string, call: RepositoryCall): Promise<ChangedFiles | 'gone'> {
  const [old, now] = [await readPolicyTree(before, call), await readPolicyTree(after, call)]
  if (now === 'gone') return 'gone'
  return difference(old === 'gone' ? NOTHING : old, now)
}

async function everythingAt(commit: string, call: RepositoryCall): Promise<ChangedFiles | 'gone'> {
  const now = await readPolicyTree(commit, call)
  return now === 'gone' ? 'gone' : difference(NOTHING, now)
}

function difference(old: PolicyTree, now: PolicyTree): ChangedFiles {
  const present = [...now.entries].flatMap(([path, sha]): ChangedFile[] => {
    const before = old.entries.get(path)
    if (before === sha) return []
    return [{ path, action: before === undefined ? 'added' : 'modified' }]
  })
  const removed = [...old.entries.keys()]
    .filter((path) => !now.entries.has(path))
    .map((path) => ({ path, action: 'removed' }) as const)
  return { files: [...present, ...removed], complete: old.complete && now.complete }
}

interface Comparison {
  readonly status: string
  readonly mergeBase: string
  readonly files: readonly ChangedFile[]
}

/** undefined: one of the two is gone, or they have no common ancestor. */
async function compare(base: string, head: string, call: RepositoryCall): Promise<Comparison | undefined> {
  const answer = await call({
    route: 'GET /repos/{owner}/{repo}/compare/{basehead}',
    // The files come with the first page, however few commits it has.
    parameters: { basehead: `${base}...${head}`, per_page: 1, page: 1 },
    doing: DOING,
    maxBytes: ANSWER_LIMIT_BYTES,
  })
  return answer.status === 404 || answer.status === 422 ? undefined : parseComparison(answer)
}

function parseComparison(answer: Answer): Comparison {
  const { body } = answer
  if (answer.status !== 200 || !isJsonObject(body)) throw unreadable(DOING, answer)
  const { status, merge_base_commit: mergeBase, files = [] } = body
  const sha = isJsonObject(mergeBase) ? mergeBase['sha'] : undefined
  if (typeof status !== 'string' || typeof sha !== 'string' || !Array.isArray(files)) throw unreadable(DOING, answer)
  const listed = files.flatMap((file: unknown) => changesOf(file, answer))
  // A renamed file counts once at GitHub and twice here: what matters is that a full list is never taken for a whole one.
  return { status, mergeBase: sha, files: listed }
}

function changesOf(file: unknown, answer: Answer): readonly ChangedFile[] {
  const { filename: path, status, previous_filename: previous } = isJsonObject(file) ? file : {}
  if (typeof path !== 'string' || typeof status !== 'string') throw unreadable(DOING, answer)
  if (status === 'renamed' && typeof previous === 'string') {
    return [
      { path: previous, action: 'removed' },
      { path, action: 'added' },
    ]
  }
  const action = status === 'removed' ? 'removed' : status === 'added' || status === 'copied' ? 'added' : 'modified'
  return [{ path, action }]
}

const NOTHING: PolicyTree = { entries: new Map(), complete: true }
const DOING = 'comparing two commits'
/** Of a comparison GitHub shows no more, and does not say that there are. */
const FILES_SHOWN = 300
/** 300 files with patches, which GitHub cuts at 1 MB or 20,000 lines in all, and twenty addresses each. */
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024

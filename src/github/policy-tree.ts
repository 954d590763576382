import { POLICY_FOLDER } from '../terms/identity.ts'
import { isJsonObject } from '../terms/json.ts'
import type { Answer } from './answer.ts'
import { unreadable } from './known-failures.ts'
import type { RepositoryCall } from './repository-call.ts'

/** All that lies in the policies' folder of one commit: each path, as in the repository, with its object's SHA. */
export interface PolicyTree {
  readonly entries: ReadonlyMap<string, string>
  /** False: the folder is larger than GitHub shows, so that a path that is not among the entries proves nothing. */
  readonly complete: boolean
}

/**
 * Walks down to the policies' folder, one tree after the other: exact whatever the size of the repository, while a
 * recursive listing of all of it ends at 100,000 entries. `gone`: there is no such commit (any more).
 */
export async function readPolicyTree(commit: string, call: RepositoryCall): Promise<PolicyTree | 'gone'> {
  const root = await readTree(commit, call)
  if (root === 'gone') return 'gone'
  let folder = root
  for (const name of FOLDER_SEGMENTS) {
    const next = folder.entries.find((entry) => entry.path === name)
    if (next?.type !== 'tree') return { entries: new Map(), complete: folder.complete }
    folder = await readExistingTree(next.sha, call)
  }
  const files = folder.entries.filter(({ type }) => type !== 'tree')
  const below = await Promise.all(
    folder.entries
      .filter(({ type }) => type === 'tree')
      .slice(0, FOLDERS_WALKED)
      .map(({ path, sha }) => walk(path, sha, call)),
  )
  return {
    entries: new Map([...files.map(({ path, sha }) => [`${POLICY_FOLDER}/${path}`, sha] as const), ...below.flat()]),
    complete: folder.complete,
  }
}

/** What is misplaced in a folder of the folder is only warned of: one listing is enough, complete or not. */
async function walk(folder: string, sha: string, call: RepositoryCall): Promise<(readonly [string, string])[]> {
  const { entries } = await readExistingTree(sha, call)
  return entries
    .filter(({ type }) => type !== 'tree')
    .map((entry) => [`${POLICY_FOLDER}/${folder}/${entry.path}`, entry.sha] as const)
}

interface Tree {
  readonly entries: readonly { readonly path: string; readonly type: string; readonly sha: string }[]
  readonly complete: boolean
}

async function readExistingTree(sha: string, call: RepositoryCall): Promise<Tree> {
  const tree = await readTree(sha, call)
  if (tree === 'gone') throw unreadable(DOING, { status: 404, headers: {}, body: undefined })
  return tree
}

async function readTree(sha: string, call: RepositoryCall): Promise<Tree | 'gone'> {
  const answer = await call({
    route: 'GET /repos/{owner}/{repo}/git/trees/{tree_sha}',
    parameters: { tree_sha: sha },
    doing: DOING,
    maxBytes: ANSWER_LIMIT_BYTES,
  })
  // 409: the repository is empty; 422: no such object.
  if (answer.status === 404 || answer.status === 409 || answer.status === 422) return 'gone'
  return parseTree(answer)
}

function parseTree(answer: Answer): Tree {
  const { status, body } = answer
  const list: unknown = isJsonObject(body) ? body['tree'] : undefined
  if (status !== 200 || !isJsonObject(body) || !Array.isArray(list)) throw unreadable(DOING, answer)
  const entries = list.map((entry: unknown) => {
    const { path, type, sha } = isJsonObject(entry) ? entry : {}
    if (typeof path !== 'string' || typeof type !== 'string' || typeof sha !== 'string') throw unreadable(DOING, answer)
    return { path, type, sha }
  })
  return { entries, complete: body['truncated'] !== true }
}

const FOLDER_SEGMENTS = POLICY_FOLDER.split('/')
const DOING = 'listing the trust policies of a commit'
/** GitHub's own limit of a tree is 7 MB. */
const ANSWER_LIMIT_BYTES = 12 * 1024 * 1024
/** Nothing in them is a policy: they are looked at for the sake of a warning. */
const FOLDERS_WALKED = 10

import { Denial } from '../terms/denial.ts'
import { POLICY_FOLDER } from '../terms/identity.ts'
import { quote } from '../terms/text.ts'
import { describe } from './answer.ts'
import { readPathContent } from './file-answer.ts'
import { unreadable } from './known-failures.ts'
import type { RepositoryCall } from './repository-call.ts'

/** The text of a file with its Git blob's SHA, or why it has none that could be a policy. */
export type CommitFile =
  | { readonly ok: true; readonly text: string; readonly sha: string }
  | { readonly ok: false; readonly fault: string }

/**
 * Reads a file of the policies' folder as one commit has it, as an exchange will read it. `file` is its name, without the
 * folder. A file that GitHub does not (yet) know is refused with `GITHUB_UNAVAILABLE`: the caller has seen it listed.
 */
export async function readCommitFile(file: string, commit: string, call: RepositoryCall): Promise<CommitFile> {
  const answer = await call({
    route: `GET /repos/{owner}/{repo}/contents/${POLICY_FOLDER}/{file}`,
    parameters: { file, ref: commit },
    doing: DOING,
    maxBytes: ANSWER_LIMIT_BYTES,
  })
  if (answer.status === 404) {
    throw new Denial('GITHUB_UNAVAILABLE', `GitHub does not know ${quote(file)} of the commit ${commit} (yet)`, {
      cause: describe(answer),
    })
  }
  if (answer.status !== 200) throw unreadable(DOING, answer)
  const content = readPathContent(answer, DOING)
  if (content.kind === 'no-file') return { ok: false, fault: `this is ${content.what}: there is no policy to read` }
  return content.text.ok
    ? { ok: true, text: content.text.text, sha: content.sha }
    : { ok: false, fault: content.text.finding.message }
}

const DOING = 'reading a trust policy of a commit'
/** A file of 1 MB in base64 with its addresses; larger ones GitHub sends without their content. */
const ANSWER_LIMIT_BYTES = 2 * 1024 * 1024

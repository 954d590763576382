import type { Finding } from '../policy/trust-policy.ts'
import { isJsonObject } from '../terms/json.ts'
import type { Answer } from './answer.ts'
import { unreadable } from './known-failures.ts'

/** What the contents API said of a path. */
export type PathContent =
  | { readonly kind: 'file'; readonly sha: string; readonly text: FileText }
  /** A folder, a submodule or a symbolic link to nowhere: there is no policy to read. */
  | { readonly kind: 'no-file'; readonly what: string }

/** A file's text, or why it has none that could be a policy. */
type FileText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly finding: Finding }

/**
 * Reads an answer of 200 to `GET /repos/{owner}/{repo}/contents/{path}`. A link to a file of the repository is followed by
 * GitHub itself and arrives as that file. Anything that is none of GitHub's shapes is refused with `GITHUB_UNAVAILABLE`.
 */
export function readPathContent(answer: Answer, doing: string): PathContent {
  const { body } = answer
  if (Array.isArray(body)) return { kind: 'no-file', what: 'a folder' }
  if (!isJsonObject(body)) throw unreadable(doing, answer)
  const { type, sha } = body
  const what = typeof type === 'string' ? NO_FILES.get(type) : undefined
  if (what !== undefined) return { kind: 'no-file', what }
  if (type !== 'file' || typeof sha !== 'string' || !SHA.test(sha)) throw unreadable(doing, answer)
  return { kind: 'file', sha, text: textOf(body, answer, doing) }
}

function textOf({ encoding, content, size }: Record<string, unknown>, answer: Answer, doing: string): FileText {
  // From 1 MB on GitHub leaves the content out and says so.
  if (encoding === 'none') return tooLarge(typeof size === 'number' ? size : undefined)
  if (encoding !== 'base64' || typeof content !== 'string' || !BASE64.test(content)) throw unreadable(doing, answer)
  const bytes = Buffer.from(content, 'base64')
  if (bytes.length > POLICY_LIMIT_BYTES) return tooLarge(bytes.length)
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return fault('the file is not UTF-8 text')
  }
}

function tooLarge(bytes: number | undefined): FileText {
  return fault(`the file has ${bytes ?? 'too many'} bytes; a policy has at most ${POLICY_LIMIT_BYTES}`)
}

function fault(message: string): FileText {
  return { ok: false, finding: { message, pointer: '' } }
}

const NO_FILES: ReadonlyMap<string, string> = new Map([
  ['dir', 'a folder'],
  ['submodule', 'a submodule'],
  ['symlink', 'a symbolic link that leads to no file of the repository'],
])
const BASE64 = /^[A-Za-z0-9+/=\r\n]*$/
/** SHA-1 or SHA-256 in hexadecimal; only ever compared and recorded. */
const SHA = /^[\x21-\x7e]{1,100}$/
/** A long policy has 4 KB. */
const POLICY_LIMIT_BYTES = 64 * 1024

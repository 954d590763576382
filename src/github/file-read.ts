import type { Clock, Installation } from '../exchange/ports.ts'
import { Denial } from '../terms/denial.ts'
import { POLICY_FOLDER } from '../terms/identity.ts'
import { quote } from '../terms/text.ts'
import { type Answer, describe, isRedirect } from './answer.ts'
import type { Call } from './call.ts'
import { type PathContent, readPathContent } from './file-answer.ts'
import { afterNo, InstallationDoubted, unreadable } from './known-failures.ts'
import type { ReaderToken, ReaderTokens } from './reader-tokens.ts'

/** What is known of the file from an earlier read. */
export interface KnownFile {
  readonly sha: string
  readonly etag: string | undefined
  /** The token that the ETag was got with: with another one GitHub answers another ETag for the same content. */
  readonly reader: ReaderToken
}

export type PolicyRead = { readonly reader: ReaderToken; readonly etag: string | undefined } & (
  | PathContent
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'missing' }
)

/** A file of the policies' folder, on the default branch. */
export interface FileRequest {
  readonly installation: Installation
  readonly owner: string
  readonly repository: string
  /** Its name within the folder. */
  readonly file: string
  /** For refusals: whom it is wanted for. */
  readonly identity: string
  readonly known: KnownFile | undefined
  /** Another repository of the owner's whose file is read at the same time. */
  readonly beside?: string
  /** Completes "GitHub did not answer while …". */
  readonly doing: string
}

export interface FileReadOptions {
  readonly call: Call
  readonly readers: ReaderTokens
  readonly clock: Pick<Clock, 'monotonic'>
}

/**
 * Reads a file from the default branch. A token that GitHub no longer takes is replaced once; so is one that is too old to
 * tell a missing file from a repository that was taken from the App since.
 * Throws InstallationDoubted when GitHub forbids the read: a suspended installation looks like that.
 * Refuses `REPOSITORY_*`, `CONTENTS_NOT_GRANTED`, `POLICY_READ_FORBIDDEN`, `APP_CREDENTIALS_REFUSED`, `GITHUB_*`.
 */
export async function readFile(request: FileRequest, { call, readers, clock }: FileReadOptions): Promise<PolicyRead> {
  const { beside } = request
  const read = async () => {
    const reader = await (beside === undefined ? readers.get(request) : readers.getBeside(request, beside))
    return { reader, answer: await get(request, reader, call) }
  }
  const first = await read()
  const { status } = first.answer
  const isDoubtful = status === 401 || (status === 404 && clock.monotonic() - first.reader.mintedAt > PROOF_MS)
  if (isDoubtful) readers.drop(request, first.reader)
  const { reader, answer } = !isDoubtful ? first : status === 404 ? await afterNo(read) : await read()
  return { reader, etag: answer.headers['etag'], ...understood(answer, request) }
}

function get({ owner, repository, file, known, doing }: FileRequest, reader: ReaderToken, call: Call): Promise<Answer> {
  const etag = known?.reader === reader ? known.etag : undefined
  return call({
    route: `GET /repos/{owner}/{repo}/contents/${POLICY_FOLDER}/{file}`,
    parameters: { owner, repo: repository, file },
    ...(etag === undefined ? {} : { headers: { 'if-none-match': etag } }),
    as: { token: reader.token, installationId: reader.installationId },
    maxBytes: ANSWER_LIMIT_BYTES,
    doing,
    owner,
    retry: 'safe',
  })
}

function understood(
  answer: Answer,
  { owner, repository, known, doing }: FileRequest,
): PathContent | { readonly kind: 'unchanged' | 'missing' } {
  const { status } = answer
  if (status === 200) return readPathContent(answer, doing)
  if (status === 304 && known !== undefined) return { kind: 'unchanged' }
  if (status === 404) return { kind: 'missing' }
  if (isRedirect(answer)) throw renamed(owner, repository)
  if (status === 401) throw readerRefused(answer)
  if (status === 403 || status === 451) throw new InstallationDoubted(forbidden(answer, owner, repository))
  throw unreadable(doing, answer)
}

function renamed(owner: string, repository: string): Denial {
  return new Denial(
    'REPOSITORY_RENAMED',
    `the repository ${quote(`${owner}/${repository}`)} was renamed or moved: ask with its new name, old names are not followed`,
  )
}

function readerRefused(answer: Answer): Denial {
  return new Denial(
    'APP_CREDENTIALS_REFUSED',
    'failed to get token: GitHub does not accept the token it has just issued',
    {
      cause: describe(answer),
    },
  )
}

function forbidden(answer: Answer, owner: string, repository: string): Denial {
  return new Denial(
    'POLICY_READ_FORBIDDEN',
    `GitHub forbids the App to read the trust policies of ${quote(`${owner}/${repository}`)}: look for an IP allow list, a blocked repository or a missing "contents: read"`,
    { cause: describe(answer) },
  )
}

/** For so long a reader token proves by itself that the App was given the repository. */
const PROOF_MS = 60_000
/** A file of 1 MB in base64 with its addresses; larger ones GitHub sends without their content. */
const ANSWER_LIMIT_BYTES = 2 * 1024 * 1024

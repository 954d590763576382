import type { Grant, InstallationToken } from '../exchange/ports.ts'
import { Denial } from '../terms/denial.ts'
import { isJsonObject } from '../terms/json.ts'
import { type Answer, describe } from './answer.ts'
import type { Call } from './call.ts'
import { InstallationDoubted, notInstalled, ownerRenamed, unreadable } from './known-failures.ts'
import { mintBody } from './mint-body.ts'
import { excessOf, isOfAnotherOwner, mintedPart } from './token-excess.ts'

/** A token, or GitHub's 422, which the caller takes apart. */
export type AccessTokenAnswer =
  | { readonly kind: 'issued'; readonly token: InstallationToken }
  | { readonly kind: 'unprocessable'; readonly answer: Answer }

export interface AccessTokenRequest {
  readonly grant: Grant
  readonly doing: string
  readonly retry: 'safe' | 'unreached'
  readonly wanted?: () => boolean
}

export interface AccessTokenOptions {
  readonly call: Call
  readonly revoke: (token: InstallationToken) => void
}

/**
 * One POST for one new token with exactly that grant. A token that reaches further is revoked and refused
 * (`MINT_WIDER_THAN_ASKED`); one that reaches less is handed out, since it gives nothing that the policy does not.
 * Throws InstallationDoubted on 404 and 403, and otherwise Denials: `MINT_REFUSED`, `APP_CREDENTIALS_REFUSED`, `GITHUB_*`.
 */
export function requestAccessToken(
  { grant, doing, retry, wanted }: AccessTokenRequest,
  { call, revoke }: AccessTokenOptions,
): Promise<AccessTokenAnswer> {
  const { installation, owner } = grant
  const answered = call({
    route: 'POST /app/installations/{installation_id}/access_tokens',
    direct: {
      path: `/app/installations/${installation.id}/access_tokens`,
      body: mintBody(grant),
      wanted: mintedPart,
    },
    as: 'app',
    maxBytes: ANSWER_LIMIT_BYTES,
    doing,
    owner,
    retry,
    wanted,
  })
  return answered.then((answer) => {
    if (answer.status === 422) return { kind: 'unprocessable', answer }
    if (answer.status === 404) throw new InstallationDoubted(notInstalled(owner, describe(answer)))
    if (answer.status === 403) throw new InstallationDoubted(mintRefused(answer))
    if (answer.status >= 300) throw mintRefused(answer) // redirects too: they are not followed, and no second try helps
    return issued(answer, { grant, doing, revoke })
  })
}

function mintRefused(answer: Answer): Denial {
  return new Denial('MINT_REFUSED', `failed to get token: GitHub answered ${answer.status}`, {
    cause: describe(answer),
  })
}

function issued(
  answer: Answer,
  {
    grant,
    doing,
    revoke,
  }: { readonly grant: Grant; readonly doing: string; readonly revoke: AccessTokenOptions['revoke'] },
): AccessTokenAnswer {
  const { body, status } = answer
  if (!isJsonObject(body) || !isToken(body['token'])) throw unreadable(doing, answer)
  const expiresAt = timeOf(body['expires_at'])
  const token: InstallationToken = {
    token: body['token'],
    expiresAt: expiresAt ?? new Date(0),
    installationId: grant.installation.id,
    appId: grant.installation.app.id,
  }
  if (status !== 201 || expiresAt === undefined) {
    revoke(token) // it may well be alive, and nobody will have it
    throw unreadable(doing, answer)
  }
  if (isOfAnotherOwner(body, grant.owner)) {
    revoke(token)
    throw ownerRenamed(grant.owner)
  }
  const excess = excessOf(body, grant)
  if (excess === undefined) return { kind: 'issued', token }
  revoke(token)
  throw new Denial(
    'MINT_WIDER_THAN_ASKED',
    'failed to get token: GitHub granted more than was asked for, so that the token was revoked',
    { cause: new Error(excess) },
  )
}

/** No length and no alphabet is assumed (contract §9), but it must fit into a header: visible ASCII (RFC 9110 §5.5). */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
}

function timeOf(value: unknown): Date | undefined {
  if (typeof value !== 'string' || !RFC3339.test(value)) return undefined
  const time = new Date(value)
  return Number.isNaN(time.getTime()) ? undefined : time
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i
/** The answer repeats each of up to 500 repositories in full, at 6 to 8 KiB. */
const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024

import { hash } from 'node:crypto'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import type { Decision } from './decide.ts'
import type { ExchangePorts, Installation, InstallationToken } from './ports.ts'
import type { OpenRecord } from './record.ts'

export interface ObtainNeeds {
  readonly ports: Pick<ExchangePorts, 'mint' | 'revoke'>
  readonly record: OpenRecord
  readonly signal: Cancellation
}

/** The token of a decision. One that comes when its caller has gone is revoked, and the signal's reason thrown. */
export async function obtain(decision: Decision, needs: ObtainNeeds): Promise<InstallationToken> {
  const { ports, record, signal } = needs
  const token = await record.time('mint', () => mint(decision, needs))
  record.installation = minterOf(token, decision)
  decision.minted?.(token.appId)
  record.issued = issuedOf(token)
  if (!signal.aborted) return token
  ports.revoke(token)
  throw signal.reason
}

function mint({ grant, again }: Decision, needs: ObtainNeeds): Promise<InstallationToken> {
  const { ports, record, signal } = needs
  record.grant = grant
  return again === undefined ? ports.mint(grant, signal) : mintSelection({ grant, again }, needs)
}

/**
 * Of the repositories that a policy's patterns selected, the installation may have lost some since they were listed: then
 * the mint fails as a whole, and is tried with what is left.
 */
async function mintSelection(
  { grant, again }: Pick<Required<Decision>, 'grant' | 'again'>,
  { ports, record, signal }: ObtainNeeds,
): Promise<InstallationToken> {
  try {
    return await ports.mint(grant, signal)
  } catch (error) {
    if (!(error instanceof Denial) || error.reason !== 'MINT_REPOSITORY_NOT_SELECTED') throw error
    const left = await again()
    if (left === undefined) throw error
    record.grant = left
    return ports.mint(left, signal)
  }
}

/** The mint may have moved on to another App. */
function minterOf({ installationId, appId }: InstallationToken, { grant: { installation } }: Decision): Installation {
  if (installation.id === installationId) return installation
  return { ...installation, id: installationId, app: { id: appId, slug: '' } }
}

/** Of the token only what it is known by. */
function issuedOf({ token, expiresAt }: InstallationToken): NonNullable<OpenRecord['issued']> {
  const sha256Hex = hash('sha256', token, 'hex')
  return { sha256Hex, sha256Base64: Buffer.from(sha256Hex, 'hex').toString('base64'), expiresAt }
}

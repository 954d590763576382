import { createHash } from 'node:crypto'
import type { ExchangePorts, Grant, InstallationToken } from './ports.ts'
import type { OpenRecord } from './record.ts'

export interface ObtainNeeds {
  readonly ports: Pick<ExchangePorts, 'mint' | 'revoke'>
  readonly record: OpenRecord
  readonly signal: AbortSignal
}

/** The token of a grant. One that comes when its caller has gone is revoked, and the signal's reason thrown. */
export async function obtain(grant: Grant, { ports, record, signal }: ObtainNeeds): Promise<InstallationToken> {
  const token = await record.time('mint', () => ports.mint(grant, signal))
  record.issued = { ...fingerprint(token), expiresAt: token.expiresAt }
  if (!signal.aborted) return token
  ports.revoke(token)
  throw signal.reason
}

function fingerprint({ token }: InstallationToken): { sha256Hex: string; sha256Base64: string } {
  const digest = createHash('sha256').update(token).digest()
  return { sha256Hex: digest.toString('hex'), sha256Base64: digest.toString('base64') }
}

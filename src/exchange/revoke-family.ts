import type { ExchangePorts } from './ports.ts'

/** Ends the family of a refresh token (RFC 7009 §2.1). Resolves to false for what is no refresh token of this service. */
export function createRevokeFamily({
  families,
  seal,
}: Pick<ExchangePorts, 'families' | 'seal'>): (token: string) => Promise<boolean> {
  return async (token) => {
    const contents = await seal.open(token)
    if (contents === undefined) return false
    await families.revoke(contents.family, contents.endsAtMs - contents.startedAtMs)
    return true
  }
}

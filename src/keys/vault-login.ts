import { open } from 'node:fs/promises'
import { isJsonObject } from '../terms/json.ts'
import type { VaultLogin } from '../terms/vault-settings.ts'
import { describeError, KeyFault } from './key-fault.ts'
import type { VaultSend } from './vault-client.ts'

/** The token that Vault knows this service by. */
export interface VaultTokens {
  token(signal: AbortSignal): Promise<string>
  /** Vault refused it: true when `token` will get another one. */
  forget(): boolean
}

export function createVaultLogin(
  login: VaultLogin,
  { send, monotonic }: { readonly send: VaultSend; readonly monotonic: () => number },
): VaultTokens {
  if (login.kind === 'token') return { token: async () => headerSafe(login.token, 'VAULT_TOKEN'), forget: () => false }
  if (login.kind === 'token-file') {
    return { token: () => readToken(login.path, 'VAULT_TOKEN_FILE'), forget: () => false }
  }
  let current: { readonly token: string; readonly untilMs: number } | undefined
  return {
    async token(signal) {
      if (current !== undefined && monotonic() < current.untilMs) return current.token
      const jwt = await readToken(login.tokenFile, "the service account's token")
      const path = `auth/${login.mount}/login`
      const answer = await send({ method: 'POST', path, body: { role: login.role, jwt } }, undefined, signal)
      const { token, seconds } = tokenOf(answer)
      current = { token, untilMs: monotonic() + seconds * 1000 * USED_SHARE }
      return token
    },
    forget() {
      const known = current !== undefined
      current = undefined
      return known
    },
  }
}

function tokenOf({ auth }: Readonly<Record<string, unknown>>): { readonly token: string; readonly seconds: number } {
  if (!isJsonObject(auth)) throw new KeyFault('unavailable', 'Vault: a login without a token')
  const { client_token: token, lease_duration: seconds } = auth
  if (typeof token !== 'string' || typeof seconds !== 'number')
    throw new KeyFault('unavailable', 'Vault: a login without a token')
  return { token: headerSafe(token, "Vault's login"), seconds }
}

async function readToken(path: string, what: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(TOKEN_LIMIT_BYTES), 0, TOKEN_LIMIT_BYTES, 0)
      return headerSafe(buffer.toString('utf8', 0, bytesRead).trim(), what)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof KeyFault) throw error
    throw new KeyFault('refused', `${what} cannot be read: ${describeError(error)}`)
  }
}

/** It becomes a header: anything else would be an error there, of which nobody knows what it quotes. */
function headerSafe(token: string, what: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new KeyFault('refused', `${what} holds no token: it is empty, or has blanks or line breaks within`)
}

/** Vault's own limit for headers is 32 KiB; a service account's token has about 1 KiB. */
const TOKEN_LIMIT_BYTES = 16 * 1024
/** Of its life, so that it does not end under way. */
const USED_SHARE = 2 / 3

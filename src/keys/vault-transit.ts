import { isJsonObject } from '../terms/json.ts'
import type { ClientOptions, KeyManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { encodedPath, openVault } from './vault-client.ts'

/**
 * The Transit secrets engine of HashiCorp Vault and OpenBao: a key by its path, `MOUNT/keys/KEY`, or `KEY` where the engine is
 * mounted at `transit`. The newest version of the key signs.
 */
export async function openVaultTransit(options: ClientOptions): Promise<KeyManager> {
  const vault = await openVault(options)
  return {
    async key(name) {
      const [, mount = DEFAULT_MOUNT, key] = NAME.exec(name) ?? []
      const path = `${mount}/sign/${key}/sha2-256`
      if (key === undefined || !isPath(path))
        throw new Error(`${options.neededBy} has the key ${JSON.stringify(name)}, which is not MOUNT/keys/KEY`)
      return async ({ digest }, signal) => {
        const body = {
          input: Buffer.from(digest).toString('base64'),
          prehashed: true,
          signature_algorithm: 'pkcs1v15',
        }
        const { data } = await vault.call({ method: 'POST', path, body }, signal)
        return signatureOf(isJsonObject(data) ? data['signature'] : undefined)
      }
    },
    close: () => vault.close(),
  }
}

function isPath(path: string): boolean {
  try {
    return encodedPath(path) !== ''
  } catch {
    return false
  }
}

/** `vault:v1:BASE64`, with the number of the key's version. */
function signatureOf(text: unknown): Uint8Array {
  const [, signature] = typeof text === 'string' ? (/^vault:v\d+:([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []) : []
  if (signature === undefined) throw new KeyFault('unavailable', 'Vault: an answer without a signature')
  return Buffer.from(signature, 'base64')
}

const DEFAULT_MOUNT = 'transit'
const NAME = /^(?:([\w.~@:+=/-]{1,512})\/keys\/)?([\w.~-]{1,256})$/

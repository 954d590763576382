import { isJsonObject } from '../terms/json.ts'
import type { ClientOptions, SecretManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { openVault, type VaultClient, VaultRefusal } from './vault-client.ts'

/**
 * The KV secrets engine of HashiCorp Vault and OpenBao: `MOUNT/PATH#FIELD`, in version 2, and where there is nothing of
 * it in version 1. MOUNT is what stands before the first slash.
 */
export async function openVaultSecrets(options: ClientOptions): Promise<SecretManager> {
  const vault = await openVault(options)
  return {
    async read(name, signal) {
      const [, mount = '', path = '', field = ''] = /^([^/#]+)\/([^#]+)#([^#]+)$/.exec(name) ?? []
      if (field === '') throw new Error('its name must be MOUNT/PATH#FIELD')
      const fields = await readFields(vault, { mount, path }, signal)
      const value = Object.hasOwn(fields, field) ? fields[field] : undefined
      if (typeof value !== 'string')
        throw new KeyFault('refused', `the secret has no field ${JSON.stringify(field)} that is a text`)
      return value
    },
    close: () => vault.close(),
  }
}

async function readFields(
  vault: VaultClient,
  { mount, path }: { readonly mount: string; readonly path: string },
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const { data } = await vault.call({ method: 'GET', path: `${mount}/data/${path}` }, signal)
    return isJsonObject(data) ? objectOf(data['data']) : objectOf(data)
  } catch (error) {
    // An engine of version 1 has no such path, and a policy for version 1 none with `data` in it.
    if (!(error instanceof VaultRefusal) || (error.status !== 404 && error.status !== 403)) throw error
    try {
      const { data } = await vault.call({ method: 'GET', path: `${mount}/${path}` }, signal)
      return objectOf(data)
    } catch (again) {
      throw again instanceof VaultRefusal && again.kind === 'refused' ? error : again
    }
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (isJsonObject(value)) return value
  throw new KeyFault('unavailable', 'Vault: an answer without a secret')
}

import { AZURE_PIPELINE, azureCredential, azureFault } from './azure-fault.ts'
import type { ClientOptions, KeyManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { loadPackage } from './optional-package.ts'

/** Azure Key Vault and Managed HSM: a key by its identifier, `https://VAULT/keys/NAME[/VERSION]`. */
export async function openAzureKeys({ neededBy, clients }: ClientOptions): Promise<KeyManager> {
  const { CryptographyClient } = await loadPackage(() => import('@azure/keyvault-keys'), {
    name: '@azure/keyvault-keys',
    neededBy,
  })
  const { credential = await azureCredential(neededBy), ...options } = clients.akv ?? {}
  return {
    async key(name) {
      if (!KEY_IDENTIFIER.test(name)) {
        throw new Error(
          `${neededBy} has the key ${JSON.stringify(name)}, which is not https://VAULT.vault.azure.net/keys/NAME or …/keys/NAME/VERSION`,
        )
      }
      const client = new CryptographyClient(name, credential, { ...AZURE_PIPELINE, ...options })
      return async ({ digest }, signal) => {
        try {
          const { result }: { readonly result: unknown } = await client.sign('RS256', digest, { abortSignal: signal })
          // For a page of somebody else with a status of 200, against its own declaration.
          if (!(result instanceof Uint8Array))
            throw new KeyFault('unavailable', 'Azure Key Vault: an answer without a signature')
          return result
        } catch (error) {
          throw azureFault(error, 'Azure Key Vault')
        }
      }
    },
    async close() {},
  }
}

const KEY_IDENTIFIER =
  /^https:\/\/[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/keys\/[A-Za-z0-9-]{1,127}(?:\/[A-Za-z0-9]{1,64})?$/

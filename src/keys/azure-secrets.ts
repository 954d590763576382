import { AZURE_PIPELINE, azureCredential, azureFault } from './azure-fault.ts'
import type { ClientOptions, SecretManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { loadPackage } from './optional-package.ts'

/**
 * Secrets of Azure Key Vault: `VAULT/SECRET[/VERSION]`. VAULT is a name of the public cloud, or a host in full for the
 * others. The whole identifier, `https://HOST/secrets/SECRET[/VERSION]`, is understood too.
 */
export async function openAzureSecrets({ neededBy, clients }: ClientOptions): Promise<SecretManager> {
  const { SecretClient } = await loadPackage(() => import('@azure/keyvault-secrets'), {
    name: '@azure/keyvault-secrets',
    neededBy,
  })
  const { credential = await azureCredential(neededBy), ...options } = clients.akv ?? {}
  return {
    async read(name, signal) {
      const { vault, secret, version } = parseName(name)
      const client = new SecretClient(vault, credential, { ...AZURE_PIPELINE, ...options })
      try {
        const { value } = await client.getSecret(secret, {
          abortSignal: signal,
          ...(version === undefined ? {} : { version }),
        })
        if (value === undefined) throw new KeyFault('unavailable', 'Azure Key Vault: an answer without a value')
        return value
      } catch (error) {
        throw azureFault(error, 'Azure Key Vault')
      }
    },
    async close() {},
  }
}

function parseName(name: string) {
  const [, host = '', secret = '', version] = NAME.exec(name) ?? IDENTIFIER.exec(name) ?? []
  if (secret === '') throw new Error('its name must be VAULT/SECRET or VAULT/SECRET/VERSION')
  return { vault: `https://${/[.:]/.test(host) ? host : `${host}.vault.azure.net`}`, secret, version }
}

const NAME = /^([A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?)\/([A-Za-z0-9-]{1,127})(?:\/([A-Za-z0-9]{1,64}))?$/
const IDENTIFIER =
  /^https:\/\/([A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?)\/secrets\/([A-Za-z0-9-]{1,127})(?:\/([A-Za-z0-9]{1,64}))?$/

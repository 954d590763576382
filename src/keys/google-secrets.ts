import { crc32c } from './crc32c.ts'
import { checksumOf, createReadyClient, GOOGLE_CALL_MS, googleFault } from './google-fault.ts'
import type { ClientOptions, SecretManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { loadPackage } from './optional-package.ts'

/** Google Secret Manager: `projects/P/secrets/S/versions/V`; V is a number, an alias or `latest`. */
export async function openGoogleSecrets({ neededBy, clients }: ClientOptions): Promise<SecretManager> {
  const { SecretManagerServiceClient } = await loadPackage(() => import('@google-cloud/secret-manager'), {
    name: '@google-cloud/secret-manager',
    neededBy,
  })
  const ready = createReadyClient(() => new SecretManagerServiceClient({ ...clients.gcp }))
  return {
    async read(name) {
      if (!SECRET_VERSION_NAME.test(name)) throw new Error('its name must be projects/P/secrets/S/versions/V')
      try {
        const client = await ready.get()
        const [{ payload }] = await client.accessSecretVersion({ name }, { timeout: GOOGLE_CALL_MS, retry: null })
        const data = payload?.data
        if (!(data instanceof Uint8Array)) throw new KeyFault('unavailable', `${SERVICE}: an answer without a value`)
        if (checksumOf(payload?.dataCrc32c) !== crc32c(data))
          throw new KeyFault('unavailable', `${SERVICE}: the value did not arrive as it was sent`)
        return Buffer.from(data).toString()
      } catch (error) {
        throw googleFault(error, SERVICE)
      }
    },
    close: () => ready.close(),
  }
}

const SERVICE = 'Google Secret Manager'
const SECRET_VERSION_NAME = /^projects\/[\w.:-]+\/secrets\/[\w-]+\/versions\/[\w-]+$/

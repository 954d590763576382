import { crc32c } from './crc32c.ts'
import { checksumOf, createReadyClient, GOOGLE_CALL_MS, googleFault } from './google-fault.ts'
import type { ClientOptions, KeyManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { loadPackage } from './optional-package.ts'

/**
 * Google Cloud KMS: a key by the full name of a version of it. Credentials are Google's own (Application Default
 * Credentials). What goes out and what comes back has a checksum, as Google's guide to data integrity asks.
 */
export async function openGoogleKms({ neededBy, clients }: ClientOptions): Promise<KeyManager> {
  const { KeyManagementServiceClient } = await loadPackage(() => import('@google-cloud/kms'), {
    name: '@google-cloud/kms',
    neededBy,
  })
  const ready = createReadyClient(() => new KeyManagementServiceClient({ ...clients.gcp }))
  return {
    async key(name) {
      if (!KEY_VERSION_NAME.test(name)) {
        throw new Error(
          `${neededBy} has the key ${JSON.stringify(name)}, which is not projects/…/locations/…/keyRings/…/cryptoKeys/…/cryptoKeyVersions/N`,
        )
      }
      return async ({ digest }) => {
        try {
          const client = await ready.get()
          const request = { name, digest: { sha256: digest }, digestCrc32c: { value: crc32c(digest) } }
          const [answer] = await client.asymmetricSign(request, { timeout: GOOGLE_CALL_MS, retry: null })
          const { signature } = answer
          if (!(signature instanceof Uint8Array)) throw damaged('an answer without a signature')
          if (answer.name !== name) throw damaged('another key answered')
          if (answer.verifiedDigestCrc32c !== true) throw damaged('the digest did not arrive as it was sent')
          if (checksumOf(answer.signatureCrc32c?.value) !== crc32c(signature))
            throw damaged('the signature did not arrive as it was sent')
          return signature
        } catch (error) {
          throw googleFault(error, SERVICE)
        }
      }
    },
    close: () => ready.close(),
  }
}

function damaged(what: string): KeyFault {
  return new KeyFault('unavailable', `${SERVICE}: ${what}`)
}

const SERVICE = 'Google Cloud KMS'
const KEY_VERSION_NAME =
  /^projects\/[\w.:-]+\/locations\/[\w-]+\/keyRings\/[\w-]+\/cryptoKeys\/[\w-]+\/cryptoKeyVersions\/\d+$/

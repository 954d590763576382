import { awsFault, regionOfArn, requireRegion } from './aws-fault.ts'
import type { ClientOptions, KeyManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { loadPackage } from './optional-package.ts'

/**
 * AWS KMS: a key by its id, its ARN, `alias/…` or the alias's ARN, in the region of the ARN or of the environment
 * (`AWS_REGION`). Credentials are AWS's own chain.
 */
export async function openAwsKms({ neededBy, clients }: ClientOptions): Promise<KeyManager> {
  const { KMSClient, SignCommand } = await loadPackage(() => import('@aws-sdk/client-kms'), {
    name: '@aws-sdk/client-kms',
    neededBy,
  })
  const open = new Map<string, InstanceType<typeof KMSClient>>()
  const clientFor = (region: string | undefined) => {
    const client =
      open.get(region ?? '') ??
      new KMSClient({ ...clients.aws, ...(region === undefined ? {} : { region }), maxAttempts: 1 })
    open.set(region ?? '', client)
    return client
  }
  return {
    async key(name) {
      if (!KEY_NAME.test(name))
        throw new Error(`${neededBy} has the key ${JSON.stringify(name)}, which is no key id, no ARN and no alias/…`)
      const client = clientFor(regionOfArn(name))
      await requireRegion(client.config.region, neededBy)
      return async ({ bytes, digest }, signal) => {
        try {
          const { Signature } = await client.send(
            new SignCommand({
              KeyId: name,
              ...(bytes.length <= RAW_LIMIT_BYTES
                ? { Message: bytes, MessageType: 'RAW' }
                : { Message: digest, MessageType: 'DIGEST' }),
              SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256',
            }),
            { abortSignal: signal },
          )
          if (!(Signature instanceof Uint8Array))
            throw new KeyFault('unavailable', 'AWS KMS: an answer without a signature')
          return Signature
        } catch (error) {
          throw awsFault(error, 'AWS KMS')
        }
      }
    },
    async close() {
      for (const client of open.values()) client.destroy()
    },
  }
}

/** Of a message that AWS KMS hashes itself. */
const RAW_LIMIT_BYTES = 4_096
/** `KeyId` of AWS KMS's Sign: 1 to 2048 characters. */
const KEY_NAME =
  /^(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key|alias)\/|alias\/|(?=[0-9a-f-]{36}$|mrk-))[\w/-]{1,1900}$/

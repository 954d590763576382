import { isJsonObject } from '../terms/json.ts'
import { awsFault, regionOfArn, requireRegion } from './aws-fault.ts'
import type { ClientOptions, SecretManager } from './key-client.ts'
import { KeyFault } from './key-fault.ts'
import { loadPackage } from './optional-package.ts'

/** AWS Secrets Manager: `ID-or-ARN`, or `ID-or-ARN#MEMBER` for one member of a secret that is a JSON object. */
export async function openAwsSecrets({ neededBy, clients }: ClientOptions): Promise<SecretManager> {
  const { GetSecretValueCommand, SecretsManagerClient } = await loadPackage(
    () => import('@aws-sdk/client-secrets-manager'),
    { name: '@aws-sdk/client-secrets-manager', neededBy },
  )
  const open = new Set<InstanceType<typeof SecretsManagerClient>>()
  return {
    async read(name, signal) {
      const [id = '', member, ...rest] = name.split('#')
      if (id === '' || member === '' || rest.length > 0)
        throw new Error('its name must be ID, ARN, or one of them with #MEMBER')
      const region = regionOfArn(id)
      const client = new SecretsManagerClient({
        ...clients.aws,
        ...(region === undefined ? {} : { region }),
        maxAttempts: 1,
      })
      open.add(client)
      await requireRegion(client.config.region, neededBy)
      try {
        const { SecretString, SecretBinary } = await client.send(new GetSecretValueCommand({ SecretId: id }), {
          abortSignal: signal,
        })
        const text = SecretString ?? (SecretBinary === undefined ? undefined : Buffer.from(SecretBinary).toString())
        if (text === undefined) throw new KeyFault('unavailable', 'AWS Secrets Manager: an answer without a value')
        return member === undefined ? text : memberOf(text, member)
      } catch (error) {
        throw awsFault(error, 'AWS Secrets Manager')
      }
    },
    async close() {
      for (const client of open) client.destroy()
    },
  }
}

/** JSON.parse's own message would quote the secret. */
function memberOf(text: string, member: string): string {
  const value = parsed(text)
  if (!isJsonObject(value)) throw new KeyFault('refused', 'the secret is no JSON object, so it has no members')
  const found = Object.hasOwn(value, member) ? value[member] : undefined
  if (typeof found !== 'string')
    throw new KeyFault('refused', `the secret has no member ${JSON.stringify(member)} that is a text`)
  return found
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

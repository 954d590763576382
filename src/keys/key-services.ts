import type { AppKey, KmsProvider, Secret, SecretReference, Signer } from '../terms/app-key.ts'
import type { VaultSettings } from '../terms/vault-settings.ts'
import { openAwsKms } from './aws-kms.ts'
import { openAwsSecrets } from './aws-secrets.ts'
import { openAzureKeys } from './azure-keys.ts'
import { openAzureSecrets } from './azure-secrets.ts'
import { openGoogleKms } from './google-kms.ts'
import { openGoogleSecrets } from './google-secrets.ts'
import type { ClientOptions, KeyManager, SecretManager, VendorClients } from './key-client.ts'
import { type Patience, patiently } from './patience.ts'
import { createKeySigner, parsePrivateKey } from './private-key.ts'
import { createRemoteSigner } from './remote-signer.ts'
import { openVaultSecrets } from './vault-secrets.ts'
import { openVaultTransit } from './vault-transit.ts'

/** Where keys are and secrets lie. A client is opened for what is asked for first, and shared by all that follows. */
export interface KeyServices {
  /**
   * The signer with a key. Names and packages are checked here, a secret manager is asked here; a key management service
   * is asked by the first signature. Throws an Error for the operator, who must change something.
   */
  createSigner(key: AppKey): Promise<Signer>
  /** The text of a secret, fetched where it is a reference. Throws an Error that names the reference and never the value. */
  resolveSecret(secret: Secret): Promise<string>
  /** Closes the clients. Never rejects. */
  close(): Promise<void>
}

export interface KeyServicesOptions {
  readonly monotonic: () => number
  /** What `VAULT_*` says; undefined: Vault is not used. */
  readonly vault: VaultSettings | undefined
  /** What else the vendors' clients are told, such as another address: for tests and emulators. */
  readonly clients?: VendorClients
  /** Shorter than in production: for tests. */
  readonly patience?: { readonly sign?: Patience; readonly read?: Patience }
}

export function createKeyServices({ monotonic, vault, clients = {}, patience = {} }: KeyServicesOptions): KeyServices {
  const options = (neededBy: string): ClientOptions => ({ monotonic, vault, clients, neededBy })
  const managers = openOnce(KEY_MANAGERS, (provider) => options(`KMS_PROVIDER=${provider}`))
  const secrets = openOnce(SECRET_MANAGERS, (manager) => options(`${manager}-secret://`))

  async function read(reference: SecretReference): Promise<string> {
    const manager = await secrets.get(reference.manager)
    const where = `${reference.manager}-secret://${reference.name}`
    try {
      const text = await patiently((signal) => manager.read(reference.name, signal), patience.read ?? READING_PATIENCE)
      if (text.trim() === '') throw new Error('it is empty')
      if (text.length > SECRET_LIMIT) throw new Error(`it is longer than ${SECRET_LIMIT} characters`)
      return text
    } catch (error) {
      throw new Error(`the secret ${where} cannot be used: ${error instanceof Error ? error.message : 'unknown'}`)
    }
  }

  return {
    async createSigner(key) {
      if (key.kind === 'pem') return createKeySigner(parsePrivateKey(key.pem))
      if (key.kind === 'reference') return createKeySigner(privateKeyOf(await read(key.reference), key.reference))
      const manager = await managers.get(key.provider)
      return createRemoteSigner(await manager.key(key.key), patience.sign)
    },
    async resolveSecret(secret) {
      return secret.kind === 'text' ? secret.text : read(secret.reference)
    },
    async close() {
      await Promise.allSettled([managers.close(), secrets.close()])
    },
  }
}

function privateKeyOf(pem: string, { manager, name }: SecretReference) {
  try {
    return parsePrivateKey(pem)
  } catch (error) {
    const what = error instanceof Error ? error.message : 'unreadable'
    throw new Error(`the secret ${manager}-secret://${name} holds no usable private key: ${what}`)
  }
}

type Opener<T> = (options: ClientOptions) => Promise<T>

/** Opens each when it is asked for first. */
function openOnce<T extends { close(): Promise<void> }>(
  openers: Readonly<Record<KmsProvider, Opener<T>>>,
  options: (provider: KmsProvider) => ClientOptions,
) {
  const opened = new Map<KmsProvider, Promise<T>>()
  return {
    get(provider: KmsProvider): Promise<T> {
      const known = opened.get(provider) ?? openers[provider](options(provider))
      opened.set(provider, known)
      return known
    },
    async close() {
      await Promise.allSettled([...opened.values()].map(async (each) => (await each).close()))
    },
  }
}

const KEY_MANAGERS = {
  gcp: openGoogleKms,
  aws: openAwsKms,
  akv: openAzureKeys,
  vault: openVaultTransit,
} as const satisfies Record<KmsProvider, Opener<KeyManager>>

const SECRET_MANAGERS = {
  gcp: openGoogleSecrets,
  aws: openAwsSecrets,
  akv: openAzureSecrets,
  vault: openVaultSecrets,
} as const satisfies Record<KmsProvider, Opener<SecretManager>>

/** At the start, where nobody waits but the operator. */
const READING_PATIENCE: Patience = { totalMs: 10_000, firstTryMs: 6_000 }
/** Each of the four holds 64 KiB at most, or less. */
const SECRET_LIMIT = 64 * 1024

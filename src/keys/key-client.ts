import type { VaultSettings } from '../terms/vault-settings.ts'
import type { AwsClientOptions } from './aws-fault.ts'
import type { AzureClientOptions } from './azure-fault.ts'
import type { GoogleClientOptions } from './google-fault.ts'
import type { RemoteSign } from './remote-signer.ts'

/** A key management service: one client for all of its keys. */
export interface KeyManager {
  /** Throws an Error that says what is wrong with the name of a key; asks no service. */
  key(name: string): Promise<RemoteSign>
  close(): Promise<void>
}

/** A secret manager: one client for all of its secrets. */
export interface SecretManager {
  /** One try. Throws a KeyFault, and an Error where the name is none. */
  read(name: string, signal: AbortSignal): Promise<string>
  close(): Promise<void>
}

export interface ClientOptions {
  /** What `VAULT_*` says, where `vault` is used. */
  readonly vault: VaultSettings | undefined
  readonly monotonic: () => number
  /** Who needs the client, for an Error of the start: `KMS_PROVIDER=aws`. */
  readonly neededBy: string
  /** What else the vendors' clients are told: for tests and emulators. In production they read their own environment. */
  readonly clients: VendorClients
}

export interface VendorClients {
  readonly aws?: AwsClientOptions
  readonly gcp?: GoogleClientOptions
  readonly akv?: AzureClientOptions
}

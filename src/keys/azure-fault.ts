import { isNativeError } from 'node:util/types'
import type { CryptographyClientOptions } from '@azure/keyvault-keys'
import { describeError, KeyFault } from './key-fault.ts'
import { loadPackage } from './optional-package.ts'

/** What both clients of Azure take: for tests and emulators. */
export interface AzureClientOptions
  extends Pick<CryptographyClientOptions, 'tlsOptions' | 'disableChallengeResourceVerification'> {
  readonly credential?: Credential
}

/** As Azure's own TokenCredential. */
export interface Credential {
  getToken(scopes: string | string[]): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>
}

/**
 * DefaultAzureCredential: a managed identity, a workload identity, `AZURE_*`, whichever there is. Its package is loaded by
 * a name that TypeScript does not see: its declarations need those of a browser (`JsonWebKey`), which a server has not.
 */
export async function azureCredential(neededBy: string): Promise<Credential> {
  const name: string = '@azure/identity'
  const identity: unknown = await loadPackage(() => import(name), { name, neededBy })
  if (!hasDefaultCredential(identity)) throw new Error(`${neededBy}: ${name} is of a version that is not supported`)
  return new identity.DefaultAzureCredential()
}

function hasDefaultCredential(loaded: unknown): loaded is { readonly DefaultAzureCredential: new () => Credential } {
  return typeof loaded === 'object' && loaded !== null && 'DefaultAzureCredential' in loaded
}

/** What Azure's clients threw: RestError of a request, AuthenticationError of a credential, Error of a key out of use. */
export function azureFault(error: unknown, service: string): KeyFault {
  if (error instanceof KeyFault) return error
  return new KeyFault(passes(error) ? 'unavailable' : 'refused', `${service}: ${describeError(error)}`)
}

function passes(error: unknown): boolean {
  if (!isNativeError(error)) return true
  if ('statusCode' in error && typeof error.statusCode === 'number') {
    const { statusCode } = error
    return statusCode < 400 || statusCode >= 500 || statusCode === 408 || statusCode === 429
  }
  // TypeError: the client met an answer that is none, a page of somebody else.
  return error.name === 'RestError' || error.name === 'AbortError' || error.name === 'TypeError'
}

/** No tries of its own: how often and how long is decided in one place for all. */
export const AZURE_PIPELINE = { retryOptions: { maxRetries: 0 } } as const

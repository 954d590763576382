import { isNativeError } from 'node:util/types'
import type { KMSClientConfig } from '@aws-sdk/client-kms'
import { describeError, KeyFault } from './key-fault.ts'

/** What both clients of AWS take: for tests and emulators. */
export type AwsClientOptions = Pick<KMSClientConfig, 'endpoint' | 'credentials' | 'region'>

/** What AWS's clients threw, told apart by class and status. */
export function awsFault(error: unknown, service: string): KeyFault {
  if (error instanceof KeyFault) return error
  return new KeyFault(passes(error) ? 'unavailable' : 'refused', `${service}: ${describeError(error)}`)
}

function passes(error: unknown): boolean {
  if (!isNativeError(error)) return true
  if (THROTTLED.has(error.name)) return true
  const status = statusOf(error)
  // Without a status nobody answered. Credentials that are not there will not be there in a second either.
  if (status === undefined) return error.name !== 'CredentialsProviderError'
  return status < 400 || status >= 500 || status === 429
}

function statusOf(error: Error): number | undefined {
  if (!('$metadata' in error) || typeof error.$metadata !== 'object' || error.$metadata === null) return undefined
  const { $metadata } = error
  return 'httpStatusCode' in $metadata && typeof $metadata.httpStatusCode === 'number'
    ? $metadata.httpStatusCode
    : undefined
}

/** `arn:aws:kms:eu-central-1:…`: the region that an ARN names; undefined for a plain name. */
export function regionOfArn(name: string): string | undefined {
  return /^arn:aws[a-z-]*:[a-z]+:([a-z0-9-]+):/.exec(name)?.[1]
}

/** Throws an Error when neither the name of a key nor the environment says where it is. */
export async function requireRegion(region: () => Promise<string>, neededBy: string): Promise<void> {
  try {
    await region()
  } catch {
    throw new Error(`${neededBy} needs to know the region: set AWS_REGION, or write the name as an ARN`)
  }
}

/** AWS says "too many" with a 400, by name. */
const THROTTLED: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
])

import { isNativeError } from 'node:util/types'
import type { KeyManagementServiceClient } from '@google-cloud/kms'
import { describeError, KeyFault } from './key-fault.ts'

/** What both clients of Google Cloud take: for tests and emulators. */
export type GoogleClientOptions = Pick<
  NonNullable<ConstructorParameters<typeof KeyManagementServiceClient>[0]>,
  'apiEndpoint' | 'port' | 'sslCreds' | 'auth'
>

/** What Google's clients threw: a status of gRPC, a status of HTTP from where credentials come, or neither. */
export function googleFault(error: unknown, service: string): KeyFault {
  if (error instanceof KeyFault) return error
  return new KeyFault(passes(error) ? 'unavailable' : 'refused', `${service}: ${describeError(error)}`)
}

function passes(error: unknown): boolean {
  if (!isNativeError(error)) return true
  if ('status' in error && typeof error.status === 'number') return error.status >= 500 || error.status === 429
  if (!('code' in error)) return false // "Could not load the default credentials", and the like
  return typeof error.code === 'number' ? PASSING.has(error.code) : true // ECONNREFUSED, and the like
}

/**
 * One of Google's clients, ready to be used, and made anew where it did not become ready: it would remember that it found
 * no credentials, or no metadata server, for as long as it lives. A method of a client that is not ready also leaves a
 * rejected promise behind that nobody waits for, which would end this process.
 */
export function createReadyClient<Client extends GoogleClient>(make: () => Client) {
  let client: Client | undefined
  return {
    async get(): Promise<Client> {
      const mine = client ?? make()
      client = mine
      try {
        await mine.initialize()
        return mine
      } catch (error) {
        if (client === mine) client = undefined // it has no connection to be closed
        throw error
      }
    },
    async close() {
      await client?.close()
    },
  }
}

interface GoogleClient {
  initialize(): Promise<unknown>
  close(): Promise<void>
}

/** The checksum of an answer: a number, or a text or a Long object where 53 bits might not do. NaN when there is none. */
export function checksumOf(value: { toString(): string } | null | undefined): number {
  return value === null || value === undefined ? Number.NaN : Number(value.toString())
}

/** CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const PASSING: ReadonlySet<number> = new Set([1, 2, 4, 8, 10, 13, 14, 15])
/** Milliseconds after which a call is given up by the client itself, whoever waits for it: above all patience of ours. */
export const GOOGLE_CALL_MS = 10_000

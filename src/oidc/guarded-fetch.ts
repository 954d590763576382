import { isIP } from 'node:net'
import { Client } from 'undici'
import { untilAborted } from '../runtime/single-flight.ts'
import { Denial } from '../terms/denial.ts'
import { type AddressPermission, addressFault } from './address-verdict.ts'
import { asFetchError, FetchError } from './fetch-error.ts'
import type { Limits } from './limits.ts'
import { type Address, createLookup, type Lookup } from './name-lookup.ts'

export interface FetchTarget {
  readonly url: URL
  readonly permission: AddressPermission
  /** PEM; the public authorities when absent. */
  readonly ca?: string | undefined
}

/** The body of a 200 answer. Refuses with a FetchError, or the signal's reason. */
export type GuardedFetch = (target: FetchTarget, signal: AbortSignal) => Promise<Uint8Array>

/**
 * GET of a URL that a stranger chose. The addresses are looked up first, each is judged, and exactly those are dialled,
 * so that no second look-up can answer differently (DNS rebinding). One refused address refuses the name. No redirects,
 * no proxies, no compression, no connection that outlives the answer; all of it within one time-out and one size.
 */
export function createGuardedFetch(
  { answerTimeoutMs, documentBytes, headerBytes }: Pick<Limits, 'answerTimeoutMs' | 'documentBytes' | 'headerBytes'>,
  lookup: Lookup = createLookup(),
): GuardedFetch {
  return async (target, signal) => {
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(new FetchError('unavailable', TIMED_OUT)), answerTimeoutMs)
    const either = AbortSignal.any([signal, timeout.signal])
    let client: Client | undefined
    try {
      either.throwIfAborted()
      const addresses = await permittedAddresses(target, (...name) => untilAborted(lookup(...name), either))
      client = clientFor(target, { addresses, answerTimeoutMs, headerBytes })
      return await get(client, { url: target.url, documentBytes, signal: either })
    } catch (error) {
      throw error instanceof Denial ? error : asFetchError(error) // a Denial: the signal's
    } finally {
      clearTimeout(timer)
      client?.destroy().catch(() => {})
    }
  }
}

async function permittedAddresses({ url, permission }: FetchTarget, lookup: Lookup): Promise<readonly Address[]> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(hostname) // Node looks up no literal: it must be judged here
  const addresses = family === 0 ? await lookup(hostname, permission) : [{ address: hostname, family }]
  if (addresses.length === 0) throw new FetchError('invalid', 'its host name has no address')
  for (const { address } of addresses) {
    const fault = addressFault(address, permission)
    if (fault !== undefined) {
      throw new FetchError('forbidden', 'its host is not on the public internet', `${address}: ${fault}`)
    }
  }
  return addresses
}

function clientFor(
  { url, ca }: FetchTarget,
  of: { addresses: readonly Address[]; answerTimeoutMs: number; headerBytes: number },
): Client {
  return new Client(url.origin, {
    maxHeaderSize: of.headerBytes,
    headersTimeout: of.answerTimeoutMs,
    bodyTimeout: of.answerTimeoutMs,
    allowH2: false,
    pipelining: 0,
    connect: {
      timeout: of.answerTimeoutMs,
      autoSelectFamily: true,
      lookup: (_hostname, options, callback) => {
        const [first] = of.addresses
        if (options.all === true)
          callback(
            null,
            of.addresses.map((each) => ({ ...each })),
          )
        else callback(null, first?.address ?? '', first?.family ?? 0)
      },
      ...(ca === undefined ? {} : { ca }),
    },
  })
}

async function get(
  client: Client,
  { url, documentBytes, signal }: { url: URL; documentBytes: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const { statusCode, headers, body } = await client.request({
    method: 'GET',
    path: url.pathname + url.search,
    headers: { accept: 'application/json, */*;q=0.1', 'accept-encoding': 'identity', 'user-agent': 'octo-sts' },
    signal,
  })
  body.on('error', () => {}) // an answer that is not read to its end is destroyed with its client
  refuseStatus(statusCode)
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new FetchError('invalid', 'it answered with a content encoding that was not asked for')
  }
  if (Number(headers['content-length']) > documentBytes) throw tooLong(documentBytes)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > documentBytes) throw tooLong(documentBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLong(documentBytes: number): FetchError {
  return new FetchError('invalid', `its answer is longer than ${documentBytes} bytes`)
}

function refuseStatus(status: number): void {
  if (status === 200) return
  if (status >= 300 && status < 400) throw new FetchError('invalid', 'it redirects, and redirects are not followed')
  const passing = status >= 500 || status === 408 || status === 429
  throw new FetchError(passing ? 'unavailable' : 'invalid', `it answered with status ${status}`)
}

const TIMED_OUT = 'it did not answer in time'

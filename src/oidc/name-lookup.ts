import { lookup, Resolver } from 'node:dns/promises'
import type { AddressPermission } from './address-verdict.ts'
import { codeOf } from './fetch-error.ts'

/** All addresses of a name. Rejects as `node:dns` does. */
export type Lookup = (hostname: string, permission: AddressPermission) => Promise<readonly Address[]>

export interface Address {
  readonly address: string
  readonly family: number
}

/**
 * Names that strangers choose are asked for at the name servers directly. The machine's own way (`getaddrinfo`) holds a
 * thread of Node's few for as long as a server does not answer, 10 s and more, whoever still waits for it: some forty such
 * names, and nobody gets a connection to GitHub, whose name needs a thread too. It is left to names that may lead to where
 * only this machine knows: to itself, and to private networks that the operator opened for that issuer.
 */
export function createLookup({ servers, tryMs = TRY_MS }: LookupOptions = {}): Lookup {
  const resolver = new Resolver({ timeout: tryMs, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  return (hostname, { loopback, privateNetworks }) =>
    loopback || privateNetworks ? lookup(hostname, { all: true }) : ask(resolver, hostname)
}

export interface LookupOptions {
  /** Those of the machine when absent. */
  readonly servers?: readonly string[]
  /** How long each server is waited for at first. */
  readonly tryMs?: number
}

/** Addresses of one family are enough; without any, why there are none. */
async function ask(resolver: Resolver, hostname: string): Promise<readonly Address[]> {
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  const addresses = answers.flatMap((answer, index) =>
    answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family: FAMILIES[index] ?? 0 })) : [],
  )
  if (addresses.length > 0) return addresses
  const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
  // That a server has nothing of one family says nothing while the other was not answered.
  throw failures.find((failure) => codeOf(failure) !== NO_DATA) ?? failures[0] ?? new Error('no address')
}

const NO_DATA = 'ENODATA'
const FAMILIES = [4, 6] as const
/** Together less than an issuer's answer is waited for. */
const [TRY_MS, TRIES] = [1_500, 2] as const

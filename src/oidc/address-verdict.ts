import ipaddr from 'ipaddr.js'

/** Where a fetch may go beside the public internet. */
export interface AddressPermission {
  /** To loopback addresses. */
  readonly loopback: boolean
  /** To private, unique local, carrier-grade NAT, link-local and loopback addresses. */
  readonly privateNetworks: boolean
}

/**
 * Judges an address that would be dialled; undefined when it may be, else what is wrong with it. It is about what a
 * name resolved to, or what a URL had literally: a stranger chooses both, and the metadata service of a cloud hands out
 * credentials to whoever can reach it (server-side request forgery).
 */
export function addressFault(address: string, permission: AddressPermission): string | undefined {
  if (!ipaddr.isValid(address)) return 'not an address'
  const parsed = ipaddr.process(withoutZone(address)) // an IPv4-mapped address is judged as the IPv4 address that is reached
  if (isMetadata(parsed)) return 'a metadata service'
  const range: string = parsed.kind() === 'ipv6' && !isGlobal(parsed) ? nameOf(parsed.range()) : parsed.range()
  if (range === 'unicast') return isMapped(address) && !permission.privateNetworks ? 'ipv4Mapped' : undefined
  if (range === 'loopback' && permission.loopback) return undefined
  if (permission.privateNetworks && PRIVATE_RANGES.has(range)) return undefined
  return range
}

/**
 * 2000::/3 is all that is routed on the internet (RFC 4291 §2.4); outside of it lie, unnamed by ipaddr.js, addresses
 * that embed an IPv4 address, such as the compatible ones of ::/96 (§2.5.5.1).
 */
function isGlobal(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return address.match(GLOBAL_UNICAST)
}

function nameOf(range: string): string {
  return range === 'unicast' ? 'not global' : range
}

function isMetadata(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return METADATA_SERVICES.has(address.toNormalizedString())
}

function isMapped(address: string): boolean {
  const parsed = ipaddr.parse(withoutZone(address))
  return parsed.kind() === 'ipv6' && parsed.range() === 'ipv4Mapped'
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '')
}

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

const PRIVATE_RANGES: ReadonlySet<string> = new Set([
  'private',
  'uniqueLocal',
  'carrierGradeNat',
  'linkLocal',
  'loopback',
])

/** Never, whatever the operator lists: an issuer can't be there. Normalized as ipaddr.js writes them. */
const METADATA_SERVICES: ReadonlySet<string> = new Set([
  '169.254.169.254', // AWS, Azure, Google Cloud, …
  '169.254.169.253', // AWS's resolver
  '169.254.170.2', // AWS: credentials of ECS tasks
  '169.254.170.23', // AWS: credentials of EKS pods
  'fd00:ec2:0:0:0:0:0:23',
  'fd00:ec2:0:0:0:0:0:253',
  'fd00:ec2:0:0:0:0:0:254', // AWS over IPv6
  'fd20:ce:0:0:0:0:0:254', // Google Cloud over IPv6
  '100.100.100.200', // Alibaba Cloud
  '168.63.129.16', // Azure's wire server: an address that looks public
  '192.0.0.192', // Oracle Cloud
])

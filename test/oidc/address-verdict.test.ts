import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { addressFault } from '../../src/oidc/address-verdict.ts'

const PUBLIC = { loopback: false, privateNetworks: false }
const LOOPBACK = { loopback: true, privateNetworks: false }
const PRIVATE = { loopback: false, privateNetworks: true }

// Address, and its fault on the public internet, with loopback allowed, with private networks allowed.
const TABLE: readonly (readonly [string, string | undefined, string | undefined, string | undefined])[] = [
  ['140.82.112.3', undefined, undefined, undefined],
  ['2606:50c0:8000::153', undefined, undefined, undefined],
  ['127.0.0.1', 'loopback', undefined, undefined],
  ['127.255.255.254', 'loopback', undefined, undefined],
  ['::1', 'loopback', undefined, undefined],
  ['::ffff:127.0.0.1', 'loopback', undefined, undefined],
  ['::ffff:7f00:1', 'loopback', undefined, undefined],
  ['10.0.0.1', 'private', 'private', undefined],
  ['172.16.0.1', 'private', 'private', undefined],
  ['172.31.255.255', 'private', 'private', undefined],
  ['172.32.0.1', undefined, undefined, undefined],
  ['192.168.1.1', 'private', 'private', undefined],
  ['::ffff:10.0.0.1', 'private', 'private', undefined],
  ['100.64.0.1', 'carrierGradeNat', 'carrierGradeNat', undefined],
  ['fd12:3456:789a::1', 'uniqueLocal', 'uniqueLocal', undefined],
  ['fc00::1', 'uniqueLocal', 'uniqueLocal', undefined],
  ['169.254.0.1', 'linkLocal', 'linkLocal', undefined],
  ['fe80::1', 'linkLocal', 'linkLocal', undefined],
  ['fe80::1%eth0', 'linkLocal', 'linkLocal', undefined],
  ['::ffff:140.82.112.3', 'ipv4Mapped', 'ipv4Mapped', undefined],
  ['169.254.169.254', 'a metadata service', 'a metadata service', 'a metadata service'],
  ['::ffff:169.254.169.254', 'a metadata service', 'a metadata service', 'a metadata service'],
  ['169.254.170.2', 'a metadata service', 'a metadata service', 'a metadata service'],
  ['fd00:ec2::254', 'a metadata service', 'a metadata service', 'a metadata service'],
  ['100.100.100.200', 'a metadata service', 'a metadata service', 'a metadata service'],
  ['168.63.129.16', 'a metadata service', 'a metadata service', 'a metadata service'],
  ['0.0.0.0', 'unspecified', 'unspecified', 'unspecified'],
  ['0.1.2.3', 'unspecified', 'unspecified', 'unspecified'],
  ['::', 'unspecified', 'unspecified', 'unspecified'],
  ['255.255.255.255', 'broadcast', 'broadcast', 'broadcast'],
  ['224.0.0.1', 'multicast', 'multicast', 'multicast'],
  ['ff02::1', 'multicast', 'multicast', 'multicast'],
  ['192.0.2.1', 'reserved', 'reserved', 'reserved'],
  ['198.18.0.1', 'reserved', 'reserved', 'reserved'],
  ['198.51.100.1', 'reserved', 'reserved', 'reserved'],
  ['203.0.113.1', 'reserved', 'reserved', 'reserved'],
  ['240.0.0.1', 'reserved', 'reserved', 'reserved'],
  ['2001:db8::1', 'reserved', 'reserved', 'reserved'],
  ['3fff::1', 'reserved', 'reserved', 'reserved'],
  ['2002:7f00:1::', '6to4', '6to4', '6to4'],
  ['2002:a9fe:a9fe::1', '6to4', '6to4', '6to4'],
  ['64:ff9b::7f00:1', 'rfc6052', 'rfc6052', 'rfc6052'],
  ['64:ff9b:1::a00:1', 'rfc6052', 'rfc6052', 'rfc6052'],
  ['::ffff:0:7f00:1', 'rfc6145', 'rfc6145', 'rfc6145'],
  ['2001::7f00:1', 'teredo', 'teredo', 'teredo'],
  ['::7f00:1', 'not global', 'not global', 'not global'],
  ['::10.0.0.1', 'private', 'private', undefined],
  ['fec0::1', 'deprecatedSiteLocal', 'deprecatedSiteLocal', 'deprecatedSiteLocal'],
  ['100::1', 'discard', 'discard', 'discard'],
  ['4000::1', 'not global', 'not global', 'not global'],
  ['example.com', 'not an address', 'not an address', 'not an address'],
  ['', 'not an address', 'not an address', 'not an address'],
]

describe('addresses', () => {
  test.each(TABLE)('%s', (address, onPublic, withLoopback, withPrivate) => {
    expect(addressFault(address, PUBLIC)).toBe(onPublic)
    expect(addressFault(address, LOOPBACK)).toBe(withLoopback)
    expect(addressFault(address, PRIVATE)).toBe(withPrivate)
  })

  test('no IPv6 address outside of 2000::/3 is ever public', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const outside = !/^[23][0-9a-f]{3}:/i.test(address)
        expect(outside && addressFault(address, PUBLIC) === undefined).toBe(false)
      }),
    )
  })

  test('an IPv4 address does not become public by being written as IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(addressFault(`::ffff:${address}`, PUBLIC)).toBeDefined()
        expect(addressFault(`::${address}`, PUBLIC)).toBeDefined()
      }),
    )
  })
})

import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseStoreUrl, type StoreAddress } from '../../src/store/store-address.ts'

const PLAIN: StoreAddress = {
  mode: 'single',
  hosts: [{ host: 'cache', port: 6379 }],
  tls: false,
  username: undefined,
  password: undefined,
  database: 0,
  sentinel: undefined,
}
const [A, B, C] = [
  { host: 'a', port: 7000 },
  { host: 'b.example', port: 7001 },
  { host: '::1', port: 7002 },
] as const

test.each<readonly [string, StoreAddress]>([
  ['redis://cache', PLAIN],
  ['redis://cache/', PLAIN],
  ['redis://cache?cluster=false', PLAIN],
  ['rediss://cache:6380', { ...PLAIN, tls: true, hosts: [{ host: 'cache', port: 6380 }] }],
  ['redis://10.0.0.1/7', { ...PLAIN, hosts: [{ host: '10.0.0.1', port: 6379 }], database: 7 }],
  ['redis://[::1]:7002', { ...PLAIN, hosts: [C] }],
  ['redis://:secret@cache', { ...PLAIN, password: 'secret' }],
  ['redis://me@cache', { ...PLAIN, username: 'me' }],
  ['redis://me:p%40%2F%3Ass@cache/1', { ...PLAIN, username: 'me', password: 'p@/:ss', database: 1 }],
  ['redis://me:a:b@cache', { ...PLAIN, username: 'me', password: 'a:b' }],
  ['redis://a:7000?cluster=true', { ...PLAIN, mode: 'cluster', hosts: [A] }],
  [
    'rediss://u:p@a:7000,b.example:7001,[::1]:7002/0?cluster=true',
    { ...PLAIN, mode: 'cluster', tls: true, username: 'u', password: 'p', hosts: [A, B, C] },
  ],
  [
    'redis://cache,a:7000/2?sentinel=main',
    {
      ...PLAIN,
      mode: 'sentinel',
      hosts: [{ host: 'cache', port: 26_379 }, A],
      database: 2,
      sentinel: { master: 'main', username: undefined, password: undefined },
    },
  ],
  [
    'redis://:p@cache?sentinel=my%20main&sentinel_user=u&sentinel_password=%26',
    {
      ...PLAIN,
      mode: 'sentinel',
      hosts: [{ host: 'cache', port: 26_379 }],
      password: 'p',
      sentinel: { master: 'my main', username: 'u', password: '&' },
    },
  ],
])('%s', (url, address) => {
  expect(parseStoreUrl(url)).toEqual(address)
})

describe('what is wrong is said', () => {
  const SHAPE =
    'must be redis://[user:password@]host[:port][/database], or rediss:// for TLS; write @ / ? # % in a password as %40 %2F %3F %23 %25'
  const HOST = 'has a host that is not host or host:port'
  test.each([
    ['', SHAPE],
    ['http://cache', SHAPE],
    ['REDIS://cache', SHAPE],
    ['redis:cache', SHAPE],
    ['redis://me:p@ss@cache', SHAPE],
    ['redis://cache/1/2', SHAPE],
    ['redis://cache#x', SHAPE],
    ['redis://', HOST],
    ['redis://a b', HOST],
    ['redis://a,?cluster=true', HOST],
    ['redis://a:0', HOST],
    ['redis://a:65536', HOST],
    ['redis://a:x', HOST],
    ['redis://::1', HOST],
    ['redis://a,b', 'names several hosts: add ?cluster=true, or ?sentinel= with the name of the master'],
    ['redis://a/x', 'has a path that is not the number of a database'],
    ['redis://a/-1', 'has a path that is not the number of a database'],
    ['redis://a/1?cluster=true', 'a cluster has database 0 only'],
    ['redis://a?cluster=yes', 'has a parameter cluster that is neither true nor false'],
    ['redis://a?cluster=true&cluster=true', 'has the parameter cluster twice'],
    ['redis://a?cluster=true&sentinel=x', 'has both sentinel and cluster: use one'],
    ['redis://a?sentinel=', 'has a parameter sentinel without a master name'],
    ['redis://a?sentinel_password=x', 'has sentinel_user or sentinel_password without sentinel'],
    [
      'redis://a?ssl=true',
      'has a parameter that is not known; known are cluster, sentinel, sentinel_user, sentinel_password',
    ],
    ['redis://:100%@a', 'has broken percent-encoding; a plain % is written %25'],
  ])('%j', (url, message) => {
    expect(() => parseStoreUrl(url)).toThrow(new Error(message))
  })

  test('and never with the password in it', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('', '/x', '?y=1', '#z', ',b', ':0'), (noise, end) => {
        try {
          parseStoreUrl(`redis://user:hush-hush${noise}@cache${end}`)
        } catch (error) {
          expect(String(error)).not.toContain('hush')
        }
      }),
    )
  })
})

import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { selfSignedCertificate } from '../support/certificate.ts'
import { createVerifierWorld, type VerifierWorld } from './verifier-world.ts'

const HOST = 'issuer.example.com'
const SUB = 'x'
const tls = selfSignedCertificate(HOST)

/** A listener that counts who dials it: nobody may. */
let bait: Server
let dialled = 0
let baitPort = 0

beforeAll(async () => {
  bait = createServer((socket) => {
    dialled += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => bait.listen(0, '127.0.0.1', resolve))
  const address = bait.address()
  baitPort = typeof address === 'object' && address !== null ? address.port : 0
})
afterAll(async () => {
  await new Promise((resolve) => bait.close(resolve))
})

async function inWorld<T>(
  options: Parameters<typeof createVerifierWorld>[0],
  work: (world: VerifierWorld) => Promise<T>,
): Promise<T> {
  const world = await createVerifierWorld(options)
  try {
    return await work(world)
  } finally {
    await world.close()
  }
}

const resolvesTo =
  (...addresses: readonly string[]) =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

describe('the address that is dialled', () => {
  test.each([
    ['loopback', ['127.0.0.1']],
    ['IPv6 loopback', ['::1']],
    ['IPv4-mapped', ['::ffff:127.0.0.1']],
    ['a private one', ['10.1.2.3']],
    ['the metadata service', ['169.254.169.254']],
    ['a public one and then loopback', ['140.82.112.3', '127.0.0.1']],
  ])('a public name that resolves to %s is not dialled', async (_name, addresses) => {
    const reason = await inWorld({ lookup: resolvesTo(...addresses) }, async ({ issuer, reason }) =>
      reason(await issuer.sign({ sub: SUB, iss: `https://${HOST}:${baitPort}` })),
    )
    expect([reason, dialled]).toEqual(['ISSUER_ADDRESS_FORBIDDEN', 0])
  })

  test.each(['127.0.0.1', '127.0.0.2', '[::1]', '[::ffff:127.0.0.1]', '10.0.0.1', '169.254.169.254', '[fd00::1]'])(
    'the literal %s is judged without a look-up',
    async (host) => {
      const outcome = await inWorld({ allowLoopback: false }, async ({ issuer, outcome }) =>
        outcome(await issuer.sign({ sub: SUB, iss: `https://${host}:${baitPort}` })),
      )
      expect(outcome).toMatchObject({
        reason: 'ISSUER_ADDRESS_FORBIDDEN',
        message: `unable to fetch or create the provider: the discovery document of issuer "https://${host}:${baitPort}" can not be had: its host is not on the public internet`,
      })
      expect(dialled).toBe(0)
    },
  )

  test('loopback is for loopback hosts alone, with the flag too', async () => {
    const reason = await inWorld({ lookup: resolvesTo('127.0.0.1') }, async ({ issuer, reason }) =>
      reason(await issuer.sign({ sub: SUB, iss: `http://${HOST}:${baitPort}` })),
    )
    expect([reason, dialled]).toEqual(['ISSUER_ADDRESS_FORBIDDEN', 0])
  })

  test.each([
    ['https at a private address', () => `https://10.0.0.1:${baitPort}/jwks`, 'ISSUER_ADDRESS_FORBIDDEN'],
    ['https at a name', () => `https://${HOST}:${baitPort}/jwks`, 'ISSUER_ADDRESS_FORBIDDEN'],
    ['http at a name', () => `http://${HOST}:${baitPort}/jwks`, 'ISSUER_INVALID'],
    ['http at a private address', () => `http://10.0.0.1:${baitPort}/jwks`, 'ISSUER_INVALID'],
    ['http at what WHATWG makes of 127.2', () => `http://127.2:${baitPort}/jwks`, 'ISSUER_INVALID'],
    ['a file', () => 'file:///etc/passwd', 'ISSUER_INVALID'],
    ['user info', () => `https://a:b@${HOST}/jwks`, 'ISSUER_INVALID'],
    ['no URL', () => 'jwks', 'ISSUER_INVALID'],
    ['a number', () => 7, 'ISSUER_INVALID'],
  ])('jwks_uri: %s', async (_name, uri, expected) => {
    const reason = await inWorld({ lookup: resolvesTo('192.168.0.1') }, async ({ issuer, reason }) => {
      issuer.fault('/openid-configuration', { kind: 'change', members: { jwks_uri: uri() } })
      return reason(await issuer.sign({ sub: SUB }))
    })
    expect([reason, dialled]).toEqual([expected, 0])
  })

  test('what was judged is what is dialled: the name is looked up once for each document', async () => {
    let lookups = 0
    const lookup = async () => {
      lookups += 1
      return [{ address: '127.0.0.1', family: 4 }]
    }
    const sandbox = { host: 'localhost' }
    const claims = await inWorld({ lookup, sandbox }, async ({ issuer, verify }) =>
      verify(await issuer.sign({ sub: SUB })),
    )
    expect([claims.sub, lookups]).toEqual([SUB, 2])
  })
})

describe('issuers that the operator lists', () => {
  const listed = async (port: number, about: { privateAddress?: boolean; ca?: string }) => ({
    issuers: [{ issuer: `https://${HOST}:${port}`, ...about }],
    allowLoopback: false,
    lookup: resolvesTo('127.0.0.1'),
  })

  /** The port must be known before the verifier is made: the sandbox of a first world tells it. */
  async function outcomeOf(about: { privateAddress?: boolean; ca?: string }, suffix = ''): Promise<string> {
    return inWorld({ sandbox: { host: HOST, tls } }, async ({ issuer }) => {
      const options = await listed(Number(new URL(issuer.url).port), about)
      return inWorld(options, async ({ reason }) => reason(await issuer.sign({ sub: SUB, iss: issuer.url + suffix })))
    })
  }

  test('may be at a private address, over TLS that their own authority vouches for', async () => {
    expect(await outcomeOf({ privateAddress: true, ca: tls.cert })).toBe('accepted')
  })
  test('not without the permission', async () => {
    expect(await outcomeOf({ ca: tls.cert })).toBe('ISSUER_ADDRESS_FORBIDDEN')
  })
  test('not with a certificate that nobody vouches for', async () => {
    expect(await outcomeOf({ privateAddress: true })).toBe('ISSUER_INVALID')
    expect(await outcomeOf({ privateAddress: true, ca: selfSignedCertificate(HOST).cert })).toBe('ISSUER_INVALID')
  })
  test('the permission is for that very issuer', async () => {
    expect(await outcomeOf({ privateAddress: true, ca: tls.cert }, '/other')).toBe('ISSUER_ADDRESS_FORBIDDEN')
  })

  test('with a static key set are never fetched', async () => {
    await inWorld({}, async ({ issuer, clock }) => {
      const keys = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: [] }
      const iss = 'http://cluster.internal'
      const options = { issuers: [{ issuer: iss, keys }], lookup: () => Promise.reject(new Error('looked up')) }
      await inWorld(options, async ({ reason }) => {
        expect(await reason(await issuer.sign({ sub: SUB, iss }))).toBe('accepted')
        expect(await reason(await issuer.sign({ sub: SUB, iss }, { alg: 'EdDSA', kid: null }))).toBe('accepted')
        expect(await reason(await issuer.sign({ sub: SUB, iss }, { kid: 'other' }))).toBe('KEY_UNKNOWN')
        clock.advance(31_000)
        expect(await reason(await issuer.sign({ sub: SUB, iss }, { kid: 'other' }))).toBe('KEY_UNKNOWN')
      })
      expect(issuer.requests('/openid-configuration')).toBe(0)
    })
  })

  test('a static key set that is none stops the start', async () => {
    const keys = { keys: 'none' } as unknown as { keys: [] } // what the types rule out, a caller in JavaScript may pass
    await expect(createVerifierWorld({ issuers: [{ issuer: 'https://a.example', keys }] })).rejects.toThrow(
      new TypeError('the keys of issuer "https://a.example" are no JSON Web Key Set'),
    )
  })
})

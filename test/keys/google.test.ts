import { createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { crc32c } from '../../src/keys/crc32c.ts'
import type { VendorClients } from '../../src/keys/key-client.ts'
import { createKeyServices } from '../../src/keys/key-services.ts'
import {
  GOOGLE_SERVICES,
  type GoogleFault,
  googleClient,
  type Message,
  startGoogleServer,
} from '../support/google-server.ts'
import { startKeyServer } from '../support/key-server.ts'
import { refusal } from '../support/refusal.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const KEY = createRsaKey()
const NAME = 'projects/p-1/locations/europe-west3/keyRings/sts/cryptoKeys/github-app/cryptoKeyVersions/1'
const SECRET = 'projects/p-1/secrets/github-app/versions/latest'

test('CRC-32C is that of RFC 3720 appendix B.4', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e)
})

function AsymmetricSign(request: Message): Message {
  const { name, digest, digestCrc32c } = request as {
    name: string
    digest: { sha256: Buffer }
    digestCrc32c: { value: string }
  }
  if (name !== NAME) throw { code: 5, details: `CryptoKeyVersion ${name} not found.` }
  if (Number(digestCrc32c.value) !== crc32c(digest.sha256)) throw { code: 3, details: 'checksum of the digest' }
  const signature = KEY.signDigest(digest.sha256)
  return { name, signature, signatureCrc32c: { value: String(crc32c(signature)) }, verifiedDigestCrc32c: true }
}

function AccessSecretVersion(request: Message): Message {
  const { name } = request as { name: string }
  if (name !== SECRET) throw { code: 5, details: `Secret [${name}] not found or has no versions.` }
  const data = Buffer.from(KEY.pem)
  return { name, payload: { data, dataCrc32c: String(crc32c(data)) } }
}

let now = 0
const SHORT = { totalMs: 400, firstTryMs: 200 }
const LONG = { totalMs: 15_000, firstTryMs: 10_000 }

function servicesAt(gcp: NonNullable<VendorClients['gcp']>, patience = LONG) {
  return createKeyServices({
    monotonic: () => now,
    vault: undefined,
    clients: { gcp },
    patience: { sign: patience, read: patience },
  })
}

async function kms(patience = LONG) {
  const server = await startGoogleServer(GOOGLE_SERVICES.kms, { AsymmetricSign })
  const services = servicesAt(server.client, patience)
  return {
    server,
    services,
    signer: (key = NAME) => services.createSigner({ kind: 'kms', provider: 'gcp', key }),
    async [Symbol.asyncDispose]() {
      await services.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('Google Cloud KMS', () => {
  test('signs', async () => {
    await using at = await kms()
    const sign = await at.signer()
    expect(KEY.verifies('header.payload', await sign('header.payload'))).toBe(true)
    expect(at.server.requests.length).toBe(1)
  })

  test('is one client for all keys', async () => {
    await using at = await kms()
    const [sign, other] = [await at.signer(), await at.signer(NAME.replace(/1$/, '2'))]
    await sign('x')
    expect(await refusal(other('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: `Google Cloud KMS: 5 NOT_FOUND: CryptoKeyVersion ${NAME.replace(/1$/, '2')} not found.`,
    })
  })

  test('that has no credentials yet, as on a node that has just started, is not given up for good', async () => {
    await using server = await startGoogleServer(GOOGLE_SERVICES.kms, { AsymmetricSign })
    let isReady = false
    const { port = 0 } = server.client
    const services = servicesAt(
      googleClient(port, async () => {
        if (!isReady) throw new Error('Could not load the default credentials.')
        return 'googleapis.com'
      }),
    )
    const sign = await services.createSigner({ kind: 'kms', provider: 'gcp', key: NAME })
    expect(await refusal(sign('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: 'Google Cloud KMS: Could not load the default credentials.',
    })
    now = 1_000
    isReady = true
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    await services.close()
  })

  test.each<[string, GoogleFault, string]>([
    ['no right', { code: 7, details: 'no useToSign' }, 'Google Cloud KMS: 7 PERMISSION_DENIED: no useToSign'],
    ['not known', { code: 16, details: 'no credential' }, 'Google Cloud KMS: 16 UNAUTHENTICATED: no credential'],
    ['disabled', { code: 9, details: 'DISABLED' }, 'Google Cloud KMS: 9 FAILED_PRECONDITION: DISABLED'],
    ['another use', { code: 3, details: 'purpose' }, 'Google Cloud KMS: 3 INVALID_ARGUMENT: purpose'],
    [
      'a key of another kind',
      (answer) => ({ ...answer, signature: Buffer.alloc(70), signatureCrc32c: { value: crc32c(Buffer.alloc(70)) } }),
      'the signature has 70 bytes: the key must be an RSA key of 2048 to 8192 bits',
    ],
  ])('refuses for good: %s', async (_, fault, log) => {
    await using at = await kms()
    at.server.faults.push(fault)
    expect(await refusal((await at.signer())('x'))).toEqual({ reason: 'SIGNER_REFUSED', log })
    expect(at.server.requests.length).toBe(1)
  })

  test.each<[string, GoogleFault, string | RegExp]>([
    ['too many requests', { code: 8, details: 'quota' }, 'Google Cloud KMS: 8 RESOURCE_EXHAUSTED: quota'],
    ['trouble of its own', { code: 13, details: 'internal' }, 'Google Cloud KMS: 13 INTERNAL: internal'],
    ['away', { code: 14, details: 'away' }, 'Google Cloud KMS: 14 UNAVAILABLE: away'],
    ['reset', 'reset', /^Google Cloud KMS: 14 UNAVAILABLE: /],
    [
      'a damaged signature',
      (answer) => ({ ...answer, signature: KEY.signDigest(Buffer.alloc(32)) }),
      'Google Cloud KMS: the signature did not arrive as it was sent',
    ],
    [
      'no checksum',
      ({ signatureCrc32c: _, ...answer }) => answer,
      'Google Cloud KMS: the signature did not arrive as it was sent',
    ],
    [
      'a damaged digest',
      (answer) => ({ ...answer, verifiedDigestCrc32c: false }),
      'Google Cloud KMS: the digest did not arrive as it was sent',
    ],
    [
      'another key',
      (answer) => ({ ...answer, name: NAME.replace(/1$/, '3') }),
      'Google Cloud KMS: another key answered',
    ],
  ])('is asked once more, and then given up for the moment: %s', async (_, fault, log) => {
    await using at = await kms()
    const sign = await at.signer()
    at.server.faults.push(fault)
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    at.server.faults.push(fault, fault)
    const refused = await refusal(sign('x'))
    expect(refused?.reason).toBe('SIGNER_UNAVAILABLE')
    expect(refused?.log).toMatch(log)
    expect(at.server.requests.length).toBe(4)
  })

  test('that does not answer is given up in time', async () => {
    await using at = await kms(SHORT)
    at.server.faults.push('hang', 'hang')
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_UNAVAILABLE',
      log: expect.stringMatching(/^there was no answer within 0\.\d+ s$/),
    })
  })

  test.each([
    ['over HTTP/2', startHtml2],
    ['over HTTP/1.1', startHtml1],
  ])('that is a page of somebody else, %s, is trouble that passes', async (_, start) => {
    const { port, close } = await start()
    const services = servicesAt(googleClient(port))
    const sign = await services.createSigner({ kind: 'kms', provider: 'gcp', key: NAME })
    expect((await refusal(sign('x')))?.reason).toBe('SIGNER_UNAVAILABLE')
    await services.close()
    await close()
  })

  test.each(['', 'github-app', NAME.replace(/\/cryptoKeyVersions.*/, ''), `${NAME}/..`, `${NAME}\n`])(
    'has no key %j',
    async (key) => {
      await using at = await kms()
      await expect(at.signer(key)).rejects.toThrow(
        `KMS_PROVIDER=gcp has the key ${JSON.stringify(key)}, which is not projects/…/locations/…/keyRings/…/cryptoKeys/…/cryptoKeyVersions/N`,
      )
    },
  )
})

async function secrets(patience = LONG) {
  const server = await startGoogleServer(GOOGLE_SERVICES.secrets, { AccessSecretVersion })
  const services = servicesAt(server.client, patience)
  return {
    server,
    services,
    read: (name = SECRET) => services.resolveSecret({ kind: 'reference', reference: { manager: 'gcp', name } }),
    async [Symbol.asyncDispose]() {
      await services.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('Google Secret Manager', () => {
  test('holds the private key of the App', async () => {
    await using at = await secrets()
    const sign = await at.services.createSigner({ kind: 'reference', reference: { manager: 'gcp', name: SECRET } })
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    expect(at.server.requests.length).toBe(1)
  })

  test.each<[string, GoogleFault, string, number]>([
    ['no right', { code: 7, details: 'no access' }, 'Google Secret Manager: 7 PERMISSION_DENIED: no access', 1],
    ['away', { code: 14, details: 'away' }, 'Google Secret Manager: 14 UNAVAILABLE: away', 2],
    [
      'damaged',
      () => ({ name: SECRET, payload: { data: Buffer.from('x'), dataCrc32c: '1' } }),
      'Google Secret Manager: the value did not arrive as it was sent',
      2,
    ],
    ['no value', () => ({ name: SECRET }), 'Google Secret Manager: an answer without a value', 2],
    [
      'empty',
      () => ({ name: SECRET, payload: { data: Buffer.from('\n'), dataCrc32c: String(crc32c(Buffer.from('\n'))) } }),
      'it is empty',
      1,
    ],
  ])('that refuses or fails is named: %s', async (_, fault, why, requests) => {
    await using at = await secrets()
    at.server.faults.push(fault, fault)
    await expect(at.read()).rejects.toThrow(new Error(`the secret gcp-secret://${SECRET} cannot be used: ${why}`))
    expect(at.server.requests.length).toBe(requests)
  })

  test('that does not answer is given up in time', async () => {
    await using at = await secrets(SHORT)
    at.server.faults.push('hang', 'hang')
    await expect(at.read()).rejects.toThrow(
      /^the secret gcp-secret:.* cannot be used: there was no answer within 0\.\d+ s$/,
    )
  })

  test.each([
    [
      'projects/p-1/secrets/other/versions/1',
      'Google Secret Manager: 5 NOT_FOUND: Secret [projects/p-1/secrets/other/versions/1] not found or has no versions.',
    ],
    ['projects/p-1/secrets/github-app', 'its name must be projects/P/secrets/S/versions/V'],
    ['github-app', 'its name must be projects/P/secrets/S/versions/V'],
  ])('does not have %s', async (name, why) => {
    await using at = await secrets()
    await expect(at.read(name)).rejects.toThrow(new Error(`the secret gcp-secret://${name} cannot be used: ${why}`))
  })
})

async function startHtml2() {
  const server: Http2Server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')
  })
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => sessions.add(session))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function startHtml1() {
  const server = await startKeyServer(() => ({ status: 502, body: 'bad gateway' }))
  return { port: Number(new URL(server.url).port), close: () => server[Symbol.asyncDispose]() }
}

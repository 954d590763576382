import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createKeyServices } from '../../src/keys/key-services.ts'
import { selfSignedCertificate } from '../support/certificate.ts'
import { type KeyAnswer, type KeyRequest, type KeyServerFault, startKeyServer } from '../support/key-server.ts'
import { refusal } from '../support/refusal.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const KEY = createRsaKey()
const TOKEN = 'a-token-of-entra'
const CERTIFICATE = selfSignedCertificate('localhost')
const VERSION = '0123456789abcdef0123456789abcdef'

/** Azure Key Vault's REST API as far as it is used: the challenge, a key and its sign operation, a secret. */
function keyVault(request: KeyRequest): KeyAnswer {
  const { method, headers, body } = request
  const path = request.path.replace(/\?api(?:-|%2D)version=[\w.-]+$/, '')
  if (headers.authorization !== `Bearer ${TOKEN}`) return CHALLENGE
  const base = `https://${headers.host}`
  if (method === 'GET' && /^\/keys\/github-app\/(?:[0-9a-f]{32})?$/.test(path)) {
    const { n, e } = KEY.publicKey.export({ format: 'jwk' })
    const key = { kid: `${base}/keys/github-app/${VERSION}`, kty: 'RSA', key_ops: ['sign', 'verify'], n, e }
    return { status: 200, body: { key, attributes: { enabled: true } } }
  }
  if (method === 'POST' && /^\/keys\/github-app\/(?:[0-9a-f]{32})?\/sign$/.test(path)) {
    const { alg, value } = JSON.parse(body)
    if (alg !== 'RS256') return failure(400, 'BadParameter', alg)
    const signature = KEY.signDigest(Buffer.from(value, 'base64url')).toString('base64url')
    return { status: 200, body: { kid: `${base}/keys/github-app/${VERSION}`, value: signature } }
  }
  if (method === 'GET' && /^\/secrets\/github-app\/(?:[0-9a-f]{32})?$/.test(path))
    return { status: 200, body: { value: KEY.pem, id: `${base}/secrets/github-app/${VERSION}`, attributes: {} } }
  return failure(404, 'KeyNotFound', 'A key with (name/id) other was not found in this key vault.')
}

const CHALLENGE: KeyAnswer = {
  status: 401,
  body: { error: { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' } },
  headers: {
    'www-authenticate': 'Bearer authorization="https://login.example/tenant", resource="https://vault.azure.net"',
  },
}

function failure(status: number, code: string, message: string): KeyAnswer {
  return { status, body: { error: { code, message } } }
}

function servicesAt(over: { patienceMs?: number; getToken?: () => Promise<never> } = {}) {
  const patience = { totalMs: over.patienceMs ?? 15_000, firstTryMs: (over.patienceMs ?? 15_000) / 2 }
  const tokens = async (scopes: string | string[]) => {
    expect(scopes).toEqual(['https://vault.azure.net/.default'])
    return { token: TOKEN, expiresOnTimestamp: 4_000_000_000_000 }
  }
  return createKeyServices({
    monotonic: () => 0,
    vault: undefined,
    clients: {
      akv: {
        credential: { getToken: over.getToken ?? tokens },
        tlsOptions: { ca: CERTIFICATE.cert },
        disableChallengeResourceVerification: true, // a loopback address is no part of vault.azure.net
      },
    },
    patience: { sign: patience, read: patience },
  })
}

async function scene(over: Parameters<typeof servicesAt>[0] = {}) {
  const server = await startKeyServer(keyVault, CERTIFICATE)
  const services = servicesAt(over)
  return {
    server,
    services,
    signer: (path = '/keys/github-app') =>
      services.createSigner({ kind: 'kms', provider: 'akv', key: `${server.url}${path}` }),
    sent: () => server.requests.filter(({ headers }) => headers.authorization !== undefined).length,
    async [Symbol.asyncDispose]() {
      await services.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('Azure Key Vault', () => {
  test.each(['/keys/github-app', `/keys/github-app/${VERSION}`])('signs with the key %s', async (path) => {
    await using at = await scene()
    const sign = await at.signer(path)
    expect(KEY.verifies('header.payload', await sign('header.payload'))).toBe(true)
    expect(KEY.verifies('again', await sign('again'))).toBe(true)
    expect(at.server.requests.at(-1)?.path).toMatch(new RegExp(`^${path}/?/sign\\?`))
  })

  test('signs with the right to sign alone', async () => {
    await using at = await scene()
    const sign = await at.signer()
    at.server.faults.push(CHALLENGE, failure(403, 'Forbidden', 'does not have keys get permission'))
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
  })

  test.each<[string, KeyServerFault, string]>([
    ['no right', failure(403, 'Forbidden', 'no keys/sign/action'), 'Azure Key Vault: RestError: no keys/sign/action'],
    ['no key', failure(404, 'KeyNotFound', 'not found'), 'Azure Key Vault: RestError: not found'],
    [
      'disabled',
      failure(403, 'Forbidden', 'Operation sign is not allowed on a disabled key.'),
      'Azure Key Vault: RestError: Operation sign is not allowed on a disabled key.',
    ],
    [
      'another kind of key',
      { status: 200, body: { kid: 'x', value: Buffer.alloc(64).toString('base64url') } },
      'the signature has 64 bytes: the key must be an RSA key of 2048 to 8192 bits',
    ],
  ])('refuses for good: %s', async (_, fault, log) => {
    await using at = await scene()
    const sign = await at.signer()
    await sign('the first fetches the key, too')
    const before = at.sent()
    at.server.faults.push(fault)
    expect(await refusal(sign('x'))).toEqual({ reason: 'SIGNER_REFUSED', log })
    expect(at.sent()).toBe(before + 1)
  })

  test.each<[string, KeyServerFault, string | RegExp]>([
    ['too many requests', failure(429, 'Throttled', 'too many'), 'Azure Key Vault: RestError: too many'],
    ['trouble of its own', failure(503, 'ServiceUnavailable', 'away'), 'Azure Key Vault: RestError: away'],
    ['reset', 'reset', /^Azure Key Vault: RestError: (?:read ECONNRESET|socket hang up)$/],
    ['HTML', 'html', 'Azure Key Vault: an answer without a signature'],
    ['cut off', 'truncated', 'Azure Key Vault: an answer that cannot be read'],
  ])('is asked once more, and then given up for the moment: %s', async (_, fault, log) => {
    await using at = await scene()
    const sign = await at.signer()
    await sign('the first fetches the key, too')
    at.server.faults.push(fault)
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    at.server.faults.push(fault, fault)
    expect(await refusal(sign('x'))).toEqual({ reason: 'SIGNER_UNAVAILABLE', log: expect.stringMatching(log) })
  })

  test.each<KeyServerFault>(['reset', 'html', 'truncated'])(
    'is asked once more for the key itself: %s',
    async (fault) => {
      await using at = await scene()
      const sign = await at.signer()
      at.server.faults.push(CHALLENGE, fault)
      expect(KEY.verifies('x', await sign('x'))).toBe(true)
    },
  )

  test('that does not answer is given up in time', async () => {
    await using at = await scene({ patienceMs: 400 })
    at.server.faults.push('hang', 'hang')
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_UNAVAILABLE',
      log: expect.stringMatching(/^there was no answer within 0\.\d+ s$/),
    })
  })

  test.each([
    ['CredentialUnavailableError', {}, 'SIGNER_REFUSED', 1],
    ['AuthenticationError', { statusCode: 400 }, 'SIGNER_REFUSED', 1],
    ['AuthenticationError', { statusCode: 503 }, 'SIGNER_UNAVAILABLE', 2],
  ])('is not asked without a token: %s %j', async (name, more, reason, tries) => {
    let asked = 0
    await using at = await scene({
      async getToken() {
        asked += 1
        throw Object.assign(new Error('no token'), { name, ...more })
      },
    })
    expect(await refusal((await at.signer())('x'))).toEqual({ reason, log: `Azure Key Vault: ${name}: no token` })
    expect(asked).toBe(tries)
  })

  test.each([
    '',
    'github-app',
    'http://v.vault.azure.net/keys/a',
    'https://v.vault.azure.net/secrets/a',
    'https://v.vault.azure.net/keys/a/b/c',
  ])('has no key %j', async (key) => {
    await using at = await scene()
    await expect(at.services.createSigner({ kind: 'kms', provider: 'akv', key })).rejects.toThrow(
      `KMS_PROVIDER=akv has the key ${JSON.stringify(key)}, which is not https://VAULT.vault.azure.net/keys/NAME or …/keys/NAME/VERSION`,
    )
  })
})

describe('secrets of Azure Key Vault', () => {
  let at: Awaited<ReturnType<typeof scene>>
  beforeAll(async () => {
    at = await scene()
  })
  afterAll(() => at[Symbol.asyncDispose]())
  const host = () => new URL(at.server.url).host
  const read = (name: string) => at.services.resolveSecret({ kind: 'reference', reference: { manager: 'akv', name } })

  test('hold the private key of the App', async () => {
    const name = `${host()}/github-app/${VERSION}`
    const sign = await at.services.createSigner({ kind: 'reference', reference: { manager: 'akv', name } })
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
  })

  test('are found by host and name, and by their identifier', async () => {
    expect(await read(`${host()}/github-app`)).toBe(KEY.pem)
    expect(await read(`https://${host()}/secrets/github-app/${VERSION}`)).toBe(KEY.pem)
  })

  test('that are not there are named', async () => {
    const name = `${host()}/other`
    await expect(read(name)).rejects.toThrow(
      new Error(
        `the secret akv-secret://${name} cannot be used: Azure Key Vault: RestError: A key with (name/id) other was not found in this key vault.`,
      ),
    )
  })

  test('whose answer is no JSON are not repeated', async () => {
    await read(`${host()}/github-app`)
    at.server.faults.push(CHALLENGE, 'unclosed', CHALLENGE, 'unclosed')
    const name = `${host()}/github-app`
    await expect(read(name)).rejects.toThrow(
      new Error(`the secret akv-secret://${name} cannot be used: Azure Key Vault: an answer that cannot be read`),
    )
  })

  test.each(['github-app', 'a/b/c/d', '../x'])('have no name %s', async (name) => {
    await expect(read(name)).rejects.toThrow(
      new Error(
        `the secret akv-secret://${name} cannot be used: its name must be VAULT/SECRET or VAULT/SECRET/VERSION`,
      ),
    )
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createKeyServices } from '../../src/keys/key-services.ts'
import type { VaultLogin, VaultSettings } from '../../src/terms/vault-settings.ts'
import { selfSignedCertificate } from '../support/certificate.ts'
import { type KeyAnswer, type KeyRequest, type KeyServerFault, startKeyServer } from '../support/key-server.ts'
import { refusal } from '../support/refusal.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const KEY = createRsaKey()
const TOKEN = 'hvs.a-token-of-the-test'
const FOLDER = mkdtempSync(join(tmpdir(), 'octo-sts-vault-'))
const CERTIFICATE = selfSignedCertificate('localhost')

afterAll(() => rmSync(FOLDER, { recursive: true }))

/** What Vault's documentation says of Transit, of KV in both versions, and of the Kubernetes auth method. */
function vault(request: KeyRequest): KeyAnswer {
  const { method, path, headers } = request
  if (path === '/v1/auth/k8s/eu/login' && method === 'POST') return login(request)
  if (headers['x-vault-token'] !== TOKEN) return failure(403, 'permission denied')
  if (path === '/v1/transit/sign/octo-sts/sha2-256' && method === 'POST') return signed(request)
  if (path === '/v1/teams%40eu/sts/sign/octo-sts/sha2-256') return signed(request)
  const found = SECRETS[path]
  return found === undefined ? failure(404) : { status: 200, body: { lease_id: '', data: found } }
}

const SECRETS: Readonly<Record<string, unknown>> = {
  '/v1/secret/data/octo-sts/app': { data: { pem: KEY.pem, number: 7 }, metadata: { version: 3 } },
  '/v1/kv1/octo-sts': { webhook: 'of version 1' },
}

function login({ body }: KeyRequest): KeyAnswer {
  const { role, jwt } = JSON.parse(body)
  if (role !== 'octo-sts' || jwt !== 'the.service.account') return failure(403, 'permission denied')
  return { status: 200, body: { auth: { client_token: TOKEN, lease_duration: 60 } } }
}

function signed({ body, headers }: KeyRequest): KeyAnswer {
  const { input, prehashed, signature_algorithm } = JSON.parse(body)
  expect({ prehashed, signature_algorithm }).toEqual({ prehashed: true, signature_algorithm: 'pkcs1v15' })
  expect(headers['x-vault-request']).toBe('true')
  const signature = KEY.signDigest(Buffer.from(input, 'base64')).toString('base64')
  return { status: 200, body: { data: { signature: `vault:v2:${signature}`, key_version: 2 } } }
}

function failure(status: number, ...errors: readonly string[]): KeyAnswer {
  return { status, body: { errors } }
}

function settings(address: string, over: Partial<VaultSettings> = {}): VaultSettings {
  return { address, login: { kind: 'token', token: TOKEN }, namespace: undefined, caFile: undefined, ...over }
}

async function scene(over: Partial<VaultSettings> = {}, options: { tls?: boolean; patienceMs?: number } = {}) {
  const server = await startKeyServer(vault, options.tls === true ? CERTIFICATE : undefined)
  let timeMs = 0
  const patience = { totalMs: options.patienceMs ?? 15_000, firstTryMs: (options.patienceMs ?? 15_000) / 2 }
  const services = createKeyServices({
    monotonic: () => timeMs,
    vault: settings(server.url, over),
    patience: { sign: patience, read: patience },
  })
  return {
    server,
    services,
    signer: () => services.createSigner({ kind: 'kms', provider: 'vault', key: 'transit/keys/octo-sts' }),
    secret: (name: string) => services.resolveSecret({ kind: 'reference', reference: { manager: 'vault', name } }),
    advance(ms: number) {
      timeMs += ms
    },
    async [Symbol.asyncDispose]() {
      await services.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('Transit', () => {
  test('signs', async () => {
    await using at = await scene()
    expect(KEY.verifies('header.payload', await (await at.signer())('header.payload'))).toBe(true)
    expect(at.server.requests.map(({ path }) => path)).toEqual(['/v1/transit/sign/octo-sts/sha2-256'])
  })

  test('is found at its default mount and at any other, in a namespace, with an authority of its own', async () => {
    const caFile = join(FOLDER, 'ca.pem')
    writeFileSync(caFile, CERTIFICATE.cert)
    await using at = await scene({ namespace: 'team/a', caFile }, { tls: true })
    const sign = await at.services.createSigner({ kind: 'kms', provider: 'vault', key: 'octo-sts' })
    const other = await at.services.createSigner({ kind: 'kms', provider: 'vault', key: 'teams@eu/sts/keys/octo-sts' })
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    expect(KEY.verifies('x', await other('x'))).toBe(true)
    expect(at.server.requests.map(({ headers }) => headers['x-vault-namespace'])).toEqual(['team/a', 'team/a'])
  })

  test('is not spoken to when nobody vouches for its certificate', async () => {
    await using at = await scene({}, { tls: true })
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_UNAVAILABLE',
      // Newer releases of Node.js add what one may try.
      log: expect.stringMatching(/^Vault: DEPTH_ZERO_SELF_SIGNED_CERT: self-signed certificate(?:;|$)/),
    })
    expect(at.server.requests).toEqual([])
  })

  const small = createRsaKey(1024).signDigest(Buffer.alloc(32)).toString('base64')
  const signature = (text: string): KeyAnswer => ({ status: 200, body: { data: { signature: text } } })
  test.each<[string, KeyServerFault, string, string]>([
    ['no right', failure(403, 'permission denied'), 'SIGNER_REFUSED', 'Vault: status 403: permission denied'],
    ['no key', failure(400, 'signing key not found'), 'SIGNER_REFUSED', 'Vault: status 400: signing key not found'],
    ['no engine', failure(404), 'SIGNER_REFUSED', 'Vault: status 404'],
    [
      'a redirect',
      { status: 307, body: {}, headers: { location: 'https://active.example/' } },
      'SIGNER_REFUSED',
      'Vault: status 307: it redirects, which is not followed; VAULT_ADDR must be the address of the active server',
    ],
    [
      'a key that is too small',
      signature(`vault:v1:${small}`),
      'SIGNER_REFUSED',
      'the signature has 128 bytes: the key must be an RSA key of 2048 to 8192 bits',
    ],
  ])('refuses for good: %s', async (_, fault, reason, log) => {
    await using at = await scene()
    at.server.faults.push(fault)
    expect(await refusal((await at.signer())('x'))).toEqual({ reason, log })
    expect(at.server.requests.length).toBe(1)
  })

  test.each<[string, KeyServerFault, string]>([
    ['sealed', failure(503, 'Vault is sealed'), 'Vault: status 503: Vault is sealed'],
    ['too many requests', failure(429, 'rate limit quota exceeded'), 'Vault: status 429: rate limit quota exceeded'],
    ['behind', failure(412), 'Vault: status 412'],
    ['reset', 'reset', 'Vault: ECONNRESET: read ECONNRESET'],
    ['HTML', 'html', 'Vault: an answer that is no JSON object'],
    ['cut off', 'truncated', 'Vault: SocketError: other side closed'],
    ['without end', 'endless', 'Vault: ResponseExceededMaxSizeError: Response content exceeded max size'],
    ['another form', signature('bm90IHZhdWx0'), 'Vault: an answer without a signature'],
    ['a list', { status: 200, body: { data: [] } }, 'Vault: an answer without a signature'],
  ])('is asked once more, and then given up for the moment: %s', async (_, fault, log) => {
    await using at = await scene()
    const sign = await at.signer()
    at.server.faults.push(fault)
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    at.server.faults.push(fault, fault)
    expect(await refusal(sign('x'))).toEqual({ reason: 'SIGNER_UNAVAILABLE', log })
    expect(at.server.requests.length).toBe(4)
  })

  test('that does not answer is given up in time', async () => {
    await using at = await scene({}, { patienceMs: 300 })
    at.server.faults.push('hang', 'hang')
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_UNAVAILABLE',
      log: expect.stringMatching(/^there was no answer within 0\.\d+ s$/),
    })
  })

  test.each([
    '',
    'a/',
    '/a',
    'transit/octo-sts',
    '..',
    '../keys/a',
    'a/../keys/b',
    '/keys/a',
    'transit/keys/a b',
    'transit/keys/.',
    'transit/keys/a\n',
  ])('has no key %j', async (key) => {
    await using at = await scene()
    await expect(at.services.createSigner({ kind: 'kms', provider: 'vault', key })).rejects.toThrow(
      `KMS_PROVIDER=vault has the key ${JSON.stringify(key)}, which is not MOUNT/keys/KEY`,
    )
  })
})

describe('the way to Vault', () => {
  test.each([
    ['vault.example.com', 'VAULT_ADDR must be a URL: https://vault.example.com:8200'],
    [
      'http://vault.example.com',
      'VAULT_ADDR must be https: the token would travel in plain text (http is for this machine itself)',
    ],
    [
      'https://me:secret@vault.example.com',
      'VAULT_ADDR must be a host and nothing more: https://vault.example.com:8200',
    ],
  ])('is not %s', async (address, message) => {
    const services = createKeyServices({ monotonic: () => 0, vault: settings(address) })
    await expect(services.createSigner({ kind: 'kms', provider: 'vault', key: 'a' })).rejects.toThrow(message)
  })

  test('is needed', async () => {
    const services = createKeyServices({ monotonic: () => 0, vault: undefined })
    await expect(services.createSigner({ kind: 'kms', provider: 'vault', key: 'a' })).rejects.toThrow(
      'KMS_PROVIDER=vault needs VAULT_ADDR, and VAULT_TOKEN_FILE, VAULT_TOKEN or VAULT_ROLE',
    )
  })

  test('needs the file of its authority', async () => {
    const services = createKeyServices({
      monotonic: () => 0,
      vault: settings('https://vault.example.com', { caFile: join(FOLDER, 'absent.pem') }),
    })
    await expect(services.createSigner({ kind: 'kms', provider: 'vault', key: 'a' })).rejects.toThrow(
      /^VAULT_CACERT names a file that cannot be read: ENOENT/,
    )
  })
})

describe('the token', () => {
  const path = join(FOLDER, 'token')
  const fromFile: VaultLogin = { kind: 'token-file', path }

  test('in a file is read for each signature, so that an agent may renew it', async () => {
    await using at = await scene({ login: fromFile })
    writeFileSync(path, 'hvs.expired\n')
    const sign = await at.signer()
    expect(await refusal(sign('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: 'Vault: status 403: permission denied',
    })
    writeFileSync(path, `${TOKEN}\n`)
    at.advance(1_000)
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
  })

  test.each([
    ['an empty file', ''],
    ['two lines', 'a\nb'],
  ])('is not %s', async (_, content) => {
    await using at = await scene({ login: fromFile })
    writeFileSync(path, content)
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: 'VAULT_TOKEN_FILE holds no token: it is empty, or has blanks or line breaks within',
    })
    expect(at.server.requests).toEqual([])
  })

  const jwtFile = join(FOLDER, 'service-account')
  const kubernetes: VaultLogin = { kind: 'kubernetes', role: 'octo-sts', mount: 'k8s/eu', tokenFile: jwtFile }

  test('is got for the service account of Kubernetes, kept for two thirds of its life, and got anew when it is refused', async () => {
    writeFileSync(jwtFile, 'the.service.account\n')
    await using at = await scene({ login: kubernetes })
    const sign = await at.signer()
    const logins = () => at.server.requests.filter(({ path }) => path.startsWith('/v1/auth/')).length
    await sign('1')
    at.advance(39_999)
    expect(KEY.verifies('2', await sign('2'))).toBe(true)
    expect(logins()).toBe(1)
    at.advance(1)
    await sign('3')
    expect(logins()).toBe(2)
    at.server.faults.push(failure(403, 'permission denied'))
    expect(KEY.verifies('4', await sign('4'))).toBe(true)
    expect(logins()).toBe(3)
  })

  test('is not given to another service account', async () => {
    writeFileSync(jwtFile, 'another.service.account')
    await using at = await scene({ login: kubernetes })
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: 'Vault: status 403: permission denied',
    })
    expect(at.server.requests.length).toBe(1)
  })
})

describe('KV', () => {
  let at: Awaited<ReturnType<typeof scene>>
  beforeAll(async () => {
    at = await scene()
  })
  afterAll(() => at[Symbol.asyncDispose]())

  test('holds the private key of the App', async () => {
    const sign = await at.services.createSigner({
      kind: 'reference',
      reference: { manager: 'vault', name: 'secret/octo-sts/app#pem' },
    })
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
  })

  test('may be of version 1', async () => {
    expect(await at.secret('kv1/octo-sts#webhook')).toBe('of version 1')
  })

  test('may be of version 1, with a policy that knows no path of version 2', async () => {
    at.server.faults.push(failure(403, 'permission denied'))
    expect(await at.secret('kv1/octo-sts#webhook')).toBe('of version 1')
  })

  test.each([
    ['secret/octo-sts', 'its name must be MOUNT/PATH#FIELD'],
    ['octo-sts#pem', 'its name must be MOUNT/PATH#FIELD'],
    ['secret/absent#pem', 'Vault: status 404'],
    ['secret/octo-sts/app#other', 'the secret has no field "other" that is a text'],
    ['secret/octo-sts/app#number', 'the secret has no field "number" that is a text'],
    ['secret/octo-sts/app#constructor', 'the secret has no field "constructor" that is a text'],
    ['secret/../sys/mounts#x', 'Vault has no path "secret/data/../sys/mounts"'],
  ])('does not have %s', async (name, why) => {
    await expect(at.secret(name)).rejects.toThrow(new Error(`the secret vault-secret://${name} cannot be used: ${why}`))
  })

  test.each<[string, KeyServerFault, string]>([
    ['sealed', failure(503, 'Vault is sealed'), 'Vault: status 503: Vault is sealed'],
    ['no JSON', 'unclosed', 'Vault: an answer that is no JSON object'],
    ['no data', { status: 200, body: {} }, 'Vault: an answer without a secret'],
  ])('is asked twice: %s', async (_, fault, why) => {
    at.server.faults.push(fault)
    expect(await at.secret('secret/octo-sts/app#pem')).toBe(KEY.pem)
    at.server.faults.push(fault, fault)
    await expect(at.secret('secret/octo-sts/app#pem')).rejects.toThrow(
      new Error(`the secret vault-secret://secret/octo-sts/app#pem cannot be used: ${why}`),
    )
  })
})

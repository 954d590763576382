import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { VendorClients } from '../../src/keys/key-client.ts'
import { createKeyServices } from '../../src/keys/key-services.ts'
import { type KeyAnswer, type KeyRequest, type KeyServerFault, startKeyServer } from '../support/key-server.ts'
import { refusal } from '../support/refusal.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const KEY = createRsaKey()
const ARN = 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x' }

/** The JSON protocol of AWS KMS and Secrets Manager; moto knows no faults. */
function aws({ headers, body }: KeyRequest): KeyAnswer {
  if (headers['x-amz-target'] === 'secretsmanager.GetSecretValue')
    return { status: 200, body: { SecretString: KEY.pem } }
  const { Message, MessageType, SigningAlgorithm, KeyId } = JSON.parse(body)
  if (SigningAlgorithm !== 'RSASSA_PKCS1_V1_5_SHA_256') return failure(400, 'ValidationException', SigningAlgorithm)
  const message = Buffer.from(Message, 'base64')
  if (message.length > (MessageType === 'RAW' ? 4096 : 32)) return failure(400, 'ValidationException', 'length')
  const digest = MessageType === 'RAW' ? createHash('sha256').update(message).digest() : message
  return { status: 200, body: { KeyId, SigningAlgorithm, Signature: KEY.signDigest(digest).toString('base64') } }
}

function failure(status: number, type: string, message: string): KeyAnswer {
  return { status, body: { __type: type, message } }
}

async function scene(over: { patienceMs?: number; clients?: VendorClients['aws'] } = {}) {
  const server = await startKeyServer(aws)
  const patience = { totalMs: over.patienceMs ?? 15_000, firstTryMs: (over.patienceMs ?? 15_000) / 2 }
  const services = createKeyServices({
    monotonic: () => 0,
    vault: undefined,
    clients: { aws: { endpoint: server.url, region: 'us-east-1', credentials: CREDENTIALS, ...over.clients } },
    patience: { sign: patience, read: patience },
  })
  return {
    server,
    services,
    signer: (key = ARN) => services.createSigner({ kind: 'kms', provider: 'aws', key }),
    async [Symbol.asyncDispose]() {
      await services.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('AWS KMS', () => {
  test.each([
    [ARN, 'eu-central-1'],
    ['arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/octo-sts', 'us-gov-west-1'],
    ['alias/octo-sts', 'us-east-1'],
    ['mrk-1234abcd12ab34cd56ef1234567890ab', 'us-east-1'],
  ])('signs with %s, in its region', async (name, region) => {
    await using at = await scene()
    const sign = await at.signer(name)
    expect(KEY.verifies('header.payload', await sign('header.payload'))).toBe(true)
    expect(at.server.requests[0]?.headers.authorization).toContain(`/${region}/kms/aws4_request`)
  })

  test.each([1, 4096, 4097, 100_000])('signs %i bytes', async (length) => {
    await using at = await scene()
    const input = 'x'.repeat(length)
    expect(KEY.verifies(input, await (await at.signer())(input))).toBe(true)
  })

  test.each<[string, KeyServerFault, string]>([
    ['no right', failure(400, 'AccessDeniedException', 'no kms:Sign'), 'AWS KMS: AccessDeniedException: no kms:Sign'],
    ['no key', failure(400, 'NotFoundException', 'no such key'), 'AWS KMS: NotFoundException: no such key'],
    ['disabled', failure(400, 'DisabledException', 'disabled'), 'AWS KMS: DisabledException: disabled'],
    ['to be deleted', failure(400, 'KMSInvalidStateException', 'x'), 'AWS KMS: KMSInvalidStateException: x'],
    ['another use', failure(400, 'InvalidKeyUsageException', 'x'), 'AWS KMS: InvalidKeyUsageException: x'],
    ['an expired session', failure(400, 'ExpiredTokenException', 'x'), 'AWS KMS: ExpiredTokenException: x'],
    [
      'a key of another kind',
      { status: 200, body: { Signature: Buffer.alloc(71).toString('base64') } },
      'the signature has 71 bytes: the key must be an RSA key of 2048 to 8192 bits',
    ],
  ])('refuses for good: %s', async (_, fault, log) => {
    await using at = await scene()
    at.server.faults.push(fault)
    expect(await refusal((await at.signer())('x'))).toEqual({ reason: 'SIGNER_REFUSED', log })
    expect(at.server.requests.length).toBe(1)
  })

  test.each<[string, KeyServerFault, string | RegExp]>([
    ['too many requests', failure(400, 'ThrottlingException', 'rate'), 'AWS KMS: ThrottlingException: rate'],
    ['trouble of its own', failure(500, 'KMSInternalException', 'x'), 'AWS KMS: KMSInternalException: x'],
    ['trouble behind it', failure(500, 'KeyUnavailableException', 'x'), 'AWS KMS: KeyUnavailableException: x'],
    ['reset', 'reset', /^AWS KMS: .*ECONNRESET/],
    ['HTML', 'html', 'AWS KMS: an answer that cannot be read'],
    ['cut off', 'truncated', /^AWS KMS: .*aborted/],
    ['no signature', { status: 200, body: {} }, 'AWS KMS: an answer without a signature'],
  ])('is asked once more, and then given up for the moment: %s', async (_, fault, log) => {
    await using at = await scene()
    const sign = await at.signer()
    at.server.faults.push(fault)
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    at.server.faults.push(fault, fault)
    expect(await refusal(sign('x'))).toEqual({ reason: 'SIGNER_UNAVAILABLE', log: expect.stringMatching(log) })
    expect(at.server.requests.length).toBe(4)
  })

  test('that does not answer is given up in time', async () => {
    await using at = await scene({ patienceMs: 300 })
    at.server.faults.push('hang', 'hang')
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_UNAVAILABLE',
      log: expect.stringMatching(/^there was no answer within 0\.\d+ s$/),
    })
  })

  test('is not asked without credentials', async () => {
    await using at = await scene({
      clients: {
        async credentials() {
          throw Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' })
        },
      },
    })
    expect(await refusal((await at.signer())('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: 'AWS KMS: CredentialsProviderError: Could not load credentials',
    })
    expect(at.server.requests).toEqual([])
  })

  const nowhere: VendorClients['aws'] = {
    async region() {
      throw new Error('Region is missing')
    },
  }

  test('needs a region, of the environment or of an ARN', async () => {
    await using at = await scene({ clients: nowhere })
    await expect(at.signer('alias/octo-sts')).rejects.toThrow(
      new Error('KMS_PROVIDER=aws needs to know the region: set AWS_REGION, or write the name as an ARN'),
    )
    expect(KEY.verifies('x', await (await at.signer(ARN))('x'))).toBe(true)
  })

  test.each(['', 'octo-sts', 'alias/', 'alias/a b', 'arn:aws:s3:::bucket', `${ARN}\n`])(
    'has no key %j',
    async (key) => {
      await using at = await scene()
      await expect(at.signer(key)).rejects.toThrow(
        `KMS_PROVIDER=aws has the key ${JSON.stringify(key)}, which is no key id, no ARN and no alias/…`,
      )
    },
  )
})

describe('AWS Secrets Manager', () => {
  const NAME = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:octo-sts-AbCdEf'
  const reference = { manager: 'aws', name: NAME } as const

  test('holds the private key of the App, in the region of the ARN', async () => {
    await using at = await scene()
    const sign = await at.services.createSigner({ kind: 'reference', reference })
    expect(KEY.verifies('x', await sign('x'))).toBe(true)
    expect(at.server.requests[0]?.headers.authorization).toContain('/eu-west-1/secretsmanager/aws4_request')
  })

  test.each<[string, KeyServerFault, string, number]>([
    ['no right', failure(400, 'AccessDeniedException', 'no'), 'AWS Secrets Manager: AccessDeniedException: no', 1],
    ['throttled', failure(400, 'ThrottlingException', 'x'), 'AWS Secrets Manager: ThrottlingException: x', 2],
    ['broken', failure(500, 'InternalServiceError', 'x'), 'AWS Secrets Manager: InternalServiceError: x', 2],
    ['no JSON', 'unclosed', 'AWS Secrets Manager: an answer that cannot be read', 2],
    ['no value', { status: 200, body: {} }, 'AWS Secrets Manager: an answer without a value', 2],
  ])('that refuses or fails is named: %s', async (_, fault, why, requests) => {
    await using at = await scene()
    at.server.faults.push(fault, fault)
    await expect(at.services.resolveSecret({ kind: 'reference', reference })).rejects.toThrow(
      new Error(`the secret aws-secret://${NAME} cannot be used: ${why}`),
    )
    expect(at.server.requests.length).toBe(requests)
  })

  test('that holds something else than a key is named, and its text is not repeated', async () => {
    await using at = await scene()
    at.server.faults.push({ status: 200, body: { SecretString: 'hunter2' } })
    await expect(at.services.createSigner({ kind: 'reference', reference })).rejects.toThrow(
      new Error(
        `the secret aws-secret://${NAME} holds no usable private key: the private key is no PEM: it must begin with "-----BEGIN RSA PRIVATE KEY-----"`,
      ),
    )
  })
})

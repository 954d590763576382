import { createPublicKey, verify } from 'node:crypto'
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
} from '@aws-sdk/client-kms'
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createKeyServices, type KeyServices } from '../../src/keys/key-services.ts'
import { MOTO, type Moto, startMoto } from '../support/moto.ts'
import { refusal } from '../support/refusal.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x' }
const PEM = createRsaKey().pem

const withMoto = MOTO === undefined ? describe.skip : describe
withMoto('against moto', () => {
  let moto: Moto
  let services: KeyServices
  let kms: KMSClient
  beforeAll(async () => {
    moto = await startMoto()
    const aws = { endpoint: moto.url, region: 'eu-central-1', credentials: CREDENTIALS }
    services = createKeyServices({ monotonic: () => 0, vault: undefined, clients: { aws } })
    kms = new KMSClient(aws)
    const secrets = new SecretsManagerClient(aws)
    await secrets.send(new CreateSecretCommand({ Name: 'octo-sts/pem', SecretString: PEM }))
    await secrets.send(
      new CreateSecretCommand({ Name: 'octo-sts/all', SecretString: JSON.stringify({ webhook: 'of a member', n: 1 }) }),
    )
    await secrets.send(new CreateSecretCommand({ Name: 'octo-sts/binary', SecretBinary: Buffer.from('of bytes') }))
    secrets.destroy()
  })
  afterAll(async () => {
    kms.destroy()
    await services.close()
    await moto[Symbol.asyncDispose]()
  })

  const read = (name: string) => services.resolveSecret({ kind: 'reference', reference: { manager: 'aws', name } })
  const signer = (key: string) => services.createSigner({ kind: 'kms', provider: 'aws', key })
  async function createKey(spec: 'RSA_2048' | 'RSA_4096' | 'ECC_NIST_P256') {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' }))
    return { id: KeyMetadata?.KeyId ?? '', arn: KeyMetadata?.Arn ?? '' }
  }

  test.each(['RSA_2048', 'RSA_4096'] as const)(
    'AWS KMS signs with a key of %s, by its id, its ARN and its alias',
    async (spec) => {
      const { id, arn } = await createKey(spec)
      const alias = `alias/octo-sts/${spec}`
      await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: id }))
      const { PublicKey = new Uint8Array() } = await kms.send(new GetPublicKeyCommand({ KeyId: id }))
      const publicKey = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' })
      for (const name of [id, arn, alias, arn.replace(/key\/.*/, alias)]) {
        const sign = await signer(name)
        expect(verify('RSA-SHA256', Buffer.from('header.payload'), publicKey, await sign('header.payload'))).toBe(true)
      }
    },
  )

  test('AWS KMS refuses a key that is not there, is disabled, or is of another kind', async () => {
    expect(await refusal((await signer('alias/absent'))('x'))).toEqual({
      reason: 'SIGNER_REFUSED',
      log: 'AWS KMS: NotFoundException: Alias arn:aws:kms:eu-central-1:123456789012:alias/absent is not found.',
    })
    const { id } = await createKey('RSA_2048')
    await kms.send(new DisableKeyCommand({ KeyId: id }))
    const ec = await createKey('ECC_NIST_P256')
    expect((await refusal((await signer(ec.id))('x')))?.reason).toBe('SIGNER_REFUSED')
  })

  test('AWS Secrets Manager holds the private key of the App', async () => {
    const sign = await services.createSigner({
      kind: 'reference',
      reference: { manager: 'aws', name: 'octo-sts/pem' },
    })
    expect((await sign('x')).length).toBe(256)
  })

  test('AWS Secrets Manager has texts, bytes and members', async () => {
    expect(await read('octo-sts/pem')).toBe(PEM)
    expect(await read('octo-sts/binary')).toBe('of bytes')
    expect(await read('octo-sts/all#webhook')).toBe('of a member')
  })

  test.each([
    [
      'octo-sts/absent',
      "AWS Secrets Manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
    ],
    ['octo-sts/all#absent', 'the secret has no member "absent" that is a text'],
    ['octo-sts/all#n', 'the secret has no member "n" that is a text'],
    ['octo-sts/all#toString', 'the secret has no member "toString" that is a text'],
    ['octo-sts/pem#webhook', 'the secret is no JSON object, so it has no members'],
    ['octo-sts/all#', 'its name must be ID, ARN, or one of them with #MEMBER'],
    ['#webhook', 'its name must be ID, ARN, or one of them with #MEMBER'],
  ])('AWS Secrets Manager does not have %s', async (name, why) => {
    await expect(read(name)).rejects.toThrow(new Error(`the secret aws-secret://${name} cannot be used: ${why}`))
  })
})

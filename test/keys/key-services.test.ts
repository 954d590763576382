import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createKeyServices } from '../../src/keys/key-services.ts'
import type { AppKey, KmsProvider, Secret } from '../../src/terms/app-key.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const KEY = createRsaKey()

describe('a key in memory', () => {
  test('signs', async () => {
    const services = createKeyServices({ monotonic: () => 0, vault: undefined })
    const sign = await services.createSigner({ kind: 'pem', pem: KEY.pem })
    expect(KEY.verifies('header.payload', await sign('header.payload'))).toBe(true)
    await services.close()
  })

  test('is told what is wrong with it', async () => {
    const services = createKeyServices({ monotonic: () => 0, vault: undefined })
    await expect(services.createSigner({ kind: 'pem', pem: 'x' })).rejects.toThrow('the private key is no PEM')
  })
})

test('a secret that is a text is that text', async () => {
  const services = createKeyServices({ monotonic: () => 0, vault: undefined })
  expect(await services.resolveSecret({ kind: 'text', text: 'as it is ' })).toBe('as it is ')
})

/** The compiled sources where none of the optional packages is installed: only undici, which the service needs anyway. */
describe('without any client library', () => {
  const folder = mkdtempSync(join(tmpdir(), 'octo-sts-keys-'))
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  beforeAll(() => {
    for (const part of ['keys', 'terms', 'runtime'])
      cpSync(join(root, 'dist/src', part), join(folder, 'src', part), { recursive: true })
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(join(root, 'node_modules/undici'), join(folder, 'node_modules/undici'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'ask.mjs'), ASK)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  async function ask(method: 'createSigner' | 'resolveSecret', argument: AppKey | Secret): Promise<string> {
    const program = [join(folder, 'ask.mjs'), method, JSON.stringify(argument)]
    const { stdout } = await promisify(execFile)(process.execPath, program, { cwd: folder })
    return stdout
  }

  test('a key in memory signs: none of them is loaded before it is needed', async () => {
    expect(await ask('createSigner', { kind: 'pem', pem: KEY.pem })).toBe('signed 256')
  })

  test.each<[KmsProvider, string]>([
    ['gcp', '@google-cloud/kms'],
    ['aws', '@aws-sdk/client-kms'],
    ['akv', '@azure/keyvault-keys'],
  ])('KMS_PROVIDER=%s says that it needs %s', async (provider, name) => {
    const message = `KMS_PROVIDER=${provider} needs the package ${name}: npm install ${name}`
    expect(await ask('createSigner', { kind: 'kms', provider, key: 'x' })).toBe(message)
  })

  test.each<[KmsProvider, string]>([
    ['gcp', '@google-cloud/secret-manager'],
    ['aws', '@aws-sdk/client-secrets-manager'],
    ['akv', '@azure/keyvault-secrets'],
  ])('%s-secret:// says that it needs %s', async (manager, name) => {
    const message = `${manager}-secret:// needs the package ${name}: npm install ${name}`
    expect(await ask('resolveSecret', { kind: 'reference', reference: { manager, name: 'x' } })).toBe(message)
  })
})

const ASK = `
import { createKeyServices } from './src/keys/key-services.js'
const [, , method, argument] = process.argv
try {
  const sign = await createKeyServices({ monotonic: () => 0, vault: undefined })[method](JSON.parse(argument))
  process.stdout.write('signed ' + (await sign('x')).length)
} catch (error) {
  process.stdout.write(error.message)
}
`

test("Azure's credential is found by its package's name, which TypeScript does not check", async () => {
  const services = createKeyServices({ monotonic: () => 0, vault: undefined })
  const key = { kind: 'kms', provider: 'akv', key: 'https://v.vault.azure.net/keys/a' } as const
  expect(typeof (await services.createSigner(key))).toBe('function')
})

import { describe, expect, test } from '@jest/globals'
import { parseSecretReference } from '../../src/terms/secret-reference.ts'

describe('a reference is its manager and the name behind ://', () => {
  test.each([
    ['gcp', 'projects/acme-prod/secrets/app-key/versions/3'],
    ['gcp', 'projects/123456789/secrets/app_key/versions/latest'],
    ['gcp', 'projects/example.com:acme/secrets/k/versions/current-1'],
    ['aws', 'octo-sts/app.key'],
    ['aws', 'octo-sts/app#private_key'],
    ['aws', 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:octo-sts/app-AbCdEf'],
    ['aws', 'arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:app-AbCdEf#key'],
    ['akv', 'acme-vault/app-key'],
    ['akv', 'acme-vault/app-key/0123456789abcdef0123456789abcdef'],
    ['akv', 'acme-vault.vault.azure.cn/app-key'],
    ['vault', 'secret/octo-sts#private_key'],
    ['vault', 'kv/team/octo-sts/app#webhook-secret'],
  ])('%s-secret://%s', (manager, name) => {
    expect(parseSecretReference(`${manager}-secret://${name}`)).toEqual({ manager, name })
  })
})

test.each([
  '',
  'whsec-0123456789abcdef',
  '-----BEGIN PRIVATE KEY-----',
  'https://gcp-secret/',
  'gcp-secret:/x',
  ' gcp',
])('%j is no reference', (text) => {
  expect(parseSecretReference(text)).toBeUndefined()
})

describe('a malformed reference is never taken for the secret itself', () => {
  test.each([
    ['gcp-secret://', /^must be gcp-secret:\/\/projects\/PROJECT/],
    ['gcp-secret://projects/p/secrets/s', /^must be gcp-secret:/],
    ['gcp-secret://projects/p/secrets/../versions/1', /^must be gcp-secret:/],
    ['gcp-secret://projects/p/secrets/s/versions/1\n', /^must be gcp-secret:/],
    ['gcp-secret://projects/p/locations/l/secrets/s/versions/1', /^must be gcp-secret:/],
    ['aws-secret://', /^must be aws-secret:/],
    ['aws-secret://a b', /^must be aws-secret:/],
    ['aws-secret://app#', /^must be aws-secret:/],
    ['aws-secret://app#a#b', /^must be aws-secret:/],
    ['aws-secret://arn:aws:kms:eu-west-1:123456789012:secret:x', /^must be aws-secret:/],
    ['akv-secret://vault', /^must be akv-secret:/],
    ['akv-secret://https://acme.vault.azure.net/secrets/x', /^must be akv-secret:/],
    ['akv-secret://acme.evil.example/x', /^must be akv-secret:/],
    ['vault-secret://secret/app', /^must be vault-secret:/],
    ['vault-secret://app#field', /^must be vault-secret:/],
    ['vault-secret://secret/../sys/raw#field', /^must be vault-secret:/],
    ['vault-secret://secret/..#field', /^must be vault-secret:/],
    ['vault-secret:///app#field', /^must be vault-secret:/],
    ['vault-secret://secret//app#field', /^must be vault-secret:/],
    ['vault-secret://secret/app?version=1#field', /^must be vault-secret:/],
    ['GCP-secret://projects/p/secrets/s/versions/1', /^names no secret manager that is known/],
    ['azure-secret://v/s', /^names no secret manager that is known/],
    ['aws-secrets://x', /^names no secret manager that is known/],
    ['aws-secretsmanager://x', /^names no secret manager that is known/],
  ])('%j', (text, expected) => {
    expect(() => parseSecretReference(text)).toThrow(expected)
  })
})

test.each([
  ['projects/acme-prod/secrets/hook/versions/3', 'gcp', 'projects/acme-prod/secrets/hook/versions/3'],
  ['projects/acme-prod/secrets/hook', 'gcp', 'projects/acme-prod/secrets/hook/versions/latest'],
  ['//secretmanager.googleapis.com/projects/p1/secrets/hook', 'gcp', 'projects/p1/secrets/hook/versions/latest'],
  [
    'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hook-AbCdEf',
    'aws',
    'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hook-AbCdEf',
  ],
  ['https://acme-vault.vault.azure.net/secrets/hook', 'akv', 'acme-vault.vault.azure.net/hook'],
  ['https://acme-vault.vault.azure.net/secrets/hook/0123abcd/', 'akv', 'acme-vault.vault.azure.net/hook/0123abcd'],
])("a manager's own full name of a secret, %s, is a reference", (text, manager, name) => {
  expect(parseSecretReference(text)).toEqual({ manager, name })
})

test.each([
  'projects/acme',
  'projects/x/y',
  'an:aws:x',
  'https://example.com/',
  'xhttps://v.vault.azure.net/secrets/s',
])('%s is none', (text) => {
  expect(parseSecretReference(text)).toBeUndefined()
})

describe("what looks like a manager's own name and is none is never taken for the secret itself", () => {
  test.each([
    ['projects/p/secrets/hook/', 'gcp-secret'],
    ['projects/p/secrets/hook/versions/', 'gcp-secret'],
    ['projects/p/secrets', 'gcp-secret'],
    ['projects/p/locations/europe-west1/secrets/hook', 'gcp-secret'],
    ['Projects/p/secrets/hook', 'gcp-secret'],
    ['//secretmanager.googleapis.com/projects/p', 'gcp-secret'],
    ['arn:aws:kms:eu-west-1:123456789012:key/x', 'aws-secret'],
    ['arn:aws:secretsmanager:eu-west-1:12345:secret:x', 'aws-secret'],
    ['https://evil.example.com/secrets/hook', 'akv-secret'],
    ['https://acme-vault.vault.azure.net/keys/hook', 'akv-secret'],
    ['https://v.vault.azure.net/secrets/hook', 'akv-secret'], // Azure's names have three characters or more
    ['https://acme-vault.vault.azure.net/secrets/hook?x=1', 'akv-secret'],
    ['HTTPS://acme-vault.vault.azure.net/secrets/hook', 'akv-secret'],
  ])('%s', (text, form) => {
    expect(() => parseSecretReference(text)).toThrow(`cannot be one: write ${form}://`)
  })
})

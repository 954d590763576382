import { expect, test } from '@jest/globals'
import { GOOD, NO_KEY, problems, read } from './read.ts'

const KEYS = { ...NO_KEY, KMS_PROVIDER: 'vault', KMS_KEYS: 'app' }
const VAULT = { VAULT_ADDR: 'https://vault.example.com:8200/', VAULT_TOKEN: 'hvs.token' }
const FOUND = { address: 'https://vault.example.com:8200', namespace: undefined, caFile: undefined }

test.each<readonly [string, Record<string, string>, object]>([
  ['a token', VAULT, { ...FOUND, login: { kind: 'token', token: 'hvs.token' } }],
  [
    'a file, a namespace and an authority',
    { VAULT_ADDR: VAULT.VAULT_ADDR, VAULT_TOKEN_FILE: '/token', VAULT_NAMESPACE: 'acme', VAULT_CACERT: '/ca.pem' },
    { ...FOUND, login: { kind: 'token-file', path: '/token' }, namespace: 'acme', caFile: '/ca.pem' },
  ],
  [
    'a service account',
    { VAULT_ADDR: VAULT.VAULT_ADDR, VAULT_ROLE: 'octo-sts' },
    {
      ...FOUND,
      login: {
        kind: 'kubernetes',
        role: 'octo-sts',
        mount: 'kubernetes',
        tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      },
    },
  ],
  [
    'a service account of another mount',
    { VAULT_ADDR: VAULT.VAULT_ADDR, VAULT_ROLE: 'r', VAULT_AUTH_MOUNT: 'k8s', VAULT_SERVICE_ACCOUNT_TOKEN_FILE: '/t' },
    { ...FOUND, login: { kind: 'kubernetes', role: 'r', mount: 'k8s', tokenFile: '/t' } },
  ],
])('Vault with %s', (_, env, expected) => {
  expect(read({ ...KEYS, ...env }).vault).toEqual(expected)
})

test('VAULT_* that platforms set for everybody are not looked at when no key and no secret is there', () => {
  expect(read({ ...GOOD, VAULT_ADDR: 'http://vault:8200' }).vault).toBeUndefined()
})

test.each<readonly [string, Record<string, string>]>([
  ['a private key', { ...NO_KEY, APP_SECRET_CERTIFICATE_ENV_VAR: 'vault-secret://secret/app#key' }],
  ['the webhook', { ...GOOD, GITHUB_WEBHOOK_SECRET: 'vault-secret://secret/app#hook' }],
])('they are when %s is there', (_, env) => {
  expect(read({ ...env, ...VAULT }).vault).toEqual({ ...FOUND, login: { kind: 'token', token: 'hvs.token' } })
})

test.each<readonly [Record<string, string>, readonly RegExp[]]>([
  [{}, [/^VAULT_ADDR must be set/, /^VAULT_TOKEN must be set, or VAULT_TOKEN_FILE, or VAULT_ROLE/]],
  [{ ...VAULT, VAULT_ADDR: 'http://vault:8200' }, [/^VAULT_ADDR must use https/]],
  [{ ...VAULT, VAULT_ADDR: 'https://u:hvs.token@vault' }, [/^VAULT_ADDR must be a plain URL/]],
  [{ ...VAULT, VAULT_ROLE: 'r' }, [/^VAULT_TOKEN and VAULT_ROLE exclude each other: set one$/]],
  [{ ...VAULT, VAULT_TOKEN_FILE: '/t' }, [/^VAULT_TOKEN and VAULT_TOKEN_FILE exclude each other: set one$/]],
])('%j is refused', (env, expected) => {
  const found = problems({ ...KEYS, ...env })
  expect(found).toEqual(expected.map((pattern) => expect.stringMatching(pattern)))
  expect(found.join()).not.toContain('hvs.token')
})

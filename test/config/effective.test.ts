import { describe, expect, test } from '@jest/globals'
import { effectiveOf } from '../../src/config/effective.ts'
import { MASK, showHost, showPlain, showPlainUrl, showReference, showStoreUrl } from '../../src/config/mask.ts'
import { VARIABLES } from '../../src/config/variable-table.ts'
import { configuration, GOOD, KEY } from './read.ts'

function effective(env: Record<string, string>, files: Record<string, string> = {}) {
  const { values, ...rest } = effectiveOf(configuration(env, files))
  return { ...rest, values: new Map(values.map((value) => [value.name as string, value])) }
}

test('every variable is there once, with its value and where it comes from', () => {
  const file = 'log_level: debug\nport: 1\nallowed_owners: [acme, example]'
  const { values, pools, problems } = effective({ ...GOOD, CONFIG_FILE: '/c', PORT: '2' }, { '/c': file })
  expect([...values.keys()].sort()).toEqual(Object.keys(VARIABLES).sort())
  const of = (name: string) => {
    const { value, unset, from, line } = values.get(name) ?? {}
    return [value ?? unset, from, line]
  }
  expect(of('PORT')).toEqual(['2', 'environment', undefined])
  expect(of('LOG_LEVEL')).toEqual(['debug', 'CONFIG_FILE', 1])
  expect(of('ALLOWED_OWNERS')).toEqual([['acme', 'example'], 'CONFIG_FILE', 3])
  expect(of('SHUTDOWN_GRACE')).toEqual(['10s', 'default', undefined])
  expect(of('ALLOWED_ISSUERS')).toEqual(['all', 'default', undefined])
  expect(of('APP_SECRET_CERTIFICATE_ENV_VAR')).toEqual([MASK, 'environment', undefined])
  expect(pools).toEqual([{ owner: '*', apps: [{ id: 42, key: `private key ${MASK}` }] }])
  expect(problems).toEqual([])
})

test('where a key is may be seen', () => {
  const text = `orgs:
- {name: a, apps: [{app_id: 1, kms_key: alias/sts}]}
- {name: "*", apps: [{app_id: 2, private_key: aws-secret://x}]}`
  expect(effective({ APP_CONFIG_FILE: '/a', KMS_PROVIDER: 'aws' }, { '/a': text }).pools).toEqual([
    { owner: 'a', apps: [{ id: 1, key: 'aws alias/sts' }] },
    { owner: '*', apps: [{ id: 2, key: 'aws-secret://x' }] },
  ])
})

describe('no byte of a secret is shown, not even of one that is wrong or in the wrong place', () => {
  const secret = 'hunter2'
  const pem = `-----BEGIN RSA PRIVATE KEY-----\n${secret}`
  const rows: readonly (readonly [string, string])[] = [
    ['APP_SECRET_CERTIFICATE_ENV_VAR', `${KEY}${secret}`],
    ['APP_SECRET_CERTIFICATE_ENV_VAR', secret],
    ['APP_SECRET_CERTIFICATE_ENV_VAR', `gcp-secret://${secret}`],
    ['APP_SECRET_CERTIFICATE_FILE', pem],
    ['KMS_KEYS', pem],
    ['GITHUB_APP_IDS', pem],
    ['STS_DOMAIN', pem],
    ['CONFIG_FILE', pem],
    ['APP_CONFIG_FILE', pem],
    ['ALLOWED_OWNERS', pem],
    ['ALLOWED_ISSUERS', `(?=${pem}`],
    ['MAX_PERMISSIONS', pem],
    ['POLICY_SOURCES', pem],
    ['LOG_LEVEL', pem],
    ['OCTOSTS_STICKY_STORE', pem],
    ['REFRESH_TOKEN_KEYS', secret],
    ['REFRESH_TOKEN_KEYS', `${Buffer.alloc(32).toString('base64')},${secret}`],
    ['GITHUB_WEBHOOK_SECRET', secret],
    ['GITHUB_WEBHOOK_SECRET', `aws-secret://x,${secret},gcp-secret://${secret}`],
    ['STORE_URL', `redis://user:${secret}@host`],
    ['STORE_URL', `redis://:${secret}/@host`],
    ['STORE_URL', secret],
    ['EVENT_INGRESS_URI', `https://user:${secret}@sink.example.com/`],
    ['EVENT_INGRESS_URI', `https://sink.example.com/${secret}?key=${secret}#${secret}`],
    ['EVENT_INGRESS_URI', secret],
    ['GITHUB_BASE_URL', `https://user:${secret}@github.example.com`],
    ['GITHUB_BASE_URL', `https://github.example.com?token=${secret}`],
    ['VAULT_TOKEN', secret],
    ['VAULT_ADDR', `https://user:${secret}@vault.example.com`],
  ]
  test.each(rows)('%s of %j', (name, value) => {
    const { values, ...rest } = effectiveOf(configuration({ ...GOOD, KMS_PROVIDER: 'vault', [name]: value }))
    expect(values.find((each) => each.name === name)?.value).toBeDefined()
    expect(JSON.stringify([values, rest])).not.toContain(secret)
  })
  test.each(rows)('%s of %j in CONFIG_FILE', (name, value) => {
    if (name === 'CONFIG_FILE') return
    const file = JSON.stringify({ [name.toLowerCase()]: value })
    const { [name as 'STS_DOMAIN']: _, ...env } = GOOD
    const shown = effectiveOf(configuration({ ...env, CONFIG_FILE: '/c', KMS_PROVIDER: 'vault' }, { '/c': file }))
    expect(shown.values.find((each) => each.name === name)?.from).toBe('CONFIG_FILE')
    expect(JSON.stringify(shown)).not.toContain(secret)
  })
  test('REFRESH_TOKEN_KEYS_FILE that holds the keys', () => {
    const key = Buffer.alloc(32, 7).toString('base64')
    expect(JSON.stringify(effectiveOf(configuration({ ...GOOD, REFRESH_TOKEN_KEYS_FILE: key })))).not.toContain(key)
  })
})

describe('masks', () => {
  test.each([
    [showStoreUrl, 'redis://host', 'redis://host'],
    [showStoreUrl, 'rediss://user:p%40@host:6380/2', 'rediss://***@host:6380/2'],
    [showStoreUrl, 'redis://:p@a,b:7001,[::1]:7?cluster=true', 'redis://***@a,b:7001,[::1]:7?cluster=true'],
    [
      showStoreUrl,
      'redis://s1?sentinel=main&sentinel_user=u&sentinel_password=p',
      'redis://s1?sentinel=main&sentinel_user=***&sentinel_password=***',
    ],
    // Passwords whose special characters were not encoded, and end up elsewhere.
    [showStoreUrl, 'redis://user:12?3@host', MASK],
    [showStoreUrl, 'redis://user:12/3@host', MASK],
    [showStoreUrl, 'redis://user:12#3@host', MASK],
    [showStoreUrl, 'redis://user:12?cluster=true&x@host', MASK],
    [showStoreUrl, 'redis://user:1@2@host', MASK],
    [showStoreUrl, 'redis://u:p,q', MASK],
    [showStoreUrl, 'http://u:p@host', MASK],
    [showHost, 'https://sink.example.com:8443/', 'https://sink.example.com:8443'],
    [showHost, 'https://u:p@sink.example.com/in?x=y', 'https://sink.example.com/***'],
    [showHost, 'ftp://sink.example.com', MASK],
    [showPlainUrl, 'https://github.example.com/api/v3', 'https://github.example.com/api/v3'],
    [showPlainUrl, 'https://u@github.example.com', MASK],
    [showPlainUrl, 'github.example.com', MASK],
    [showReference, 'vault-secret://secret/app#key', 'vault-secret://secret/app#key'],
    [showReference, 'vault-secret://secret/app', MASK],
    [showReference, 'whsec', MASK],
    [showPlain, 'acme', 'acme'],
    [showPlain, 'MII\\nMII', MASK],
    [showPlain, 'redis://user:pass/word@127.0.0.1', MASK],
    [showPlain, 'https://user@sink.example.com/a:b', 'https://user@sink.example.com/a:b'],
    [showPlain, `${'CQkJ'.repeat(10)}CQk=`, MASK],
    [showPlain, `sts.pem,${'CQkJ'.repeat(10)}CQk=`, MASK],
    [showPlain, 'MIIEvAIBADANBgkqhkiG9w0B'.repeat(11), MASK],
    [
      showPlain,
      'projects/p/locations/global/keyRings/sts/cryptoKeys/app-1/cryptoKeyVersions/1',
      'projects/p/locations/global/keyRings/sts/cryptoKeys/app-1/cryptoKeyVersions/1',
    ],
  ])('%p %s', (show, text, expected) => {
    expect(show(text)).toBe(expected)
  })
})

import { describe, expect, test } from '@jest/globals'
import { KEY, NO_APP, NO_KEY, problems, read } from './read.ts'

const GCP = 'projects/acme/locations/global/keyRings/sts/cryptoKeys/app/cryptoKeyVersions/1'
const UUID = '1234abcd-12ab-34cd-56ef-1234567890ab'

const pools = (env: Record<string, string>, files: Record<string, string> = {}) => [...read(env, files).pools]

describe('one App, or several that take turns for every owner', () => {
  test('a private key in a file', () => {
    expect(pools({ ...NO_KEY, APP_SECRET_CERTIFICATE_FILE: '/key.pem' }, { '/key.pem': KEY })).toEqual([
      ['*', [{ id: 42, key: { kind: 'pem', pem: KEY } }]],
    ])
  })
  test('a private key in the variable, and where it is', () => {
    expect(pools({ ...NO_KEY, APP_SECRET_CERTIFICATE_ENV_VAR: `${KEY}\\nMII` })).toEqual([
      ['*', [{ id: 42, key: { kind: 'pem', pem: `${KEY}\\nMII` } }]],
    ])
    const name = 'projects/acme/secrets/app/versions/latest'
    expect(pools({ ...NO_KEY, APP_SECRET_CERTIFICATE_ENV_VAR: `gcp-secret://${name}` })).toEqual([
      ['*', [{ id: 42, key: { kind: 'reference', reference: { manager: 'gcp', name } } }]],
    ])
  })
  test('several files, in the order of the ids', () => {
    const files = { '/1.pem': `${KEY}1`, '/2.pem': `${KEY}2` }
    const env = { ...NO_APP, GITHUB_APP_IDS: '7, 3', APP_SECRET_CERTIFICATE_FILE: '/1.pem,/2.pem' }
    expect(pools(env, files)).toEqual([
      [
        '*',
        [
          { id: 7, key: { kind: 'pem', pem: `${KEY}1` } },
          { id: 3, key: { kind: 'pem', pem: `${KEY}2` } },
        ],
      ],
    ])
  })
  test.each([
    [{ KMS_KEYS: GCP }, 'gcp', GCP],
    [{ KMS_PROVIDER: 'aws', KMS_KEYS: UUID }, 'aws', UUID],
    [{ KMS_PROVIDER: 'aws', KMS_KEYS: 'alias/octo-sts' }, 'aws', 'alias/octo-sts'],
    [
      { KMS_PROVIDER: 'aws', KMS_KEYS: `arn:aws:kms:eu-west-1:123456789012:key/${UUID}` },
      'aws',
      `arn:aws:kms:eu-west-1:123456789012:key/${UUID}`,
    ],
    [
      { KMS_PROVIDER: 'aws', KMS_KEYS: 'mrk-1234abcd12ab34cd56ef1234567890ab' },
      'aws',
      'mrk-1234abcd12ab34cd56ef1234567890ab',
    ],
    [
      { KMS_PROVIDER: 'akv', KMS_KEYS: 'https://acme.vault.azure.net/keys/app' },
      'akv',
      'https://acme.vault.azure.net/keys/app',
    ],
    [
      { KMS_PROVIDER: 'akv', KMS_KEYS: 'https://acme.managedhsm.azure.net/keys/app/0123456789abcdef0123456789abcdef' },
      'akv',
      'https://acme.managedhsm.azure.net/keys/app/0123456789abcdef0123456789abcdef',
    ],
  ])('a key of a key management service: %j', (env, provider, key) => {
    expect(pools({ ...NO_KEY, ...env })).toEqual([['*', [{ id: 42, key: { kind: 'kms', provider, key } }]]])
  })
})

describe('what is wrong', () => {
  const files = {
    '/key.pem': KEY,
    '/other': 'no key',
    '/apps.yaml': 'orgs: [{name: a, apps: [{app_id: 1, kms_key: x}]}]',
  }
  const good = { GITHUB_APP_IDS: '42', APP_SECRET_CERTIFICATE_FILE: '/key.pem' }

  test.each<readonly [Record<string, string>, readonly RegExp[]]>([
    [
      {},
      [
        /^GITHUB_APP_IDS must be set: the id of the GitHub App; or APP_CONFIG_FILE/,
        /^APP_SECRET_CERTIFICATE_FILE must/,
      ],
    ],
    [
      { GITHUB_APP_ID: '42', APP_SECRET_CERTIFICATE_FILE: '/key.pem' },
      [/^GITHUB_APP_IDS must be set: the id of the GitHub App \(GITHUB_APP_ID is not read\)/],
    ],
    [{ ...good, GITHUB_APP_IDS: '0' }, [/^GITHUB_APP_IDS must be a whole number from 1/]],
    [{ ...good, GITHUB_APP_IDS: 'abc,x' }, [/^GITHUB_APP_IDS must be .*"abc"$/, /^GITHUB_APP_IDS must be .*"x"$/]],
    [{ ...good, GITHUB_APP_IDS: '7,42,7' }, [/^GITHUB_APP_IDS names the App 7 twice$/]],
    [{ ...good, GITHUB_APP_IDS: ',' }, [/^GITHUB_APP_IDS names none: give the id of the GitHub App$/]],
    [
      { ...good, GITHUB_APP_IDS: '7,42' },
      [/^APP_SECRET_CERTIFICATE_FILE names 1, but GITHUB_APP_IDS names 2 Apps: give as many keys as Apps/],
    ],
    [
      { ...good, APP_SECRET_CERTIFICATE_FILE: '/key.pem,/key.pem' },
      [/^APP_SECRET_CERTIFICATE_FILE names 2, but GITHUB_APP_IDS names 1 App:/],
    ],
    [
      { ...good, APP_SECRET_CERTIFICATE_FILE: '/none.pem' },
      [/^APP_SECRET_CERTIFICATE_FILE names the file "\/none.pem", which cannot be read \(ENOENT\)$/],
    ],
    [
      { ...good, APP_SECRET_CERTIFICATE_FILE: '/other' },
      [/^APP_SECRET_CERTIFICATE_FILE names the file "\/other", which holds no usable private key: it is no PEM$/],
    ],
    [
      { ...good, APP_SECRET_CERTIFICATE_FILE: '-----BEGIN RSA PRIVATE KEY-----' },
      [/^APP_SECRET_CERTIFICATE_FILE names the file a text that looks like a key \(not shown\), which cannot be read/],
    ],
    [
      { ...good, APP_SECRET_CERTIFICATE_ENV_VAR: KEY },
      [/^APP_SECRET_CERTIFICATE_FILE and APP_SECRET_CERTIFICATE_ENV_VAR exclude each other: set one$/],
    ],
    [
      { GITHUB_APP_IDS: '42', APP_SECRET_CERTIFICATE_ENV_VAR: 'secret-nonsense' },
      [/^APP_SECRET_CERTIFICATE_ENV_VAR holds no usable private key: it is no PEM$/],
    ],
    [
      { GITHUB_APP_IDS: '42', APP_SECRET_CERTIFICATE_ENV_VAR: 'vault-secret://secret/nonsense' },
      [/^APP_SECRET_CERTIFICATE_ENV_VAR is a reference to a secret that cannot be read: it must be vault-secret:/],
    ],
    [
      { GITHUB_APP_IDS: '7,42', APP_SECRET_CERTIFICATE_ENV_VAR: KEY },
      [/^APP_SECRET_CERTIFICATE_ENV_VAR holds one private key, but GITHUB_APP_IDS names 2 Apps:/],
    ],
    [
      { ...good, KMS_KEYS: GCP },
      [
        /^KMS_KEYS and APP_SECRET_CERTIFICATE_FILE exclude each other: unset APP_SECRET_CERTIFICATE_FILE to sign with the/,
      ],
    ],
    [{ GITHUB_APP_IDS: '42', KMS_KEYS: `${GCP},${GCP}` }, [/^KMS_KEYS names 2, but GITHUB_APP_IDS names 1 App:/]],
    [{ GITHUB_APP_IDS: '42', KMS_KEYS: ',' }, [/^KMS_KEYS names none: give as many keys as GITHUB_APP_IDS has Apps/]],
    [
      { GITHUB_APP_IDS: '42', KMS_KEYS: UUID, KMS_PROVIDER: 'azure' },
      [/^KMS_PROVIDER must be one of gcp, aws, akv, vault/],
    ],
    ...[
      ['gcp', 'projects/acme/locations/global/keyRings/sts/cryptoKeys/app'],
      ['gcp', `gcpkms://${GCP}`],
      ['aws', GCP],
      ['aws', 'octo-sts'],
      ['akv', 'http://acme.vault.azure.net/keys/app'],
      ['akv', 'https://acme.vault.azure.net.evil.example/keys/app'],
      ['akv', 'https://acme.vault.azure.net/secrets/app'],
      ['vault', '../sys'],
      ['vault', 'transit/sign/app'],
      ['vault', 'transit/keys/..'],
    ].map(
      ([provider = '', key = '']) =>
        [
          { GITHUB_APP_IDS: '42', KMS_PROVIDER: provider, KMS_KEYS: key },
          [/^KMS_KEYS has a key \(number 1\) that is no key of KMS_PROVIDER [a-z]+: its keys are written /],
        ] as const,
    ),
    [
      { ...good, APP_CONFIG_FILE: '/apps.yaml', KMS_PROVIDER: 'vault' },
      [
        /^APP_CONFIG_FILE names the Apps and their keys: unset GITHUB_APP_IDS, APP_SECRET_CERTIFICATE_FILE, or APP_CONFIG_FI/,
      ],
    ],
    [
      { APP_CONFIG_FILE: '/none.yaml' },
      [/^APP_CONFIG_FILE names the file "\/none.yaml", which cannot be read \(ENOENT\)$/],
    ],
  ])('%j', (env, expected) => {
    // Vault's own variables are another matter.
    const found = problems({ ...NO_APP, ...env }, files).filter((problem) => !problem.startsWith('VAULT_'))
    expect(found).toEqual(expected.map((pattern) => expect.stringMatching(pattern)))
    expect(found.join()).not.toContain('nonsense')
  })
})

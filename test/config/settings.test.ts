import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { VARIABLES } from '../../src/config/variable-table.ts'
import { GOOD, KEY, problems, read } from './read.ts'

const ONE_APP = new Map([['*', [{ id: 42, key: { kind: 'pem', pem: KEY } }]]])

test('what is not set has the defaults of the contract', () => {
  expect(read(GOOD)).toEqual({
    port: 8080,
    domain: 'sts.example.com',
    pools: ONE_APP,
    githubBaseUrl: 'https://api.github.com',
    policyRepository: '.github',
    issuers: [],
    allowLoopbackIssuers: false,
    allowedIssuers: [],
    allowedOwners: [],
    repoPolicyOrgPermissions: 'read',
    maxPermissions: undefined,
    policySources: 'both',
    selfWrite: 'allow',
    maxTokenAgeMs: undefined,
    requireTrustedIssuers: false,
    quota: { softFloor: 5000, hardFloor: 1500, staleMs: 300_000 },
    stickyStore: 'memory',
    webhook: undefined,
    metrics: { port: 2112, isChosen: false },
    tracing: false,
    denialDetail: 'auto',
    stalePolicyMaxMs: 3_600_000,
    storeUrl: undefined,
    singleProcess: false,
    refreshTokenKeys: [],
    maxRefreshAgeMs: 86_400_000,
    eventSink: undefined,
    eventAuth: 'auto',
    vault: undefined,
    tls: undefined,
    workers: 1,
    selfExercise: true,
    shutdownGraceMs: 10_000,
    logLevel: 'info',
    notes: [],
  })
})

test('every problem is reported at once, each behind the name of its variable', () => {
  const found = problems({
    PORT: 'http',
    GITHUB_BASE_URL: 'http://github.example.com',
    ORG_POLICY_REPO: 'a/b',
    ALLOW_LOOPBACK_ISSUERS: 'yes',
    ALLOWED_ISSUERS: '(?=x)',
    ALLOWED_OWNERS: 'acme,a/b',
    REPO_POLICY_ORG_PERMISSIONS: 'all',
    DENIAL_DETAIL: 'verbose',
    STALE_POLICY_MAX: '1 hour',
    EVENT_INGRESS_URI: 'sink',
    METRICS: 'on',
    METRICS_PORT: '65536',
    TLS_CERT_FILE: '/tls.crt',
    SHUTDOWN_GRACE: '10',
    LOG_LEVEL: 'trace',
    ISSUERS_FILE: '/issuers.yaml',
    OCTOSTS_STICKY_STORE: 'firestore',
    STORE_URL: 'memcached://x',
    SINGLE_PROCESS: 'perhaps',
    WORKERS: '0',
    SELF_EXERCISE: 'never',
    SMALL_HEAP: 'perhaps',
    MAX_REFRESH_AGE: 'a day',
    REFRESH_TOKEN_KEYS: 'short',
  })
  expect(found.map((problem) => problem.split(' ')[0]).sort()).toEqual([
    'ALLOWED_ISSUERS',
    'ALLOWED_OWNERS',
    'ALLOW_LOOPBACK_ISSUERS',
    'APP_SECRET_CERTIFICATE_FILE',
    'DENIAL_DETAIL',
    'EVENT_INGRESS_URI',
    'GITHUB_APP_IDS',
    'GITHUB_BASE_URL',
    'ISSUERS_FILE',
    'LOG_LEVEL',
    'MAX_REFRESH_AGE',
    'METRICS',
    'METRICS_PORT',
    'OCTOSTS_STICKY_STORE',
    'ORG_POLICY_REPO',
    'PORT',
    'REFRESH_TOKEN_KEYS',
    'REPO_POLICY_ORG_PERMISSIONS',
    'SELF_EXERCISE',
    'SHUTDOWN_GRACE',
    'SINGLE_PROCESS',
    'SMALL_HEAP',
    'STALE_POLICY_MAX',
    'STORE_URL',
    'STS_DOMAIN',
    'TLS_CERT_FILE',
    'TLS_KEY_FILE',
    'WORKERS',
  ])
})

const SHARED = { STORE_URL: 'redis://store', REFRESH_TOKEN_KEYS: Buffer.alloc(32, 7).toString('base64') }

test.each([
  [{}, 1, 86_400_000, []],
  [{ WORKERS: '1' }, 1, 86_400_000, []],
  [{ WORKERS: '2', ...SHARED }, 2, 86_400_000, []],
  [{ WORKERS: 'auto', ...SHARED, MAX_REFRESH_AGE: '1h' }, 'auto', 3_600_000, []],
  [{ WORKERS: '2' }, 2, 0, [/^WORKERS is 2 without STORE_URL, .*no refresh tokens are handed out, and single_use/]],
  [
    { WORKERS: 'auto', REFRESH_TOKEN_KEYS: SHARED.REFRESH_TOKEN_KEYS },
    'auto',
    0,
    [/^WORKERS is auto without STORE_URL/],
  ],
  [{ WORKERS: '2', STORE_URL: SHARED.STORE_URL }, 2, 0, [/^WORKERS is 2 without REFRESH_TOKEN_KEYS/]],
])('with %j workers that share nothing hand out no refresh tokens', (env, workers, maxRefreshAgeMs, notes) => {
  expect(read({ ...GOOD, ...env })).toMatchObject({
    workers,
    maxRefreshAgeMs,
    notes: notes.map((note) => expect.stringMatching(note)),
  })
})

test.each([
  [
    { SINGLE_PROCESS: 'true', WORKERS: 'auto' },
    [expect.stringMatching(/^SINGLE_PROCESS is true, but WORKERS asks for several/)],
  ],
  [{ SINGLE_PROCESS: 'true', WORKERS: '1' }, []],
  [{ SINGLE_PROCESS: 'true', WORKERS: '4', ...SHARED }, []],
])('%j: a single process has one worker', (env, expected) => {
  expect(problems({ ...GOOD, ...env })).toEqual(expected)
})

test('METRICS=false turns events off', () => {
  const env = { ...GOOD, EVENT_INGRESS_URI: 'https://sink.example.com/in' }
  expect(read(env).eventSink).toBe('https://sink.example.com/in')
  expect(read({ ...env, METRICS: 'false' }).eventSink).toBeUndefined()
})

test.each([
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318' }, true],
  [{ OTEL_TRACES_EXPORTER: 'console' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false],
  [{ OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false],
])('traces with %j: %s', (env, expected) => {
  expect(read({ ...GOOD, ...env }).tracing).toBe(expected)
})

test('an allowed issuer without pattern characters is compared as text, so that its dots are dots', () => {
  const { allowedIssuers } = read({ ...GOOD, ALLOWED_ISSUERS: 'https://a.example.com,https://b.example.com/.*' })
  const matching = (issuer: string) => allowedIssuers.map((rule) => rule.matches(issuer))
  expect(matching('https://a.example.com')).toEqual([true, false])
  expect(matching('https://axexample.com')).toEqual([false, false])
  expect(matching('https://b.example.com/x')).toEqual([false, true])
})

test('brackets make a pattern of an allowed issuer, but not around an address', () => {
  const { allowedIssuers } = read({
    ...GOOD,
    ALLOWED_ISSUERS: 'https://idp-[0-9].example.com,https://[2001:db8::1]:8443/x',
  })
  const matching = (issuer: string) => allowedIssuers.map((rule) => rule.matches(issuer))
  expect(matching('https://idp-7.example.com')).toEqual([true, false])
  expect(matching('https://[2001:db8::1]:8443/x')).toEqual([false, true])
})

test.each(['ALLOWED_ISSUERS', 'ALLOWED_OWNERS'])('%s of nothing but commas is not taken for "all"', (name) => {
  expect(problems({ ...GOOD, [name]: ' , ' })).toEqual([`${name} names none: leave it empty to allow all`])
  expect(problems({ ...GOOD, [name]: ' ' })).toEqual([])
})

describe('each setting of a limit, a pool and the webhook', () => {
  test.each<readonly [Record<string, string>, object]>([
    [
      { MAX_PERMISSIONS: 'contents:write, issues : read,keys:admin' },
      {
        maxPermissions: new Map([
          ['contents', 'write'],
          ['issues', 'read'],
          ['keys', 'admin'],
        ]),
      },
    ],
    [{ POLICY_SOURCES: 'repository' }, { policySources: 'repository' }],
    [{ POLICY_SOURCES: 'organization' }, { policySources: 'organization' }],
    [{ POLICY_SOURCES: 'organization,repository' }, { policySources: 'both' }],
    [{ POLICY_SOURCES: 'both' }, { policySources: 'both' }],
    [{ SELF_WRITE: 'deny' }, { selfWrite: 'deny' }],
    [{ MAX_TOKEN_AGE: '15m' }, { maxTokenAgeMs: 900_000 }],
    [{ REQUIRE_TRUSTED_ISSUERS: 'true' }, { requireTrustedIssuers: true }],
    [
      { OCTOSTS_QUOTA_FLOOR_SOFT: '3000', OCTOSTS_QUOTA_FLOOR_HARD: '3000', OCTOSTS_QUOTA_STALE: '1m' },
      { quota: { softFloor: 3000, hardFloor: 3000, staleMs: 60_000 } },
    ],
    [{ OCTOSTS_STICKY_STORE: 'memory', STORE_URL: 'redis://a' }, { stickyStore: 'memory' }],
    [{ OCTOSTS_STICKY_STORE: 'store', STORE_URL: 'redis://a' }, { stickyStore: 'store' }],
    [{ STORE_URL: 'redis://a' }, { stickyStore: 'store', storeUrl: 'redis://a' }],
    [
      {
        GITHUB_WEBHOOK_SECRET: 'first-secret-0123456789,aws-secret://octo-sts/hook#next',
        GITHUB_WEBHOOK_ORGANIZATION_FILTER: 'Acme,example',
        GITHUB_WEBHOOK_SHA1: 'true',
      },
      {
        webhook: {
          secrets: [
            { kind: 'text', text: 'first-secret-0123456789' },
            { kind: 'reference', reference: { manager: 'aws', name: 'octo-sts/hook#next' } },
          ],
          organizations: ['acme', 'example'],
          allowSha1: true,
        },
        notes: [],
      },
    ],
    [
      { GITHUB_WEBHOOK_SECRET: 'first-secret-0123456789' },
      {
        webhook: { secrets: [{ kind: 'text', text: 'first-secret-0123456789' }], organizations: [], allowSha1: false },
      },
    ],
    [{ METRICS: 'false', METRICS_PORT: '8080' }, { metrics: undefined }],
    [{ METRICS_PORT: '9100' }, { metrics: { port: 9100, isChosen: true } }],
    [
      { METRICS_PORT: '0', PORT: '0' },
      { metrics: { port: 0, isChosen: true }, port: 0 },
    ],
  ])('%j', (env, expected) => {
    expect(read({ ...GOOD, ...env })).toMatchObject(expected)
  })
})

describe('wrong values, each with its own words', () => {
  test.each<readonly [Record<string, string>, RegExp]>([
    [{ PORT: 'http' }, /^PORT must be a whole number from 0 to 65535, not "http"$/],
    [{ PORT: '-----BEGIN PRIVATE KEY-----' }, /^PORT must be .*, not a text that looks like a key \(not shown\)$/],
    [{ STS_DOMAIN: 'https://sts.example.com' }, /^STS_DOMAIN must be a host name/],
    [{ GITHUB_BASE_URL: 'http://github.example.com' }, /^GITHUB_BASE_URL must use https/],
    [{ ORG_POLICY_REPO: 'a/b' }, /^ORG_POLICY_REPO must be the name of a repository/],
    [{ STALE_POLICY_MAX: '1 hour' }, /^STALE_POLICY_MAX must be a duration/],
    [{ SHUTDOWN_GRACE: '10' }, /^SHUTDOWN_GRACE must be a duration/],
    [{ LOG_LEVEL: 'trace' }, /^LOG_LEVEL must be one of debug, info, warn, error, silent, not "trace"$/],
    [{ ALLOWED_ISSUERS: '(?=x)' }, /^ALLOWED_ISSUERS has the pattern "\(\?=x\)": lookahead is no RE2$/],
    [{ ALLOWED_OWNERS: 'acme,a/b' }, /^ALLOWED_OWNERS has "a\/b", which is no name of an organization or a user$/],
    [{ REPO_POLICY_ORG_PERMISSIONS: 'all' }, /^REPO_POLICY_ORG_PERMISSIONS must be one of none, read, write/],
    [{ ALLOW_LOOPBACK_ISSUERS: 'yes' }, /^ALLOW_LOOPBACK_ISSUERS must be true or false/],
    [{ ISSUERS_FILE: '/none.yaml' }, /^ISSUERS_FILE names the file "\/none.yaml", which cannot be read \(ENOENT\)$/],
    [{ TLS_CERT_FILE: '/tls' }, /^TLS_KEY_FILE must be set too, beside TLS_CERT_FILE: a certificate and its key/],
    [{ TLS_KEY_FILE: '/tls' }, /^TLS_CERT_FILE must be set too, beside TLS_KEY_FILE: a certificate and its key/],
    [{ TLS_CERT_FILE: '/tls', TLS_KEY_FILE: '/no' }, /^TLS_KEY_FILE names the file "\/no", which cannot be read/],
    [{ MAX_PERMISSIONS: 'content:read' }, /^MAX_PERMISSIONS has "content:read": .*; did you mean "contents"\?$/],
    [{ MAX_PERMISSIONS: 'contents:all' }, /^MAX_PERMISSIONS has "contents:all": .*levels are read, write and admin$/],
    [
      { MAX_PERMISSIONS: 'contents:admin' },
      /^MAX_PERMISSIONS has .* has no level "admin"; GitHub publishes read, write/,
    ],
    [{ MAX_PERMISSIONS: 'contents' }, /^MAX_PERMISSIONS has "contents", which is not name:level/],
    [{ MAX_PERMISSIONS: 'issues:read,issues:write' }, /^MAX_PERMISSIONS names the permission "issues" twice/],
    [{ MAX_PERMISSIONS: ',' }, /^MAX_PERMISSIONS names none: name what tokens may have/],
    [{ POLICY_SOURCES: 'repo' }, /^POLICY_SOURCES must be repository, organization or both, not "repo"$/],
    [{ POLICY_SOURCES: ',' }, /^POLICY_SOURCES names none: leave it empty for both$/],
    [{ SELF_WRITE: 'true' }, /^SELF_WRITE must be one of allow, deny, not "true"$/],
    [{ MAX_TOKEN_AGE: '0' }, /^MAX_TOKEN_AGE must be longer than 0$/],
    [{ MAX_TOKEN_AGE: '0s' }, /^MAX_TOKEN_AGE must be longer than 0$/],
    [{ MAX_TOKEN_AGE: '900' }, /^MAX_TOKEN_AGE must be a duration/],
    [{ REQUIRE_TRUSTED_ISSUERS: 'enforce' }, /^REQUIRE_TRUSTED_ISSUERS must be true or false/],
    [{ OCTOSTS_QUOTA_FLOOR_SOFT: '-1' }, /^OCTOSTS_QUOTA_FLOOR_SOFT must be a whole number/],
    [{ OCTOSTS_QUOTA_FLOOR_HARD: 'x' }, /^OCTOSTS_QUOTA_FLOOR_HARD must be a whole number/],
    [
      { OCTOSTS_QUOTA_FLOOR_HARD: '6000' },
      /^OCTOSTS_QUOTA_FLOOR_HARD is 6000: it must not be above OCTOSTS_QUOTA_FLOOR_SOFT, which is 5000$/,
    ],
    [{ OCTOSTS_QUOTA_STALE: '5' }, /^OCTOSTS_QUOTA_STALE must be a duration/],
    [
      { OCTOSTS_STICKY_STORE: 'firestore' },
      /^OCTOSTS_STICKY_STORE firestore is not offered: write store, and set STORE_/,
    ],
    [{ OCTOSTS_STICKY_STORE: 'redis' }, /^OCTOSTS_STICKY_STORE must be one of memory, store, not "redis"$/],
    [{ OCTOSTS_STICKY_STORE: 'store' }, /^OCTOSTS_STICKY_STORE is store, which needs STORE_URL/],
    [{ STORE_URL: 'memcached://user:hunter2@x' }, /^STORE_URL must be redis:\/\/$/],
    [{ REFRESH_TOKEN_KEYS: ',' }, /^REFRESH_TOKEN_KEYS names none/],
    [{ REFRESH_TOKEN_KEYS_FILE: '/tls' }, /^REFRESH_TOKEN_KEYS_FILE has an entry \(number 1\) that is not 32 bytes/],
    [{ REFRESH_TOKEN_KEYS_FILE: '/empty' }, /^REFRESH_TOKEN_KEYS_FILE names a file without a key$/],
    [{ MAX_REFRESH_AGE: 'a day' }, /^MAX_REFRESH_AGE must be a duration/],
    [{ SINGLE_PROCESS: 'perhaps' }, /^SINGLE_PROCESS must be true or false/],
    [{ GITHUB_WEBHOOK_SECRET: ' , ' }, /^GITHUB_WEBHOOK_SECRET names none: give a secret, or unset it$/],
    [
      { GITHUB_WEBHOOK_SECRET: 'first-secret-0123456789,gcp-secret://x' },
      /^GITHUB_WEBHOOK_SECRET has a reference to a secret \(number 2\) that cannot be read: it must be gcp-secret:/,
    ],
    [{ GITHUB_WEBHOOK_ORGANIZATION_FILTER: 'a.b' }, /^GITHUB_WEBHOOK_ORGANIZATION_FILTER has "a.b", which is no name/],
    [{ GITHUB_WEBHOOK_ORGANIZATION_FILTER: ',' }, /^GITHUB_WEBHOOK_ORGANIZATION_FILTER names none: leave it empty to/],
    [{ GITHUB_WEBHOOK_SHA1: 'sha1' }, /^GITHUB_WEBHOOK_SHA1 must be true or false/],
    [{ DENIAL_DETAIL: 'verbose' }, /^DENIAL_DETAIL must be one of auto, full/],
    [{ EVENT_INGRESS_URI: 'sink' }, /^EVENT_INGRESS_URI must be an http or https URL$/],
    [{ EVENT_INGRESS_AUTH: 'aws' }, /^EVENT_INGRESS_AUTH must be one of auto, google, none, not "aws"$/],
    [{ EVENT_INGRESS_AUTH: 'google' }, /^EVENT_INGRESS_AUTH is google, which needs EVENT_INGRESS_URI with https$/],
    [
      { EVENT_INGRESS_AUTH: 'google', EVENT_INGRESS_URI: 'http://sink' },
      /^EVENT_INGRESS_AUTH is google, which needs EVENT_INGRESS_URI with https$/,
    ],
    [{ METRICS: 'on' }, /^METRICS must be true or false/],
    [{ METRICS_PORT: '65536' }, /^METRICS_PORT must be a whole number from 0 to 65535/],
    [{ METRICS_PORT: '8080' }, /^METRICS_PORT must differ from PORT, which is 8080 too$/],
    [{ KMS_PROVIDER: 'azure' }, /^KMS_PROVIDER must be one of gcp, aws, akv, vault, not "azure"$/],
    [{ CONFIG_FILE: '/none.yaml' }, /^CONFIG_FILE names the file "\/none.yaml", which cannot be read \(ENOENT\)$/],
  ])('%j', (env, expected) => {
    expect(problems({ ...GOOD, ...env }, { '/tls': 'PEM', '/empty': '\n' })).toEqual([expect.stringMatching(expected)])
  })

  test('every variable has a wrong value here, or can have none', () => {
    const own = readFileSync(new URL(import.meta.url), 'utf8')
    const elsewhere = ['app-pools', 'vault-settings'].map((name) =>
      readFileSync(new URL(`./${name}.test.js`, import.meta.url), 'utf8'),
    )
    const tested = [own, ...elsewhere].join('\n')
    expect(Object.keys(VARIABLES).filter((name) => !tested.includes(`${name}: '`))).toEqual([])
  })
})

describe('what is most likely not meant is a note', () => {
  test.each<readonly [Record<string, string>, RegExp]>([
    [
      { GITHUB_WEBHOOK_SECRET: 'long-enough-0123456,hunter2' },
      /^GITHUB_WEBHOOK_SECRET has a secret \(number 2\) of fewer than 16 characters/,
    ],
    [{ GITHUB_WEBHOOK_SHA1: 'true' }, /^GITHUB_WEBHOOK_SHA1 has no effect without GITHUB_WEBHOOK_SECRET$/],
    [
      { GITHUB_WEBHOOK_ORGANIZATION_FILTER: 'acme' },
      /^GITHUB_WEBHOOK_ORGANIZATION_FILTER has no effect without GITHUB_WEBHOOK_SECRET$/,
    ],
    [{ MAX_PERMISSION: 'contents:read' }, /^"MAX_PERMISSION" is not read; did you mean MAX_PERMISSIONS\?$/],
    [{ allowed_owners: 'acme' }, /^"allowed_owners" is not read; did you mean ALLOWED_OWNERS\?$/],
    [{ KMS_PROVIDER: 'aws' }, /^KMS_PROVIDER has no effect without KMS_KEYS or APP_CONFIG_FILE$/],
  ])('%j', (env, expected) => {
    const { notes } = read({ ...GOOD, ...env })
    expect(notes).toEqual([expect.stringMatching(expected)])
    expect(notes.join()).not.toContain('hunter2')
  })
})

describe('REFRESH_TOKEN_KEYS', () => {
  const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  test('is a comma list, or a file with one on each line', () => {
    const list = `${one.toString('base64')}, ${two.toString('base64url')}`
    expect(read({ ...GOOD, REFRESH_TOKEN_KEYS: list }).refreshTokenKeys).toEqual([one, two])
    const file = `${one.toString('base64')}\n${two.toString('base64')}\n`
    expect(read({ ...GOOD, REFRESH_TOKEN_KEYS_FILE: '/keys' }, { '/keys': file }).refreshTokenKeys).toEqual([one, two])
  })
  test('both exclude each other, and keys are no path', () => {
    const key = one.toString('base64')
    expect(problems({ ...GOOD, REFRESH_TOKEN_KEYS: key, REFRESH_TOKEN_KEYS_FILE: '/keys' }, { '/keys': key })).toEqual([
      'REFRESH_TOKEN_KEYS and REFRESH_TOKEN_KEYS_FILE exclude each other: set one',
    ])
    expect(problems({ ...GOOD, REFRESH_TOKEN_KEYS_FILE: key })).toEqual([
      'REFRESH_TOKEN_KEYS_FILE must be the path of a file, and holds keys: put them into REFRESH_TOKEN_KEYS',
    ])
  })
  test('an entry that is no key is told by its number, not repeated', () => {
    const secret = Buffer.alloc(31, 3).toString('base64')
    const found = problems({ ...GOOD, REFRESH_TOKEN_KEYS: `${one.toString('base64')},${secret}` })
    expect(found).toEqual([expect.stringMatching(/^REFRESH_TOKEN_KEYS has an entry \(number 2\)/)])
    expect(found.join()).not.toContain(secret)
  })
})

describe('ISSUERS_FILE', () => {
  const listed = (text: string, files: Record<string, string> = {}) =>
    read({ ...GOOD, ISSUERS_FILE: '/etc/sts/issuers.yaml' }, { '/etc/sts/issuers.yaml': text, ...files }).issuers
  const found = (text: string, files: Record<string, string> = {}) =>
    problems({ ...GOOD, ISSUERS_FILE: '/etc/sts/issuers.yaml' }, { '/etc/sts/issuers.yaml': text, ...files })
  const KEY_SET = '{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}'

  test('names keys inline or in a file beside it, private addresses, authorities and Enterprise Servers', () => {
    const text = `issuers:
- issuer: http://factory.local
  jwks: {keys: [{kty: RSA, n: "010", e: AQAB}]}
- issuer: https://kube.internal
  jwks_file: kube.json
- issuer: https://ghes.internal/_services/token
  private_address: true
  ca_file: ca.pem
  github: true
`
    const ca = '-----BEGIN CERTIFICATE-----'
    expect(listed(text, { '/etc/sts/kube.json': KEY_SET, '/etc/sts/ca.pem': ca })).toEqual([
      { issuer: 'http://factory.local', keys: { keys: [{ kty: 'RSA', n: '010', e: 'AQAB' }] } },
      { issuer: 'https://kube.internal', keys: { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] } },
      { issuer: 'https://ghes.internal/_services/token', privateAddress: true, ca, github: true },
    ])
  })

  test('a key set may hold keys that are not understood, beside one that is', () => {
    expect(found('issuers: [{issuer: "https://a", jwks: {keys: [{kty: AKP}, {kty: RSA}]}}]')).toEqual([])
  })

  test.each([
    ['issuers: [', /is not valid YAML/],
    ['[]', /must be a mapping with nothing but the list "issuers"/],
    ['issuers: []\nmore: x', /must be a mapping with nothing but the list "issuers"/],
    ['issuers: [x]', /issuers\[0\] must be a mapping/],
    ['issuers: [{issuer: x}]', /issuers\[0\] must name its issuer/],
    ['issuers: [{issuer: "https://a", jkws: x}]', /issuers\[0\] has the unknown key "jkws"/],
    ['issuers: [{issuer: "https://a", github: maybe}]', /issuers\[0\] has a github that is neither true nor false/],
    ['issuers: [{issuer: "http://a"}]', /issuers\[0\] is an http issuer, which is possible only with jwks/],
    [
      'issuers: [{issuer: "https://a", jwks_file: none.json}]',
      /issuers\[0\] names the jwks_file "none.json", which cannot be read/,
    ],
    ['issuers: [{issuer: "https://a", jwks: {keys: []}}]', /issuers\[0\] has an empty key set/],
    ['issuers: [{issuer: "https://a", jwks: "[]"}]', /issuers\[0\] has a key set that is no JSON Web Key Set/],
    ['issuers: [{issuer: "https://a", jwks: {keys: [{kty: oct, k: AA}]}}]', /issuers\[0\] has a private or secret key/],
    ['issuers: [{issuer: "https://a", jwks: {keys: [{kty: RSA, d: AA}]}}]', /issuers\[0\] has a private or secret key/],
    ['issuers: [{issuer: "https://a", jwks: {keys: [{kty: AKP}]}}]', /issuers\[0\] has a key set of which no key can/],
    ['issuers: [{issuer: "https://a", ca_file: issuers.yaml}]', /issuers\[0\] has a ca_file without a PEM certificate/],
    ['issuers: [{issuer: "https://a"}, {issuer: "https://a"}]', /names "https:\/\/a" twice/],
  ])('%j is refused', (text, expected) => {
    expect(found(text)).toEqual([expect.stringMatching(expected)])
  })
})

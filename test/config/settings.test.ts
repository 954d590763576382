import { describe, expect, test } from '@jest/globals'
import { ConfigurationError } from '../../src/config/reader.ts'
import { readSettings } from '../../src/config/settings.ts'

const KEY = '-----BEGIN PRIVATE KEY-----'
const GOOD = { STS_DOMAIN: 'sts.example.com', GITHUB_APP_IDS: '42', APP_SECRET_CERTIFICATE_ENV_VAR: KEY }

function read(env: Record<string, string>, files: Record<string, string> = {}) {
  return readSettings({
    env,
    readFile(path) {
      const text = files[path]
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return text
    },
    compilePattern(source) {
      if (source.includes('(?=')) throw new Error('lookahead is no RE2')
      return { matches: (text) => text.startsWith(source.replace(/(?:\.\*|\[).*$/, '')) }
    },
    checkStoreUrl(url) {
      if (!url.startsWith('redis://')) throw new Error('must be redis://')
    },
    checkPrivateKey(pem) {
      if (!pem.startsWith(KEY)) throw new Error('it is no PEM')
    },
    isPublicKey: (jwk) => jwk['kty'] === 'RSA' || jwk['kty'] === 'EC',
    checkCertificate(pem) {
      if (!pem.startsWith('-----BEGIN CERTIFICATE-----')) throw new Error('it is no PEM')
    },
  })
}

function problems(env: Record<string, string>, files: Record<string, string> = {}): readonly string[] {
  try {
    read(env, files)
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

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
    metrics: { port: 2112 },
    tracing: false,
    eventAuth: 'auto',
    denialDetail: 'auto',
    stalePolicyMaxMs: 3_600_000,
    storeUrl: undefined,
    singleProcess: false,
    refreshTokenKeys: [],
    maxRefreshAgeMs: 86_400_000,
    eventSink: undefined,
    tls: undefined,
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
    'SHUTDOWN_GRACE',
    'SINGLE_PROCESS',
    'STALE_POLICY_MAX',
    'STORE_URL',
    'STS_DOMAIN',
    'TLS_KEY_FILE',
  ])
})

describe('the private key', () => {
  test('comes from a file', () => {
    const { APP_SECRET_CERTIFICATE_ENV_VAR: _, ...rest } = GOOD
    expect(read({ ...rest, APP_SECRET_CERTIFICATE_FILE: '/key.pem' }, { '/key.pem': KEY }).pools).toEqual(ONE_APP)
  })
  test.each([
    [
      { APP_SECRET_CERTIFICATE_FILE: '/key.pem' },
      /^APP_SECRET_CERTIFICATE_FILE and APP_SECRET_CERTIFICATE_ENV_VAR exclude/,
    ],
    [
      { APP_SECRET_CERTIFICATE_ENV_VAR: 'secret-nonsense' },
      /^APP_SECRET_CERTIFICATE_ENV_VAR holds no usable private key: it is no PEM$/,
    ],
    [{ KMS_KEYS: 'projects/x' }, /^KMS_KEYS is not supported by this version/],
    [{ APP_CONFIG_FILE: '/apps.yaml' }, /^APP_CONFIG_FILE is not supported by this version/],
  ])('%j is refused', (change, expected) => {
    const found = problems({ ...GOOD, ...change }, { '/key.pem': KEY })
    expect(found).toEqual([expect.stringMatching(expected)])
    expect(found.join()).not.toContain('secret-nonsense')
  })
  test('a file that is not there is named', () => {
    const { APP_SECRET_CERTIFICATE_ENV_VAR: _, ...rest } = GOOD
    expect(problems({ ...rest, APP_SECRET_CERTIFICATE_FILE: '/none.pem' })).toEqual([
      'APP_SECRET_CERTIFICATE_FILE names the file "/none.pem", which cannot be read (ENOENT)',
    ])
  })
})

test.each([
  ['0', /^GITHUB_APP_IDS must be a whole number/],
  ['abc', /^GITHUB_APP_IDS must be a whole number/],
  ['1,2', /^GITHUB_APP_IDS names 2 Apps/],
])('GITHUB_APP_IDS of %s is refused', (text, expected) => {
  expect(problems({ ...GOOD, GITHUB_APP_IDS: text })).toEqual([expect.stringMatching(expected)])
})

test.each([
  ['https://sink.example', []],
  ['http://sink.example', [expect.stringMatching(/^EVENT_INGRESS_AUTH google needs an EVENT_INGRESS_URI with https/)]],
  ['', [expect.stringMatching(/^EVENT_INGRESS_AUTH google needs/)]],
])('EVENT_INGRESS_AUTH=google with the sink %j', (sink, expected) => {
  expect(problems({ ...GOOD, EVENT_INGRESS_URI: sink, EVENT_INGRESS_AUTH: 'google' })).toEqual(expected)
})

test('METRICS=false turns events off', () => {
  const env = { ...GOOD, EVENT_INGRESS_URI: 'https://sink.example.com/in' }
  expect(read(env).eventSink).toBe('https://sink.example.com/in')
  expect(read({ ...env, METRICS: 'false' }).eventSink).toBeUndefined()
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

test('a limit that is not kept yet stops the start, because somebody relies on it', () => {
  const env = {
    MAX_PERMISSIONS: 'contents:read',
    MAX_TOKEN_AGE: '5m',
    POLICY_SOURCES: 'organization',
    SELF_WRITE: 'deny',
  }
  const found = problems({ ...GOOD, ...env, REQUIRE_TRUSTED_ISSUERS: 'true' })
  expect(found.map((problem) => problem.split(' is not supported')[0]).sort()).toEqual([
    'MAX_PERMISSIONS',
    'MAX_TOKEN_AGE',
    'POLICY_SOURCES',
    'REQUIRE_TRUSTED_ISSUERS',
    'SELF_WRITE',
  ])
})

test('names that have no effect yet are said', () => {
  expect(read({ ...GOOD, OCTOSTS_QUOTA_STALE: '5m' }).notes).toEqual([
    'OCTOSTS_QUOTA_STALE has no effect in this version',
  ])
})

describe('REFRESH_TOKEN_KEYS', () => {
  const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  test('is a comma list, or a file with one on each line', () => {
    const list = `${one.toString('base64')}, ${two.toString('base64url')}`
    expect(read({ ...GOOD, REFRESH_TOKEN_KEYS: list }).refreshTokenKeys).toEqual([one, two])
    const file = `${one.toString('base64')}\n${two.toString('base64')}\n`
    expect(read({ ...GOOD, REFRESH_TOKEN_KEYS_FILE: '/keys' }, { '/keys': file }).refreshTokenKeys).toEqual([one, two])
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

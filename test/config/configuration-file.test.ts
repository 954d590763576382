import { describe, expect, test } from '@jest/globals'
import { configuration, GOOD, KEY, problems, read } from './read.ts'

const FILE = { CONFIG_FILE: '/octo-sts.yaml' }
const { STS_DOMAIN: _, ...NO_DOMAIN } = GOOD
const of = (text: string, env: Record<string, string> = {}, files: Record<string, string> = {}) =>
  [
    { ...FILE, ...env },
    { '/octo-sts.yaml': text, ...files },
  ] as const

test('a whole deployment in one file: lists as lists or comma lists, permissions as a mapping', () => {
  const text = `sts_domain: sts.example.com
github_app_ids: [42]
app_secret_certificate_file: [/key.pem]
port: 0443
shutdown_grace: 5s
require_trusted_issuers: true
allowed_owners: acme, example
allowed_issuers:
  - https://a.example.com
  - "https://b,c"
policy_sources: [repository, organization]
max_permissions:
  contents: write
  issues: read
github_webhook_secret: ["a,b-0123456789-0123456789"]
`
  const settings = read(...of(text, {}, { '/key.pem': KEY }))
  expect(settings).toMatchObject({
    domain: 'sts.example.com',
    pools: new Map([['*', [{ id: 42, key: { kind: 'pem', pem: KEY } }]]]),
    port: 443,
    shutdownGraceMs: 5_000,
    requireTrustedIssuers: true,
    allowedOwners: ['acme', 'example'],
    policySources: 'both',
    maxPermissions: new Map([
      ['contents', 'write'],
      ['issues', 'read'],
    ]),
    webhook: { secrets: [{ kind: 'text', text: 'a,b-0123456789-0123456789' }] },
  })
  expect(settings.allowedIssuers.map((rule) => rule.matches('https://b,c'))).toEqual([false, true])
})

test.each(['[contents:write, issues:read]', 'contents:write,issues:read'])('max_permissions as %s', (list) => {
  expect(read(...of(`max_permissions: ${list}`, GOOD)).maxPermissions).toEqual(
    new Map([
      ['contents', 'write'],
      ['issues', 'read'],
    ]),
  )
})

test('the environment wins, variable by variable; an empty one sets nothing', () => {
  const text = 'port: 1\nshutdown_grace: 1s\nlog_level: debug'
  const { port, shutdownGraceMs, logLevel } = read(...of(text, { ...GOOD, PORT: '2', SHUTDOWN_GRACE: '' }))
  expect([port, shutdownGraceMs, logLevel]).toEqual([2, 1_000, 'debug'])
})

test('an empty value of the file sets nothing either', () => {
  expect(read(...of('port:\nallowed_owners: ""\nlog_level: " "', GOOD))).toMatchObject({
    port: 8080,
    allowedOwners: [],
    logLevel: 'info',
  })
})

describe('what is wrong with a file is named with its key and line', () => {
  test.each<readonly [string, readonly (string | RegExp)[]]>([
    ['ports: 1', ['CONFIG_FILE (line 1) has the unknown key "ports"; did you mean "port"?']],
    ['PORT: 1', ['CONFIG_FILE (line 1) has the unknown key "PORT"; did you mean "port"?']],
    ['config_file: /x', ['CONFIG_FILE (line 1) has the unknown key "config_file"']],
    ['__proto__: 1', ['CONFIG_FILE (line 1) has the unknown key "__proto__"']],
    ['port: 1\nport: 2', ['CONFIG_FILE (line 2): "port" is given twice']],
    ['port: [1]', ['CONFIG_FILE port (line 1) must be a single value, not a list or a mapping']],
    ['port: {a: 1}', ['CONFIG_FILE port (line 1) must be a single value, not a list or a mapping']],
    ['allowed_owners: {acme: x}', ['CONFIG_FILE allowed_owners (line 1) must be a list of values, or one comma list']],
    ['allowed_owners: [[acme]]', ['CONFIG_FILE allowed_owners (line 1) must be a list of values, or one comma list']],
    ['allowed_owners: []', ['CONFIG_FILE allowed_owners (line 1) names none: leave it empty to allow all']],
    ['allowed_owners: [""]', ['CONFIG_FILE allowed_owners (line 1) names none: leave it empty to allow all']],
    [
      'max_permissions: {}',
      ['CONFIG_FILE max_permissions (line 1) names none: name what tokens may have, or unset it to set no ceiling'],
    ],
    [
      'max_permissions: {contents: [read]}',
      [
        'CONFIG_FILE max_permissions (line 1) must be a mapping of permissions to levels, a list of name:level, or one comma list',
      ],
    ],
    [
      'max_permissions: {contents: all}',
      [
        'CONFIG_FILE max_permissions (line 1) has "contents:all": permission "contents" has the level "all"; levels are read, write and admin',
      ],
    ],
    [
      '\n\nlog_level: loud',
      ['CONFIG_FILE log_level (line 3) must be one of debug, info, warn, error, silent, not "loud"'],
    ],
    ['single_process: yes', ['CONFIG_FILE single_process (line 1) must be true or false, not "yes"']],
    [
      'port: &a 1\nmetrics_port: *a',
      [
        'CONFIG_FILE (line 1): an anchor (&) is not allowed',
        'CONFIG_FILE (line 2): an alias (*) is not allowed: write the value out',
      ],
    ],
    ['port: !!int 1', ['CONFIG_FILE (line 1): a tag (!) is not allowed: every value is the text as written']],
    ['- port', ['CONFIG_FILE: the file must be a mapping of fields to values']],
    ['', ['CONFIG_FILE: the file is empty']],
    ['port: 1\n---\nport: 2', ['CONFIG_FILE: the file holds several documents; it must be one']],
    [`log_level: ${'x'.repeat(262_145)}`, ['CONFIG_FILE: the file is longer than 256 KiB']],
    ['port: "1', [/^CONFIG_FILE \(line 1\): not valid YAML: /]],
  ])('%j', (text, expected) => {
    expect(problems(...of(text, GOOD))).toEqual(
      expected.map((problem) => (typeof problem === 'string' ? problem : expect.stringMatching(problem))),
    )
  })

  test('with the problems of the environment, all at once', () => {
    const found = problems(...of('port: x\nalowed_owners: acme', { ...GOOD, LOG_LEVEL: 'loud' }))
    expect(found).toEqual([
      'CONFIG_FILE (line 2) has the unknown key "alowed_owners"; did you mean "allowed_owners"?',
      'CONFIG_FILE port (line 1) must be a whole number from 0 to 65535, not "x"',
      'LOG_LEVEL must be one of debug, info, warn, error, silent, not "loud"',
    ])
  })

  test('rules about two settings name both where they stand', () => {
    const text = 'kms_keys: projects/x\ntls_cert_file: /key.pem\noctosts_quota_floor_soft: 10'
    expect(problems(...of(text, { ...GOOD, OCTOSTS_QUOTA_FLOOR_HARD: '11' }, { '/key.pem': KEY }))).toEqual([
      'CONFIG_FILE kms_keys (line 1) and APP_SECRET_CERTIFICATE_ENV_VAR exclude each other: unset APP_SECRET_CERTIFICATE_ENV_VAR to sign with the key management service, or KMS_KEYS to sign with the private key',
      'OCTOSTS_QUOTA_FLOOR_HARD is 11: it must not be above CONFIG_FILE octosts_quota_floor_soft (line 3), which is 10',
      'TLS_KEY_FILE must be set too, beside CONFIG_FILE tls_cert_file (line 2): a certificate and its key belong together',
    ])
  })
})

test('what may stand in a file that cannot be read is not called missing', () => {
  expect(problems({ CONFIG_FILE: '/none.yaml', PORT: 'x' })).toEqual([
    'CONFIG_FILE names the file "/none.yaml", which cannot be read (ENOENT)',
    'PORT must be a whole number from 0 to 65535, not "x"',
  ])
  expect(problems(...of('sts_domain: [sts.example.com]', NO_DOMAIN))).toEqual([
    'CONFIG_FILE sts_domain (line 1) must be a single value, not a list or a mapping',
  ])
  expect(problems(...of('sts_domain: "sts'))).toEqual([
    expect.stringMatching(/^CONFIG_FILE \(line 1\): not valid YAML/),
  ])
})

test('what can be read of a wrong file is read', () => {
  expect(configuration(...of('port: 1\nport: 2\nlog_level: debug', GOOD)).settings).toMatchObject({
    port: 1,
    logLevel: 'debug',
  })
})

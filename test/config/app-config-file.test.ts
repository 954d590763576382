import { describe, expect, test } from '@jest/globals'
import { KEY, NO_APP, problems, read } from './read.ts'

const GCP = 'projects/acme/locations/global/keyRings/sts/cryptoKeys/app/cryptoKeyVersions/1'
const APP = `{app_id: 1, kms_key: ${GCP}}`
const one = (apps: string) => `orgs: [{name: acme, apps: [${apps}]}]`
const of = (text: string, env: Record<string, string> = {}, files: Record<string, string> = {}) =>
  [
    { ...NO_APP, APP_CONFIG_FILE: '/etc/sts/apps.yaml', ...env },
    { '/etc/sts/apps.yaml': text, ...files },
  ] as const
const pem = (text: string) => ({ kind: 'pem', pem: text })

test('pools by organization in lower case, and one for all others', () => {
  const text = `orgs:
  - name: Acme
    apps:
      - app_id: 1
        kms_key: ${GCP}
      - app_id: 2
        private_key_file: keys/two.pem
  - name: example
    apps:
      - app_id: 2
        private_key_file: /etc/sts/keys/two.pem
  - name: "*"
    apps:
      - app_id: 3
        private_key: \${FALLBACK_KEY}
      - app_id: 4
        private_key: aws-secret://octo-sts/app#key
`
  const { pools } = read(
    ...of(text, { FALLBACK_KEY: `${KEY}\nwith: colons\n- and dashes` }, { '/etc/sts/keys/two.pem': `${KEY}2` }),
  )
  expect([...pools]).toEqual([
    [
      'acme',
      [
        { id: 1, key: { kind: 'kms', provider: 'gcp', key: GCP } },
        { id: 2, key: pem(`${KEY}2`) },
      ],
    ],
    ['example', [{ id: 2, key: pem(`${KEY}2`) }]],
    [
      '*',
      [
        { id: 3, key: pem(`${KEY}\nwith: colons\n- and dashes`) },
        { id: 4, key: { kind: 'reference', reference: { manager: 'aws', name: 'octo-sts/app#key' } } },
      ],
    ],
  ])
})

test('KMS_PROVIDER says whose keys kms_key names', () => {
  const { pools } = read(...of(one('{app_id: 1, kms_key: alias/sts}'), { KMS_PROVIDER: 'aws' }))
  expect(pools.get('acme')).toEqual([{ id: 1, key: { kind: 'kms', provider: 'aws', key: 'alias/sts' } }])
})

describe('variables in braces, and only these, are put in', () => {
  test('anywhere in a value, never twice', () => {
    const { pools } = read(
      ...of(
        one(`{app_id: "\${A}\${B}", private_key_file: "\${DIR}/$$/$A.pem"}`),
        { A: '1', B: '2', DIR: `/k\${A}` },
        {
          [`/k\${A}/$$/$A.pem`]: KEY,
        },
      ),
    )
    expect(pools.get('acme')).toEqual([{ id: 12, key: pem(KEY) }])
  })
  test.each([
    [`\${NO_SUCH}`, 'needs the variable NO_SUCH, which is not set'],
    [`\${EMPTY}`, 'needs the variable EMPTY, which is not set'],
    [`\${toString}`, 'needs the variable toString, which is not set'],
    [`\${A`, `has a "\${" that begins no name of a variable: write \${NAME}`],
    [`\${}`, `has a "\${" that begins no name of a variable: write \${NAME}`],
    [`\${A:-x}`, `has a "\${" that begins no name of a variable: write \${NAME}`],
  ])('%s', (written, expected) => {
    expect(problems(...of(one(`{app_id: 1, private_key: "${written}"}`), { A: KEY, EMPTY: '' }))).toEqual([
      `APP_CONFIG_FILE orgs[0].apps[0].private_key (line 1) ${expected}`,
    ])
  })
})

describe('what is wrong is named with its place', () => {
  const files = { '/etc/sts/one.pem': KEY, '/etc/sts/two.pem': `${KEY}2`, '/etc/sts/bad.pem': 'hunter2' }
  test.each<readonly [string, readonly (string | RegExp)[]]>([
    ['', ['the file is empty']],
    ['[]', ['the file must be a mapping of fields to values']],
    ['orgs: [', [/^APP_CONFIG_FILE \(line 1\) not valid YAML: /]],
    ['orgs: []', ['orgs (line 1) must be a list with at least one organization']],
    ['orgs: {acme: x}', ['orgs (line 1) must be a list with at least one organization']],
    [
      `org: []`,
      ['org (line 1) is an unknown key; did you mean "orgs"?', 'orgs must be a list with at least one organization'],
    ],
    ['orgs: [acme]', ['orgs[0] (line 1) must be a mapping of name, apps']],
    [
      `orgs: [{apps: [${APP}]}]`,
      ['orgs[0].name (line 1) must have a name: an organization, a user, or "*" for all others'],
    ],
    [
      `orgs: [{name: a/b, apps: [${APP}]}]`,
      ['orgs[0].name (line 1) is "a/b", which is no name of an organization or a user, nor "*"'],
    ],
    [
      `orgs:\n- {name: acme, apps: [${APP}]}\n- {name: ACME, apps: [${APP}]}`,
      ['orgs[1] (line 3) names the organization "acme" again: upper and lower case are the same'],
    ],
    [`orgs: [{name: acme, apps: []}]`, ['orgs[0].apps (line 1) must be a list with at least one App']],
    [`orgs: [{name: acme}]`, ['orgs[0].apps (line 1) must be a list with at least one App']],
    [`orgs: [{name: acme, apps: [${APP}], app: 1}]`, ['orgs[0].app (line 1) is an unknown key; did you mean "apps"?']],
    [one('1'), ['orgs[0].apps[0] (line 1) must be a mapping of app_id, kms_key, private_key, private_key_file']],
    [
      one(`{app_id: 1, kms_key: ${GCP}, kms: x}`),
      ['orgs[0].apps[0].kms (line 1) is an unknown key; keys are app_id, kms_key, private_key, private_key_file'],
    ],
    [one(`{kms_key: ${GCP}}`), ['orgs[0].apps[0].app_id (line 1) must have an app_id: the id of a GitHub App']],
    [
      one(`{app_id: my-app, kms_key: ${GCP}}`),
      ['orgs[0].apps[0].app_id (line 1) must be the id of a GitHub App, a whole number, not "my-app"'],
    ],
    [
      one('{app_id: 1}'),
      ['orgs[0].apps[0] (line 1) has no key: give exactly one of kms_key, private_key, private_key_file'],
    ],
    [
      one(`{app_id: 1, kms_key: ${GCP}, private_key_file: one.pem}`),
      [
        'orgs[0].apps[0] (line 1) has kms_key and private_key_file: give exactly one of kms_key, private_key, private_key_file',
      ],
    ],
    [one('{app_id: 1, private_key: ""}'), ['orgs[0].apps[0].private_key (line 1) must be a text']],
    [one('{app_id: 1, private_key: [x]}'), ['orgs[0].apps[0].private_key (line 1) must be a text']],
    [
      one('{app_id: 1, private_key: hunter2}'),
      ['orgs[0].apps[0].private_key (line 1) holds no usable private key: it is no PEM'],
    ],
    [
      one('{app_id: 1, private_key_file: bad.pem}'),
      [
        'orgs[0].apps[0].private_key_file (line 1) names the file "/etc/sts/bad.pem", which holds no usable private key: it is no PEM',
      ],
    ],
    [
      one('{app_id: 1, private_key_file: none.pem}'),
      ['orgs[0].apps[0].private_key_file (line 1) names the file "/etc/sts/none.pem", which cannot be read (ENOENT)'],
    ],
    [
      one('{app_id: 1, kms_key: alias/x}'),
      [
        'orgs[0].apps[0].kms_key (line 1) is no key of KMS_PROVIDER gcp: its keys are written projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY/cryptoKeyVersions/NUMBER',
      ],
    ],
    [one(`${APP}, ${APP}`), ['orgs[0].apps[1] (line 1) names the App 1 again in one organization']],
    [
      `orgs:\n- {name: a, apps: [{app_id: 1, private_key_file: one.pem}]}\n- {name: b, apps: [{app_id: 1, private_key_file: two.pem}]}`,
      ['orgs[1].apps[0] (line 3) gives the App 1 another key than orgs[0].apps[0] (line 2) does'],
    ],
    [`orgs: [{name: acme, name: b, apps: [${APP}]}]`, ['(line 1) "name" is given twice']],
    [
      `x: &a 1\norgs: [{name: acme, apps: [${APP}]}]`,
      ['(line 1) an anchor (&) is not allowed', 'x (line 1) is an unknown key; keys are orgs'],
    ],
  ])('%j', (text, expected) => {
    const found = problems(...of(text, {}, files))
    expect(found).toEqual(
      expected.map((problem) =>
        typeof problem === 'string' ? `APP_CONFIG_FILE ${problem}` : expect.stringMatching(problem),
      ),
    )
    expect(found.join()).not.toContain('hunter2')
  })

  test('a KMS_PROVIDER that is wrong is the only problem of its keys', () => {
    expect(problems(...of(one('{app_id: 1, kms_key: alias/x}'), { KMS_PROVIDER: 'amazon' }))).toEqual([
      'KMS_PROVIDER must be one of gcp, aws, akv, vault, not "amazon"',
    ])
  })
})

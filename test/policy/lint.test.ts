import { describe, expect, test } from '@jest/globals'
import { compileTrustedIssuers } from '../../src/policy/compile-trusted-issuers.ts'
import { lintPolicy, lintTrustedIssuers, type PolicyLintContext } from '../../src/policy/lint.ts'
import type { Finding } from '../../src/policy/trust-policy.ts'
import type { TrustedIssuers } from '../../src/policy/trusted-issuers.ts'

const GITHUB = 'https://token.actions.githubusercontent.com'
const HEAD = 'issuer: https://i.example\nsubject: s\n'
const READ = 'permissions: {contents: read}\n'

const OPEN: PolicyLintContext = {
  kind: 'repository',
  guardrails: {
    repoPolicyOrgPermissions: 'read',
    maxPermissions: undefined,
    selfWrite: 'allow',
    policySources: 'both',
  },
}

const lines = (findings: readonly Finding[]) =>
  findings.map(({ line, column, message }) => `${line}:${column} ${message}`)

/** `valid`, and what was said. */
function said(text: string, context: Partial<PolicyLintContext> = {}) {
  const { valid, errors, warnings } = lintPolicy(text, { ...OPEN, ...context })
  expect(valid).toBe(errors.length === 0)
  return { errors: lines(errors), warnings: lines(warnings) }
}

const errors = (...expected: readonly string[]) => ({ errors: expected, warnings: [] })
const warnings = (...expected: readonly string[]) => ({ errors: [], warnings: expected })

test('a policy without a fault is handed out, compiled', () => {
  const lint = lintPolicy(HEAD + READ, OPEN)
  expect(lint).toMatchObject({ valid: true, errors: [], warnings: [] })
  expect(lint.policy?.permissions).toEqual({ contents: 'read' })
})

describe('a file that does not compile', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['nothing', '', ['1:1 the file is empty']],
    ['a field without a name', '# x\n: x', ['1:1 unknown field ""']],
    ['no YAML', 'a: [', ['1:5 not valid YAML: unexpected end of the stream within a flow collection']],
    [
      'a field that is missing at the top, and a fault further down',
      'subject: x\npermissions: {content: read}\n',
      [
        '1:1 issuer or issuer_pattern is missing: exactly one of them must be given',
        '2:15 "content" is not a permission of GitHub Apps; did you mean "contents"?',
      ],
    ],
    [
      'a field that is missing in a rule',
      `rules:\n  - ${HEAD.replace('\n', '\n    ')}  - issuer: x\n${READ}`,
      ['4:5 rules[1] subject or subject_pattern is missing: exactly one of them must be given'],
    ],
  ])('%s', (_, text, expected) => {
    const lint = lintPolicy(text, OPEN)
    expect(lint.policy).toBeUndefined()
    expect(lint.valid).toBe(false)
    expect(lines(lint.errors)).toEqual(expected)
    expect(lint.warnings).toEqual([])
  })
})

describe("the operator's rules", () => {
  const text = `${HEAD}permissions:\n  actions: read\n  members: write\n  contents: write\n`
  const REWRITES =
    'contents with write lets whoever gets this token rewrite this very policy: consider to move it to the policy repository of the organization'

  test('each fault stands at its permission', () => {
    const guardrails = {
      repoPolicyOrgPermissions: 'none',
      maxPermissions: new Map([['contents', 'read']] as const),
      selfWrite: 'deny',
      policySources: 'organization',
    } as const
    expect(said(text, { guardrails })).toEqual(
      errors(
        "1:1 a repository's own policy is not accepted here: put it into the policy repository of the organization, and ask with that scope",
        '4:3 the policy asks for "actions: read", and the operator of this service lets policies have no level of it',
        '5:3 the policy of a single repository may not grant "members: write", which reaches the whole organization: move the policy to the policy repository of the organization',
        '5:3 the policy asks for "members: write", and the operator of this service lets policies have no level of it',
        '6:3 the policy asks for "contents: write", and the operator of this service lets policies have "contents: read" at most',
        '6:3 the policy of a repository may not grant "contents: write" on that very repository, because its token could rewrite the policy: move the policy to the policy repository of the organization, or grant less',
      ),
    )
  })

  test('where a policy may not lie is said of a broken one too', () => {
    const guardrails = { ...OPEN.guardrails, policySources: 'repository' } as const
    expect(said('x', { kind: 'organization', guardrails }).errors).toEqual([
      '1:1 a policy in the policy repository of the organization is not accepted here: put it into the repository that it is about, and ask with that scope',
      '1:1 the file must be a mapping of fields to values',
    ])
  })

  test('a policy that can rewrite itself is worth a warning where it is allowed', () => {
    const own = `${HEAD}permissions: {contents: write}\n`
    expect(said(own)).toEqual(warnings(`3:15 ${REWRITES}`))
    expect(said(own, { kind: 'organization' })).toEqual(warnings())
  })
})

describe('what the installation lacks', () => {
  const text = `${HEAD}permissions:\n  metadata: read\n  contents: read\n  issues: write\n  checks: write\n`
  const TODO = 'grant it to the App and accept it for the organization, or ask for less'

  test.each<readonly [string, ReadonlyMap<string, string> | undefined, readonly string[]]>([
    ['not known', undefined, []],
    [
      'nothing',
      new Map([
        ['contents', 'write'],
        ['issues', 'write'],
        ['checks', 'admin'],
      ]),
      [],
    ],
    [
      'a permission, and a level of another',
      new Map([
        ['contents', 'read'],
        ['issues', 'read'],
      ]),
      [
        `6:3 the policy asks for "issues: write", but the App's installation has "read" only: ${TODO}`,
        `7:3 the policy asks for "checks: write", but the App's installation does not have that permission: ${TODO}`,
      ],
    ],
    [
      'a level that is known',
      new Map([
        ['contents', 'read'],
        ['issues', 'owner'],
        ['checks', 'write'],
      ]),
      [`6:3 the policy asks for "issues: write", but the App's installation has "owner" only: ${TODO}`],
    ],
  ])('%s', (_, granted, expected) => {
    expect(said(text, { granted })).toEqual(errors(...expected))
  })

  test.each<readonly [string, ReadonlySet<string> | 'all' | undefined, readonly string[]]>([
    ['not known', undefined, []],
    ['no repository', 'all', []],
    ['no repository, in another case', new Set(['site', 'api']), []],
    [
      'a repository',
      new Set(['site']),
      ['5:5 the App\'s installation does not reach "api": select the repository for it, or remove the name'],
    ],
  ])('%s', (_, reachable, expected) => {
    const policy = `${HEAD}repositories:\n  - Site\n  - api\n${READ}`
    expect(said(policy, { kind: 'organization', reachable })).toEqual(errors(...expected))
  })
})

describe("the organization's list of trusted issuers", () => {
  const listOf = (mode: TrustedIssuers['mode']) => {
    const compilation = compileTrustedIssuers(
      `mode: ${mode}\nissuers: [${GITHUB}]\nissuer_patterns: ['https://[a-z]+\\.example']`,
    )
    if (!compilation.ok) throw new Error(JSON.stringify(compilation.findings))
    return compilation.list
  }
  const rule = (issuer: string) => `rules:\n  - ${issuer}\n    subject: s\n${READ}`
  const NOT_LISTED = 'issuer "https://other.test" is not on the organization\'s list of trusted issuers:'

  test.each<readonly [string, string, boolean]>([
    ['listed', 'issuer: https://token.actions.githubusercontent.com', true],
    ['matched', 'issuer: https://a.example', true],
    ['neither', 'issuer: https://other.test', false],
    ['neither, written as a pattern', "issuer_pattern: '^https://other\\.test$'", false],
    ['a pattern of several issuers', "issuer_pattern: 'https://[a-z]+\\.test'", true],
  ])('%s', (_, issuer, fine) => {
    const text = rule(issuer)
    expect(said(text, { trusted: listOf('enforce') })).toEqual(
      fine ? errors() : errors(`2:5 ${NOT_LISTED} its tokens are refused`),
    )
    expect(said(text, { trusted: listOf('audit') })).toEqual(
      fine ? warnings() : warnings(`2:5 ${NOT_LISTED} its tokens would be refused in mode enforce`),
    )
    expect(said(text)).toEqual(errors())
  })
})

describe('when a policy grants anything', () => {
  const text = `${HEAD}not_before: 2027-01-01T00:00:00Z\nexpires: 2027-02-01T00:00:00Z\n${READ}`

  test.each<readonly [string, string | undefined, readonly string[]]>([
    ['before', '2026-12-31T23:59:59.999Z', ['3:1 the policy grants nothing before 2027-01-01T00:00:00Z']],
    ['from its first moment', '2027-01-01T00:00:00Z', []],
    ['to its last', '2027-01-31T23:59:59.999Z', []],
    ['after', '2027-02-01T00:00:00Z', ['4:1 the policy expired at 2027-02-01T00:00:00Z and grants nothing']],
    ['at a moment that is not known', undefined, []],
  ])('%s', (_, now, expected) => {
    const nowMs = now === undefined ? undefined : Date.parse(now)
    expect(said(text, { nowMs })).toEqual(warnings(...expected))
  })
})

describe('habits that accept more than is meant', () => {
  const dot = (words: string, field: string) =>
    `the dot of "${words}" in ${field} matches any character: write \\. for a dot`
  const SLASH = "issuer of somebody else's could match it)"
  const ANY_SUBJECT = 'subject_pattern matches every subject: whoever has a token of this issuer satisfies the policy'
  const ANY_ISSUER = 'issuer_pattern matches every issuer: anybody can run one and sign what the policy asks for'
  const byName = (owner: string) =>
    `the subject names "${owner}" on GitHub by name only, and a name can become somebody else's: pin the account too, with repository_owner_id under github_actions`

  test.each<readonly [string, string, readonly string[]]>([
    ['a plain issuer and subject', HEAD, []],
    [
      'a slash at the end of an issuer',
      'issuer: https://i.example/\nsubject: s\n',
      ['1:1 issuer ends with "/": right only if the tokens\' iss ends with it too'],
    ],
    [
      'an unescaped dot in an issuer',
      `issuer_pattern: ${GITHUB}\nsubject: s\n`,
      [`1:1 ${dot('token.actions', 'issuer_pattern')}`],
    ],
    ['escaped dots', `issuer_pattern: 'https://\\Qa.b\\E\\.c[.]d\\x2ee'\nsubject: s\n`, []],
    [
      'a host that is anything',
      'issuer_pattern: https://.*\\.example\\.com\nsubject: s\n',
      [
        `1:1 issuer_pattern has ".", which may match "/": write \\. for a dot, or [a-z0-9-] for a part of a name (an ${SLASH}`,
      ],
    ],
    ['a host of one word', 'issuer_pattern: https://[a-z]+\\.example\\.com\nsubject: s\n', []],
    ['any issuer', 'issuer_pattern: ".*"\nsubject: s\n', [`1:1 ${ANY_ISSUER}`]],
    ['any issuer, in other words', 'issuer_pattern: "^(?s:(.+?))$"\nsubject: s\n', [`1:1 ${ANY_ISSUER}`]],
    ['any subject', 'issuer: https://i.example\nsubject_pattern: .*\n', [`2:1 ${ANY_SUBJECT}`]],
    ['any subject, in other words', 'issuer: https://i.example\nsubject_pattern: ".{1,}"\n', [`2:1 ${ANY_SUBJECT}`]],
    ['a subject of any letter', 'issuer: https://i.example\nsubject_pattern: .\n', []],
    ['any subject where a claim says more', 'issuer: https://i.example\nsubject_pattern: .*\nclaims: {a: b}\n', []],
    [
      'any subject where a claim only forbids',
      'issuer: https://i.example\nsubject_pattern: .*\nforbidden_claims: {a: b}\n',
      [`2:1 ${ANY_SUBJECT}`],
    ],
    [
      'dots in other patterns',
      'issuer: https://i.example\nsubject_pattern: (bob|ann)@acme.example\naudience_pattern: x\\.y|a.b\nclaim_pattern:\n  email: ann@(acme.example)\nclaims:\n  mail: {pattern: x.y?}\n',
      [
        `2:1 ${dot('acme.example', 'subject_pattern')}`,
        `3:1 ${dot('a.b', 'audience_pattern')}`,
        `5:3 ${dot('acme.example', 'claim_pattern "email"')}`,
      ],
    ],
    [
      'a repository by its name',
      `issuer: ${GITHUB}\nsubject: repo:partner/tools:ref:refs/heads/main\n`,
      [`2:1 ${byName('partner')}`],
    ],
    [
      'repositories by name, for any issuer of GitHub',
      `issuer_pattern: https://token\\.actions\\.[a-z]+\\.com\nsubject_pattern: ^repo:partner/.*:environment:prod$\n`,
      [`2:1 ${byName('partner')}`],
    ],
    ['a repository by its id', `issuer: ${GITHUB}\nsubject: repo:partner@1/tools@2:ref:refs/heads/main\n`, []],
    [
      'a repository by its name and its owner by id',
      `issuer: ${GITHUB}\nsubject: repo:partner/tools:ref:refs/heads/main\ngithub_actions: {repository_owner_id: "1"}\n`,
      [],
    ],
    ["a repository of the owner's own", `issuer: ${GITHUB}\nsubject: repo:Acme/tools:ref:refs/heads/main\n`, []],
    ['the same words of another issuer', 'issuer: https://i.example\nsubject: repo:partner/tools:x\n', []],
  ])('%s', (_, text, expected) => {
    expect(said(text + READ, { owner: 'acme' })).toEqual(warnings(...expected))
  })

  test('without an owner every name may be of somebody else', () => {
    expect(said(`issuer: ${GITHUB}\nsubject: repo:acme/tools:x\n${READ}`)).toEqual(warnings(`2:1 ${byName('acme')}`))
  })

  test('each rule is looked at, and said in the order of the file, after what the compiler says', () => {
    const text = `permissions: {keys: read}\nrules:\n  - issuer: https://i.example/\n    subject: s\n  - subject_pattern: .*\n    issuer_pattern: .*\n`
    expect(said(text)).toEqual(
      warnings(
        '1:15 GitHub does not publish the permission "keys" and may refuse it',
        '3:5 issuer ends with "/": right only if the tokens\' iss ends with it too',
        `5:5 ${ANY_SUBJECT}`,
        `6:5 ${ANY_ISSUER}`,
      ),
    )
  })
})

describe('a list of trusted issuers', () => {
  const lint = (text: string) => {
    const { valid, errors: found, warnings: remarks, list } = lintTrustedIssuers(text)
    expect(list === undefined).toBe(found.length > 0)
    return { valid, errors: lines(found), warnings: lines(remarks) }
  }

  test.each<readonly [string, string, ReturnType<typeof lint>]>([
    [
      'is valid',
      `mode: audit\nissuers:\n  - ${GITHUB}\nissuer_patterns: ['https://[a-z]+\\.example']`,
      { valid: true, errors: [], warnings: [] },
    ],
    [
      'has remarks',
      `issuers:\n  - ${GITHUB}\n  - http://localhost:8080\n  - https://i.example/\n`,
      {
        valid: true,
        errors: [],
        warnings: [
          '3:5 "http://localhost:8080" is an issuer for development: anybody on that machine can be it',
          '4:5 "https://i.example/" ends with "/": right only if the tokens\' iss ends with it too',
        ],
      },
    ],
    [
      'names nobody',
      'mode: enforce',
      {
        valid: false,
        errors: ['1:1 the file names no issuer: give issuers, issuer_patterns, or both'],
        warnings: [],
      },
    ],
  ])('that %s', (_, text, expected) => {
    expect(lint(text)).toEqual(expected)
  })
})

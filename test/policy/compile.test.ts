import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import type { PolicyKind } from '../../src/policy/trust-policy.ts'

const ISSUER = 'issuer: https://token.actions.githubusercontent.com'
const HEAD = `${ISSUER}\nsubject: repo:acme/site:ref:refs/heads/main\n`
const TAIL = 'permissions:\n  contents: read\n'
const WHOLE = HEAD + TAIL

/** Each finding as `line:column pointer message`. */
function outcome(text: string, kind: PolicyKind = 'repository'): readonly string[] {
  const compilation = compilePolicy(text, kind)
  if (compilation.ok) return ['ok']
  return [
    compilation.stage,
    ...compilation.findings.map(
      ({ line, column, pointer, message }) => `${line ?? '-'}:${column ?? '-'} ${pointer} ${message}`,
    ),
  ]
}

const PERMISSIONS_MISSING =
  'permissions is missing or empty: name what the token may do (GitHub would grant everything)'

describe('a policy that is valid', () => {
  test.each<readonly [string, string, PolicyKind]>([
    ['the smallest', WHOLE, 'repository'],
    [
      'with every field',
      `issuer_pattern: https://x\nsubject_pattern: a|b\naudience_pattern: .+\nclaim_pattern:\n  ref: refs/.*\napp: my-app\n${TAIL}`,
      'repository',
    ],
    ['of an organization', `${WHOLE}repositories:\n- site\n- .github\n`, 'organization'],
    ['of an organization without repositories', WHOLE, 'organization'],
    [
      'with a byte order mark, CRLF and comments',
      `\uFEFF# c\r\n---\r\n${WHOLE.replaceAll('\n', '\r\n')}...\r\n`,
      'repository',
    ],
    ['as JSON', JSON.stringify({ issuer: 'https://x', subject: 'y', permissions: { contents: 'read' } }), 'repository'],
    [
      'whose empty texts are absent',
      `issuer: https://x\nissuer_pattern: ''\nsubject: x\nsubject_pattern:\naudience:\nclaim_pattern:\napp: ""\n${TAIL}`,
      'repository',
    ],
    [
      'with 500 repositories',
      `${WHOLE}repositories: [${Array.from({ length: 500 }, (_, index) => `r${index}`).join(', ')}]`,
      'organization',
    ],
    ['with a quoted merge key as a claim', `${WHOLE}claim_pattern: {"<<": x}`, 'repository'],
  ])('%s', (_, text, kind) => {
    expect(outcome(text, kind)).toEqual(['ok'])
  })
})

describe('a file that does not parse', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['nothing', '', ['-:-  the file is empty']],
    ['comments only', '# nothing\n', ['-:-  the file is empty']],
    ['an empty document', '---\n...\n', ['-:-  the file is empty']],
    ['a text', 'hello', ['-:-  the file must be a mapping of fields to values']],
    ['a list', '- a', ['-:-  the file must be a mapping of fields to values']],
    ['two documents', `${WHOLE}---\n${WHOLE}`, ['-:-  the file holds several documents; it must be one']],
    ['a document after the end', `${WHOLE}...\nmore: x\n`, ['-:-  the file holds several documents; it must be one']],
    ['an unclosed list', '{issuer: [', ['1:11  not valid YAML: unexpected end of the stream within a flow collection']],
    [
      'a NUL that could hide the rest',
      `${WHOLE}\0subject: x`,
      ['5:1  not valid YAML: null byte is not allowed in input'],
    ],
    ['a field given twice', `${ISSUER}\n${WHOLE}`, ['2:1 /issuer "issuer" is given twice']],
    ['a field given twice, once in quotes', `${WHOLE}"issuer": x`, ['5:1 /issuer "issuer" is given twice']],
    ['a claim given twice', `${WHOLE}claim_pattern:\n  a: b\n  a: c\n`, ['7:3 /claim_pattern/a "a" is given twice']],
    ['an anchor', `issuer: &x https://x\nsubject: y\n${TAIL}`, ['1:9 /issuer an anchor (&) is not allowed']],
    [
      'an alias',
      `issuer: &x https://x\nsubject: *x\n${TAIL}`,
      ['1:9 /issuer an anchor (&) is not allowed', '2:10 /subject an alias (*) is not allowed: write the value out'],
    ],
    [
      'a tag',
      `issuer: !!str https://x\nsubject: y\n${TAIL}`,
      ['1:9 /issuer a tag (!) is not allowed: every value is the text as written'],
    ],
    ['a tag on the root', `!!map\n${WHOLE}`, ['1:1  a tag (!) is not allowed: every value is the text as written']],
    ['a tag directive', `%TAG ! tag:x,2000:\n---\n${WHOLE}`, ['-:-  a %TAG directive is not allowed']],
    ['a merge key', `${WHOLE}<<: {audience: x}`, ['5:1  a merge key (<<) is not allowed: write the fields out']],
    ['a list as a key', `${WHOLE}? [a]\n: b`, ['5:3  a key must be a text']],
    ['an unknown field', `${WHOLE}reason: x`, ['5:1 /reason unknown field "reason"']],
    ['an unknown field that is empty', `${WHOLE}reason:`, ['5:1 /reason unknown field "reason"']],
    ['a field in another case', `Issuer: x\n${WHOLE}`, ['1:1 /Issuer unknown field "Issuer"; did you mean "issuer"?']],
    [
      'a field with a hyphen',
      `${WHOLE}claim-pattern: {}`,
      ['5:1 /claim-pattern unknown field "claim-pattern"; did you mean "claim_pattern"?'],
    ],
    ['a slip', `${WHOLE}audeince: x`, ['5:1 /audeince unknown field "audeince"; did you mean "audience"?']],
    [
      'a prototype name as a field',
      `${WHOLE}__proto__: x\nconstructor: y`,
      ['5:1 /__proto__ unknown field "__proto__"', '6:1 /constructor unknown field "constructor"'],
    ],
    [
      'repositories in a repository policy',
      `${WHOLE}repositories: [a]`,
      [
        '5:1 /repositories repositories is for policies in the policy repository of the organization only; leave it out here',
      ],
    ],
    ['a list as an issuer', `issuer: [x]\nsubject: y\n${TAIL}`, ['1:1 /issuer issuer must be a text']],
    ['a text as claim_pattern', `${WHOLE}claim_pattern: x`, ['5:1 /claim_pattern claim_pattern must be a mapping']],
    [
      'a list as a claim',
      `${WHOLE}claim_pattern: {ref: [x]}`,
      ['5:17 /claim_pattern/ref claim_pattern "ref" must be a text'],
    ],
    [
      'a list as a level',
      `${HEAD}permissions: {contents: [read]}`,
      ['3:15 /permissions/contents permissions "contents" must be a text'],
    ],
    ['a list of permissions', `${HEAD}permissions: [contents]`, ['3:1 /permissions permissions must be a mapping']],
    [
      'nesting over 16',
      `a: ${'['.repeat(20)}${']'.repeat(20)}`,
      ['1:19  not valid YAML: nesting exceeded maxDepth (16)'],
    ],
    ['more than 64 KiB', `${WHOLE}#${'x'.repeat(65_536)}`, ['-:-  the file is longer than 64 KiB']],
    ['more than 64 KiB in UTF-8', `${WHOLE}#${'€'.repeat(22_000)}`, ['-:-  the file is longer than 64 KiB']],
  ])('%s', (_, text, findings) => {
    expect(outcome(text)).toEqual(['parse', ...findings])
  })

  test('an empty "repositories" of an organization is not read as "all of them"', () => {
    expect(outcome(`${WHOLE}repositories:\n`, 'organization')).toEqual([
      'parse',
      '5:1 /repositories repositories must be a list',
    ])
  })
})

describe('a policy whose rules do not hold', () => {
  test.each<readonly [string, string, readonly string[]]>([
    [
      'no issuer',
      `subject: x\n${TAIL}`,
      ['-:-  issuer or issuer_pattern is missing: exactly one of them must be given'],
    ],
    [
      'no subject',
      `issuer: x\n${TAIL}`,
      ['-:-  subject or subject_pattern is missing: exactly one of them must be given'],
    ],
    [
      'an empty issuer',
      `issuer: ""\nsubject: x\n${TAIL}`,
      ['-:-  issuer or issuer_pattern is missing: exactly one of them must be given'],
    ],
    [
      'both issuers',
      `${WHOLE}issuer_pattern: .*`,
      ['5:1 /issuer_pattern issuer and issuer_pattern exclude each other: give only one of them'],
    ],
    [
      'both subjects',
      `${WHOLE}subject_pattern: .*`,
      ['5:1 /subject_pattern subject and subject_pattern exclude each other: give only one of them'],
    ],
    [
      'both audiences',
      `${WHOLE}audience: x\naudience_pattern: x`,
      ['6:1 /audience_pattern audience and audience_pattern exclude each other: give only one of them'],
    ],
    [
      'both apps',
      `${WHOLE}app: x\napp_pattern: x`,
      ['6:1 /app_pattern app and app_pattern exclude each other: give only one of them'],
    ],
    ['no permissions', HEAD, [`-:-  ${PERMISSIONS_MISSING}`]],
    ['empty permissions', `${HEAD}permissions: {}`, [`3:1 /permissions ${PERMISSIONS_MISSING}`]],
    ['permissions without a value', `${HEAD}permissions:\n`, [`-:-  ${PERMISSIONS_MISSING}`]],
    [
      'a permission that is none',
      `${HEAD}permissions: {content: read}`,
      ['3:15 /permissions/content "content" is not a permission of GitHub Apps; did you mean "contents"?'],
    ],
    [
      'a permission like none',
      `${HEAD}permissions: {frobnicate: read}`,
      ['3:15 /permissions/frobnicate "frobnicate" is not a permission of GitHub Apps'],
    ],
    [
      'a prototype name as a permission',
      `${HEAD}permissions: {__proto__: read}`,
      ['3:15 /permissions/__proto__ "__proto__" is not a permission of GitHub Apps'],
    ],
    [
      'a level that is none',
      `${HEAD}permissions: {contents: readwrite}`,
      ['3:15 /permissions/contents permission "contents" has the level "readwrite"; levels are read, write and admin'],
    ],
    [
      'an empty level',
      `${HEAD}permissions: {contents: }`,
      ['3:15 /permissions/contents permission "contents" has the level ""; levels are read, write and admin'],
    ],
    [
      'a level that the permission has not',
      `${HEAD}permissions: {workflows: read}`,
      ['3:15 /permissions/workflows permission "workflows" has no level "read"; GitHub publishes write'],
    ],
    [
      'a pattern that only parses in a group',
      `issuer_pattern: a)|(?:b\nsubject: x\n${TAIL}`,
      ['1:1 /issuer_pattern issuer_pattern is not a valid RE2 pattern: unexpected ) at "a)|(?:b"'],
    ],
    [
      'a look-ahead in a claim',
      `${WHOLE}claim_pattern:\n  ref: (?!x)\n`,
      [
        '6:3 /claim_pattern/ref claim_pattern "ref" is not a valid RE2 pattern: invalid or unsupported Perl syntax at "(?!"',
      ],
    ],
    [
      'a pattern over 4096 characters',
      `${WHOLE}claim_pattern:\n  ref: ${'x'.repeat(4097)}\n`,
      ['6:3 /claim_pattern/ref claim_pattern "ref" is longer than 4096 characters'],
    ],
    [
      'a pattern that is huge when written out',
      `${WHOLE}claim_pattern:\n  ref: ${'\\pL{1000}'.repeat(400)}\n`,
      ['6:3 /claim_pattern/ref claim_pattern "ref" is too large once its repetitions are written out'],
    ],
    [
      'several faults, in the order of the file',
      `issuer_pattern: (\n${TAIL}app_pattern: "["`,
      [
        '1:1 /issuer_pattern issuer_pattern is not a valid RE2 pattern: missing closing ) at "("',
        '4:1 /app_pattern app_pattern is not a valid RE2 pattern: missing closing ] at "["',
        '-:-  subject or subject_pattern is missing: exactly one of them must be given',
      ],
    ],
  ])('%s', (_, text, findings) => {
    expect(outcome(text)).toEqual(['compile', ...findings])
  })

  const NAME = 'is not the name of a repository: 1 to 100 of A-Z a-z 0-9 . _ -, without the owner, and not "." or ".."'
  test.each<readonly [string, string, readonly string[]]>([
    ['none', '[]', ['5:1 /repositories repositories is empty: name one, or leave the field out']],
    ['one with its owner', '[acme/site]', [`5:16 /repositories/0 repositories[0] ${NAME}`]],
    ['dots', '[site, ..]', [`5:22 /repositories/1 repositories[1] ${NAME}`]],
    ['an empty name', '["", a]', [`5:16 /repositories/0 repositories[0] ${NAME}`]],
    ['one twice, in another case', '[site, Site]', ['5:22 /repositories/1 repositories names "Site" twice']],
    [
      '501',
      `[${Array.from({ length: 501 }, (_, index) => `r${index}`).join(', ')}]`,
      ['5:1 /repositories repositories has more than 500 entries'],
    ],
  ])('repositories: %s', (_, list, findings) => {
    expect(outcome(`${WHOLE}repositories: ${list}`, 'organization')).toEqual(['compile', ...findings])
  })

  test('many patterns that are large together', () => {
    const claims = Array.from({ length: 5 }, (_, index) => `  c${index}: a{850}b{850}\n`).join('')
    expect(outcome(`${WHOLE}claim_pattern:\n${claims}`)).toEqual([
      'compile',
      '9:3 /claim_pattern/c3 claim_pattern "c3" is one pattern too many: all patterns of the file together are too large',
      '10:3 /claim_pattern/c4 claim_pattern "c4" is one pattern too many: all patterns of the file together are too large',
    ])
  })

  test('no more than 100 findings of a file full of faults', () => {
    const text = WHOLE + Array.from({ length: 1900 }, (_, index) => `x${index}: y`).join('\n')
    expect(outcome(text)).toHaveLength(101)
  })
})

describe('every scalar is the text as it was written', () => {
  test.each([
    ['yes', 'yes'],
    ['010', '010'],
    ['1.10', '1.10'],
    ['123456789012345678901', '123456789012345678901'],
    ['null', 'null'],
    ['~', '~'],
    ['0x1F', '0x1F'],
    ['2026-01-02', '2026-01-02'],
    ['"a\\u0062"', 'ab'],
    ["'it''s'", "it's"],
    ['>-\n  a\n  b', 'a b'],
    ['|\n  a\n  b', 'a\nb\n'],
    ['a # comment', 'a'],
    ['a#b', 'a#b'],
  ])('%s', (written, text) => {
    const compilation = compilePolicy(`issuer: x\nsubject: ${written}\n${TAIL}`, 'repository')
    expect(compilation.ok && compilation.policy.alternatives[0].subject?.source).toBe(text)
  })

  test('keys too', () => {
    const compilation = compilePolicy(
      `${WHOLE}claim_pattern: {n: a, 010: b, yes: c, null: d, __proto__: e, "": f}`,
      'repository',
    )
    expect(compilation.ok && compilation.policy.alternatives[0].claims.map(({ name }) => name)).toEqual([
      'n',
      '010',
      'yes',
      'null',
      '__proto__',
      '',
    ])
  })
})

describe('a compiled policy', () => {
  test('has all that the file says', () => {
    const compilation = compilePolicy(
      `${WHOLE}audience: x\napp_pattern: a|b\nrepositories: [Site, .github]\n`,
      'organization',
    )
    expect(compilation).toMatchObject({
      ok: true,
      policy: {
        kind: 'organization',
        alternatives: [
          {
            issuer: { kind: 'exact', source: 'https://token.actions.githubusercontent.com' },
            subject: { kind: 'exact', source: 'repo:acme/site:ref:refs/heads/main' },
            audience: { kind: 'exact', source: 'x' },
            claims: [],
          },
        ],
        permissions: { contents: 'read' },
        repositories: ['Site', '.github'],
        app: { kind: 'pattern', source: 'a|b' },
        warnings: [],
      },
    })
  })

  test('warns of permissions that GitHub does not publish', () => {
    const compilation = compilePolicy(`${WHOLE}  gists: write\n`, 'repository')
    expect(compilation.ok && compilation.policy.warnings).toEqual([
      {
        pointer: '/permissions/gists',
        line: 5,
        column: 3,
        message: 'GitHub does not publish the permission "gists" and may refuse it',
      },
    ])
  })
})

import { describe, expect, test } from '@jest/globals'
import { compileTrustedIssuers } from '../../src/policy/compile-trusted-issuers.ts'
import { isTrusted } from '../../src/policy/trusted-issuers.ts'

const GITHUB = 'https://token.actions.githubusercontent.com'

function findings(text: string): readonly string[] {
  const compilation = compileTrustedIssuers(text)
  if (compilation.ok) return []
  return compilation.findings.map(
    ({ line = '-', column = '-', pointer, message }) => `${line}:${column} ${pointer} ${message}`,
  )
}

function listOf(text: string) {
  const compilation = compileTrustedIssuers(text)
  if (compilation.ok) return compilation.list
  throw new Error(JSON.stringify(compilation.findings))
}

describe('a list', () => {
  test.each<readonly [string, string, 'enforce' | 'audit']>([
    ['without a mode enforces', `issuers: [${GITHUB}]`, 'enforce'],
    ['can say so', `mode: enforce\nissuers: [${GITHUB}]`, 'enforce'],
    ['can be on trial', `mode: audit\nissuers: [${GITHUB}]`, 'audit'],
  ])('%s', (_, text, mode) => {
    expect(listOf(text).mode).toBe(mode)
  })

  const LIST = `
issuers:
  - ${GITHUB}
  - https://accounts.example.com/
  - https://oidc.example.com:8443/Tenant/~a
  - https://[2001:db8::1]
  - http://localhost:8080
  - http://127.0.0.1
issuer_patterns:
  - 'https://[a-z0-9-]+\\.example\\.org'
  - 'https://oidc\\.eks\\.[a-z0-9-]+\\.amazonaws\\.com/id/[0-9A-F]{32}'
`

  test.each<readonly [string, boolean]>([
    [GITHUB, true],
    [`${GITHUB}/`, false],
    [`${GITHUB}/acme`, false],
    ['https://Token.actions.githubusercontent.com', false],
    ['https://accounts.example.com/', true],
    ['https://accounts.example.com', false],
    ['https://oidc.example.com:8443/Tenant/~a', true],
    ['https://oidc.example.com:8443/tenant/~a', false],
    ['https://[2001:db8::1]', true],
    ['http://localhost:8080', true],
    ['https://a-1.example.org', true],
    ['https://.example.org', false],
    ['https://a.b.example.org', false],
    ['https://evil.example/a.example.org', false],
    ['https://a.example.org.evil.example', false],
    ['xhttps://a.example.org', false],
    ['https://a.example.org\n', false],
    ['https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF', true],
    ['https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789abcdef0123456789abcdef', false],
    ['', false],
    ['__proto__', false],
  ])('%s: %s', (issuer, expected) => {
    expect(isTrusted(listOf(LIST), issuer)).toBe(expected)
  })

  test('takes 64 issuers and 16 patterns of 256 characters', () => {
    const issuers = Array.from({ length: 64 }, (_, index) => `  - https://i${index}.example\n`)
    const patterns = Array.from({ length: 16 }, (_, index) => `  - ${`https://p${index}[a-z]`.padEnd(256, 'x')}\n`)
    const list = listOf(`issuers:\n${issuers.join('')}issuer_patterns:\n${patterns.join('')}`)
    expect(list.issuers).toHaveLength(80)
  })
})

describe('what is refused', () => {
  const many = (count: number, entry: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => `\n  - ${entry(index)}`).join('')
  const MANY_FIELDS = Array.from({ length: 200 }, (_, index) => `field${index}: x\n`).join('')

  test.each<readonly [string, string, readonly string[]]>([
    ['nothing', '', ['-:-  the file is empty']],
    ['no list', 'mode: enforce', ['-:-  the file names no issuer: give issuers, issuer_patterns, or both']],
    ['an empty list', 'issuers: []', ['1:1 /issuers issuers is empty: name one, or leave the field out']],
    [
      'an empty list beside another',
      `issuers: [${GITHUB}]\nissuer_patterns: []`,
      ['2:1 /issuer_patterns issuer_patterns is empty: name one, or leave the field out'],
    ],
    ['no value', 'issuers:', ['1:1 /issuers issuers must be a list']],
    ['a text for a list', `issuers: ${GITHUB}`, ['1:1 /issuers issuers must be a list']],
    ['a list in a list', `issuers:\n  - [${GITHUB}]`, ['2:5 /issuers/0 issuers[0] must be a text']],
    [
      'a mapping for a mode',
      `mode: {}\nissuers: [${GITHUB}]`,
      ['1:1 /mode mode must be a text', '1:1 /mode mode must be enforce or audit'],
    ],
    ['another mode', `issuers: [${GITHUB}]\nmode: Audit`, ['2:1 /mode mode must be enforce or audit']],
    ['an empty mode', `mode:\nissuers: [${GITHUB}]`, ['1:1 /mode mode must be enforce or audit']],
    [
      'an unknown field',
      `issuer: [${GITHUB}]\nissuers: [${GITHUB}]`,
      ['1:1 /issuer unknown field "issuer"; did you mean "issuers"?'],
    ],
    ['a field of a policy', `issuers: [${GITHUB}]\nsubject: x`, ['2:1 /subject unknown field "subject"']],
    [
      '65 issuers',
      `issuers:${many(65, (n) => `https://i${n}.example`)}`,
      ['1:1 /issuers issuers has more than 64 entries'],
    ],
    [
      '17 patterns',
      `issuer_patterns:${many(17, (n) => `https://i${n}`)}`,
      ['1:1 /issuer_patterns issuer_patterns has more than 16 entries'],
    ],
    [
      'a pattern of 257 characters',
      `issuer_patterns:\n  - ${'x'.repeat(257)}`,
      ['2:5 /issuer_patterns/0 issuer_patterns[0] is longer than 256 characters'],
    ],
    [
      'an issuer of 256 characters',
      `issuers:\n  - https://${'x'.repeat(248)}`,
      ['2:5 /issuers/0 issuers[0] is longer than 255 characters'],
    ],
    [
      'an issuer twice',
      `issuers:\n  - ${GITHUB}\n  - https://x.example\n  - "${GITHUB}"`,
      [`4:5 /issuers/2 issuers[2] "${GITHUB}" is given twice`],
    ],
    ['a pattern twice', 'issuer_patterns: [a, b, a]', ['1:25 /issuer_patterns/2 issuer_patterns[2] is given twice']],
    [
      'capital letters in the host',
      'issuers: [https://Accounts.Example.com/Tenant]',
      [
        '1:11 /issuers/0 issuers[0] "https://Accounts.Example.com/Tenant" has capital letters in its scheme or host: write "https://accounts.example.com"',
      ],
    ],
    [
      'capital letters in the scheme',
      'issuers: ["HTTPS://a.example"]',
      [
        '1:11 /issuers/0 issuers[0] "HTTPS://a.example" has capital letters in its scheme or host: write "https://a.example"',
      ],
    ],
    ['plain http', 'issuers: [http://a.example]', ['1:11 /issuers/0 issuers[0] "http://a.example" must use https']],
    ...['a.example', 'https://u@a.example', 'https://a.example?x', 'https://a.example#x', 'https://*.example', ''].map(
      (issuer): readonly [string, string, readonly string[]] => [
        `the issuer ${JSON.stringify(issuer)}`,
        `issuers: ["${issuer}"]`,
        [
          `1:11 /issuers/0 issuers[0] "${issuer}" is not a plain https URL (no user info, query or fragment, an ASCII host)`,
        ],
      ],
    ),
    [
      'an issuer with a path that is none',
      'issuers: [https://a.example/x/../y]',
      ['1:11 /issuers/0 issuers[0] "https://a.example/x/../y" has ".." in its path'],
    ],
    [
      'a pattern that is none',
      "issuer_patterns: ['a)|(?:b']",
      ['1:19 /issuer_patterns/0 issuer_patterns[0] is not a valid RE2 pattern: unexpected ) at "a)|(?:b"'],
    ],
    [
      'a pattern with a free slash',
      "issuer_patterns:\n  - 'https://[^/]+\\.example\\.com'\n  - https://[^.]+\\.example\\.com\n  - https?://(a|b/c)\\.example",
      [
        '3:5 /issuer_patterns/1 issuer_patterns[1] has "[^.]", which may match "/": leave "/" out of it',
        '4:5 /issuer_patterns/2 issuer_patterns[2] has a "/" inside an alternation',
      ],
    ],
    [
      'patterns that together cost too much',
      `issuer_patterns:${many(4, (n) => `https://[a-z]{950}[0-9]{950}${n}`)}`,
      [
        '5:5 /issuer_patterns/3 issuer_patterns[3] is one pattern too many: all patterns of the file together are too large',
      ],
    ],
    [
      'an alias',
      `issuers: [&a ${GITHUB}, *a]`,
      [
        '1:11 /issuers/0 an anchor (&) is not allowed',
        '1:59 /issuers/1 an alias (*) is not allowed: write the value out',
      ],
    ],
    [
      'a field twice',
      'issuers: [https://a.example]\nissuers: [https://b.example]',
      ['2:1 /issuers "issuers" is given twice'],
    ],
    [
      'two documents',
      `issuers: [${GITHUB}]\n---\nmode: audit`,
      ['-:-  the file holds several documents; it must be one'],
    ],
    ['a list as the file', `- ${GITHUB}`, ['-:-  the file must be a mapping of fields to values']],
  ])('%s', (_, text, expected) => {
    expect(findings(text)).toEqual(expected)
  })

  test('says no more than a hundred things', () => {
    expect(findings(MANY_FIELDS)).toHaveLength(100)
  })
})

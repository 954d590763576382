import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Denial } from '../../src/terms/denial.ts'
import { parseIdentity, policyPath } from '../../src/terms/identity.ts'
import { formatScope, nameKey, parseScope } from '../../src/terms/scope.ts'

function outcome(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason} ${error.field}`
  }
}

const MALFORMED = 'SCOPE_MALFORMED scope'
describe('a scope', () => {
  test.each<readonly [string, unknown]>([
    ['acme/site', { owner: 'acme', repository: 'site' }],
    ['acme', { owner: 'acme' }],
    ['Acme/Site.js', { owner: 'Acme', repository: 'Site.js' }],
    ['acme/.github', { owner: 'acme', repository: '.github' }],
    ['acme/...', { owner: 'acme', repository: '...' }],
    ['acme_corp/a_b-c', { owner: 'acme_corp', repository: 'a_b-c' }],
    [`${'a'.repeat(100)}/${'b'.repeat(100)}`, { owner: 'a'.repeat(100), repository: 'b'.repeat(100) }],
    ['constructor/__proto__', { owner: 'constructor', repository: '__proto__' }],
    ['', 'SCOPE_MISSING scope'],
    ['x/../acme/site', MALFORMED],
    ['acme//site', MALFORMED],
    ['acme/site/', MALFORMED],
    ['/acme/site', MALFORMED],
    ['acme/', MALFORMED],
    ['/', MALFORMED],
    ['acme/..', MALFORMED],
    ['acme/.', MALFORMED],
    ['.', MALFORMED],
    ['ac.me/site', MALFORMED],
    ['acme/site ', MALFORMED],
    [' acme', MALFORMED],
    ['acme/site\n', MALFORMED],
    ['acme/si%74e', MALFORMED],
    ['acme/sité', MALFORMED],
    ['acme\\site', MALFORMED],
    ['acme/site?x', MALFORMED],
    ['acme/site\0', MALFORMED],
    [`${'a'.repeat(101)}/site`, MALFORMED],
    [`acme/${'b'.repeat(101)}`, MALFORMED],
  ])('%j', (text, expected) => {
    expect(outcome(parseScope, text)).toEqual(expected)
  })

  test('what is accepted is written back as it was, and is safe in a path', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'aZ0._-/') })), (text) => {
        const scope = outcome(parseScope, text)
        if (typeof scope === 'string') return
        expect(formatScope(scope as ReturnType<typeof parseScope>)).toBe(text)
        expect(new URL(`https://github.example/repos/${text}`).pathname).toBe(`/repos/${text}`)
      }),
    )
  })

  test('a refusal quotes the text and no more than 255 of its characters', () => {
    expect(() => parseScope(`\n${'/'.repeat(5000)}`)).toThrow(`scope "\\n${'/'.repeat(254)}…" is neither`)
  })

  test('names are compared without regard to case', () => {
    expect(nameKey('AcMe')).toBe(nameKey('acme'))
  })
})

const BAD = 'IDENTITY_MALFORMED identity'
describe('an identity', () => {
  test.each<readonly [string, string]>([
    ['release', 'release'],
    ['release-1.2_x@y+z~', 'release-1.2_x@y+z~'],
    ['a..b', 'a..b'],
    ['~', '~'],
    ['constructor', 'constructor'],
    ['__proto__', '__proto__'],
    ['a'.repeat(128), 'a'.repeat(128)],
    ['', 'IDENTITY_MISSING identity'],
    ['a'.repeat(129), BAD],
    ['.', BAD],
    ['..', BAD],
    ['.hidden', BAD],
    ['./identity', BAD],
    ['sub/identity', BAD],
    ['../x', BAD],
    ['a\\b', BAD],
    ['a%2fb', BAD],
    ['a b', BAD],
    ['a\n', BAD],
    ['a:b', BAD],
    ['a#b', BAD],
    ['é', BAD],
  ])('%j', (text, expected) => {
    expect(outcome(parseIdentity, text)).toBe(expected)
  })

  test('what is accepted is one path segment', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'aZ0._@+~-/%') })), (text) => {
        if (outcome(parseIdentity, text) !== text) return
        expect(new URL(`https://github.example/${policyPath(text)}`).pathname).toBe(
          `/.github/chainguard/${text}.sts.yaml`,
        )
      }),
    )
  })
})

test('of a megabyte of slashes no more parts are made than are looked at', () => {
  let made = 0
  const text = Object.assign(Object('/'.repeat(1_048_576)) as string, {
    split(separator: string, limit?: number) {
      const parts = '/'.repeat(1_048_576).split(separator, limit)
      made += parts.length
      return parts
    },
  })
  expect([outcome(parseScope, text), made]).toEqual([MALFORMED, 3])
})

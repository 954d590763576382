import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Denial } from '../../src/terms/denial.ts'
import { type IssuerRules, parseIssuer } from '../../src/terms/issuer.ts'

const STRICT: IssuerRules = { allowLoopback: false, named: new Set() }
const LOOPBACK: IssuerRules = { allowLoopback: true, named: new Set() }

/** `ok`, or what follows the quoted issuer in the refusal. */
function verdict(text: string, rules = STRICT): string {
  try {
    expect(parseIssuer(text, rules)).toBe(text)
    return 'ok'
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    expect(error.reason).toBe('ISSUER_MALFORMED')
    expect(error.message.startsWith('invalid issuer format: "')).toBe(true)
    return error.message.replace(/^invalid issuer format: "(?:[^"\\]|\\.)*" /, '')
  }
}

const NO_URL = 'is not a plain https URL (no user info, query or fragment, an ASCII host)'
const NO_HOST = 'has a host that is neither a name nor an address'
const BAD_PATH = 'has a path with characters other than A-Z a-z 0-9 . _ ~ / -'
const OFF = 'is at a loopback address (ALLOW_LOOPBACK_ISSUERS is off)'

describe('an issuer', () => {
  test.each<readonly [string, string]>([
    ['https://token.actions.githubusercontent.com', 'ok'],
    ['https://token.actions.githubusercontent.com/acme-enterprise', 'ok'],
    ['https://accounts.google.com', 'ok'],
    ['https://idp.example:8443/realms/a~b/x_y.z/', 'ok'],
    ['https://oidc.eks.us-east-1.amazonaws.com/id/ABC', 'ok'],
    ['https://1.2.3.4', 'ok'],
    ['https://[2606:4700::1111]/x', 'ok'],
    ['https://single', 'ok'],
    [`https://a.example/${'x'.repeat(150)}`, 'ok'],
    ['http://idp.example', 'must use https'],
    ['HTTPS://idp.example', NO_URL],
    ['ftp://idp.example', NO_URL],
    ['//idp.example', NO_URL],
    ['idp.example', NO_URL],
    [' https://idp.example', NO_URL],
    ['https://idp.example ', NO_URL],
    ['https://idp.example\n', NO_URL],
    ['https:\\\\idp.example', NO_URL],
    ['https:///idp.example', NO_URL],
    ['https://', NO_URL],
    ['https://user@idp.example', NO_URL],
    ['https://user:pw@idp.example', NO_URL],
    ['https://idp.example?x', NO_URL],
    ['https://idp.example/?x', NO_URL],
    ['https://idp.example#x', NO_URL],
    ['https://idp.example/#', NO_URL],
    ['https://idp.example:', NO_URL],
    ['https://idp.example:0', NO_URL],
    ['https://idp.example:0443', NO_URL],
    ['https://idp.example:123456', NO_URL],
    ['https://idp.example:65536', 'has a port that does not exist'],
    ['https://idé.example', NO_URL],
    ['https://i%64p.example', NO_URL],
    ['https://\uff49dp.example', NO_URL],
    ['https://idp..example', NO_HOST],
    ['https://idp.example.', NO_HOST],
    ['https://-idp.example', NO_HOST],
    ['https://idp-.example', NO_HOST],
    [`https://${'a'.repeat(64)}.example`, NO_HOST],
    ['https://127.1', NO_HOST],
    ['https://2130706433', NO_HOST],
    ['https://0x7f.0.0.1', NO_HOST],
    ['https://0x7f000001', NO_HOST],
    ['https://0177.0.0.1', NO_HOST],
    ['https://1.2.3.256', NO_HOST],
    ['https://1.2.3.4.5', NO_HOST],
    ['https://[::::]', NO_HOST],
    ['https://[1:2]', NO_HOST],
    ['https://localhost', OFF],
    ['https://LOCALHOST', OFF],
    ['https://127.0.0.1:8443', OFF],
    ['https://[::1]', OFF],
    ['http://localhost', OFF],
    ['https://idp.example/a%2fb', BAD_PATH],
    ['https://idp.example/a b', BAD_PATH],
    ['https://idp.example/é', BAD_PATH],
    ['https://idp.example/@', BAD_PATH],
    ['https://idp.example/a\\b', BAD_PATH],
    ['https://idp.example/../x', 'has ".." in its path'],
    ['https://idp.example/a..b', 'has ".." in its path'],
    ['https://idp.example//x', 'has "//" in its path'],
    ['https://idp.example/x//', 'has "//" in its path'],
    ['https://idp.example/a~~b', 'has "~~" in its path'],
    ['https://idp.example/a~', 'ends with "~"'],
    [`https://a.example/${'x'.repeat(151)}`, 'has a path segment over 150'],
  ])('%j', (text, expected) => {
    expect(verdict(text)).toBe(expected)
  })

  test('255 characters at most', () => {
    const issuer = `https://idp.example/${'x'.repeat(117)}/${'x'.repeat(117)}`
    expect(issuer).toHaveLength(255)
    expect(verdict(issuer)).toBe('ok')
    expect(verdict(`${issuer}x`)).toBe('is longer than 255 characters')
  })

  test.each<readonly [string, string]>([
    ['http://localhost:8080/x', 'ok'],
    ['http://127.0.0.1:1', 'ok'],
    ['http://[::1]:1', 'ok'],
    ['https://localhost', 'ok'],
    ['http://127.0.0.2', 'must use https'],
    ['http://localhost.example', 'must use https'],
    ['http://idp.example', 'must use https'],
    ['http://localhost/?x', NO_URL],
  ])('with loopback issuers: %j', (text, expected) => {
    expect(verdict(text, LOOPBACK)).toBe(expected)
  })

  test('one that the operator named may be http, and no other', () => {
    const rules = { allowLoopback: false, named: new Set(['http://idp.internal']) }
    expect(verdict('http://idp.internal', rules)).toBe('ok')
    expect(verdict('http://idp.internal/', rules)).toBe('must use https')
  })

  test('what is accepted is what a URL parser reads: same host, same path', () => {
    const text = fc.oneof(
      fc.webUrl(),
      fc
        .tuple(
          fc.constantFrom('https://', 'https://a.b', 'https://1.2.3.4'),
          fc.string({ unit: fc.constantFrom(...'aB1.-_~/:@?#%[]\\') }),
        )
        .map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (issuer) => {
        if (verdict(issuer) !== 'ok') return
        const url = new URL(issuer)
        expect([url.protocol, url.username, url.password, url.search, url.hash]).toEqual(['https:', '', '', '', ''])
        expect(issuer.toLowerCase().startsWith(`https://${url.hostname}`)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

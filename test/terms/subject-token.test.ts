import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Denial } from '../../src/terms/denial.ts'
import { parseSubjectToken, TOKEN_LIMIT_BYTES } from '../../src/terms/subject-token.ts'

const part = (value: unknown) => raw(typeof value === 'string' ? value : JSON.stringify(value))
const raw = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64url')
const HEAD = part({ alg: 'RS256' })
const BODY = part({ iss: 'https://idp.example', sub: 'x' })

function outcome(compact: string): unknown {
  try {
    return parseSubjectToken(compact)
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}: ${error.message}`
  }
}

const malformed = (what: string) => `TOKEN_MALFORMED: invalid bearer token: ${what}`

describe('a subject token', () => {
  test('is taken apart', () => {
    const compact = `${HEAD}.${BODY}.c2ln`
    expect(outcome(compact)).toEqual({
      compact,
      header: { alg: 'RS256' },
      payload: { iss: 'https://idp.example', sub: 'x' },
    })
  })

  const PARTS = malformed('it is not a signed JWT (three parts joined by dots)')
  const BASE64 = malformed('its parts are not base64url')
  const json = (name: string) => malformed(`its ${name} is not valid JSON, or names a member twice`)
  test.each<readonly [string, string, string]>([
    ['no dots', 'ghs_abc', PARTS],
    ['two parts', `${HEAD}.${BODY}`, PARTS],
    ['five parts, an encrypted one', `${HEAD}.a.b.c.d`, PARTS],
    ['an empty header', `.${BODY}.c2ln`, BASE64],
    ['an empty payload', `${HEAD}..c2ln`, BASE64],
    ['padding', `${HEAD}=.${BODY}.c2ln`, BASE64],
    ['base64 that is not for URLs', `${HEAD}.${BODY}.a+b/`, BASE64],
    ['a line end', `${HEAD}.${BODY}.c2ln\n`, BASE64],
    ['a header that is no JSON', `${raw('x')}.${BODY}.c2ln`, json('header')],
    ['a payload that is no JSON', `${HEAD}.${raw('{')}.c2ln`, json('payload')],
    ['a payload that is no UTF-8', `${HEAD}.${raw(Uint8Array.of(0x22, 0xff, 0x22))}.c2ln`, json('payload')],
    ['a byte order mark', `${HEAD}.${raw('\uFEFF{}')}.c2ln`, json('payload')],
    ['a member twice', `${HEAD}.${part('{"iss":"a","sub":"x","sub":"y"}')}.c2ln`, json('payload')],
    ['a header member twice', `${part('{"alg":"RS256","alg":"none"}')}.${BODY}.c2ln`, json('header')],
    ['a payload that is a list', `${HEAD}.${part([])}.c2ln`, malformed('its payload is not a JSON object')],
    ['a payload that is null', `${HEAD}.${part(null)}.c2ln`, malformed('its payload is not a JSON object')],
    ['no algorithm', `${part({})}.${BODY}.c2ln`, malformed('its header names no algorithm (alg)')],
    [
      'an algorithm that is no text',
      `${part({ alg: ['RS256'] })}.${BODY}.c2ln`,
      malformed('its header names no algorithm (alg)'),
    ],
    ['no issuer', `${HEAD}.${part({ sub: 'x' })}.c2ln`, malformed('it names no issuer (iss)')],
    ['an empty issuer', `${HEAD}.${part({ iss: '' })}.c2ln`, malformed('it names no issuer (iss)')],
    ['an issuer that is no text', `${HEAD}.${part({ iss: 1 })}.c2ln`, malformed('it names no issuer (iss)')],
    ['an issuer in another case', `${HEAD}.${part({ Iss: 'x' })}.c2ln`, malformed('it names no issuer (iss)')],
    ['an inherited issuer', `${HEAD}.${part('{"__proto__":{"iss":"x"}}')}.c2ln`, malformed('it names no issuer (iss)')],
    [
      'more than 16 KiB',
      'x'.repeat(TOKEN_LIMIT_BYTES + 1),
      `TOKEN_TOO_LARGE: invalid bearer token: longer than ${TOKEN_LIMIT_BYTES} bytes`,
    ],
  ])('%s', (_, compact, expected) => {
    expect(outcome(compact)).toBe(expected)
  })

  test('16 KiB pass', () => {
    const room = TOKEN_LIMIT_BYTES - HEAD.length - BODY.length - 2
    expect(outcome(`${HEAD}.${BODY}.${'x'.repeat(room)}`)).toMatchObject({ header: { alg: 'RS256' } })
  })
})

test('a part has the characters of base64url and no others, wherever they are', () => {
  const usual = fc.constantFrom(...'ABCxyz019-_')
  const other = fc.constantFrom('+', '/', '=', '==', ' ', '\n', '\u00e9', '\u2014', '%', ',', '\0')
  const text = fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: other })
  fc.assert(
    fc.property(fc.array(text, { maxLength: 40 }), (characters) => {
      const payload = characters.join('')
      const isBase64Url = /^[A-Za-z0-9_-]+$/.test(payload)
      expect(outcome(`${HEAD}.${payload}.c2ln`) === malformed('its parts are not base64url')).toBe(!isBase64Url)
    }),
    { numRuns: 5_000 },
  )
})

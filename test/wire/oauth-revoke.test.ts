import { describe, expect, test } from '@jest/globals'
import { Denial } from '../../src/terms/denial.ts'
import { ask1, ask2, BEARER, DOMAIN, type HttpAsk, serve } from './fixture.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const INSTALLATION_TOKEN = `ghs_${'a'.repeat(36)}`
const STATELESS_TOKEN = `ghs_12345_${'e'.repeat(100)}.${'b'.repeat(300)}.${'s-_='.repeat(20)}`

const post = (body: string, headers: HttpAsk['headers'] = FORM): HttpAsk => ({ method: 'POST', headers, body })
const token = (value: string) => new URLSearchParams({ token: value }).toString()

/** The wire, and what it asked to be revoked. */
async function revoking(outcome: 'revoked' | 'unknown' | 'busy' | Denial = 'revoked', ours = true) {
  const asked: string[] = []
  const decide = <T>(value: T | Denial): T => {
    if (value instanceof Denial) throw value
    return value
  }
  const wire = await serve(undefined, {
    revokeInstallationToken: async (each, signal) => {
      asked.push(`GitHub ${each} ${signal.aborted}`)
      return decide(outcome)
    },
    revokeRefreshToken: async (each) => {
      asked.push(`family ${each}`)
      decide(outcome === 'busy' ? 'unknown' : outcome)
      return ours
    },
  })
  return { ...wire, asked }
}

describe('POST /revoke', () => {
  test.each([
    ['an installation token', token(INSTALLATION_TOKEN), [`GitHub ${INSTALLATION_TOKEN} false`]],
    ['a stateless one', token(STATELESS_TOKEN), [`GitHub ${STATELESS_TOKEN} false`]],
    ['a refresh token', token('a.b.c.d.e'), ['family a.b.c.d.e']],
    ['a wrong hint', `${token('a.b.c.d.e')}&token_type_hint=access_token`, ['family a.b.c.d.e']],
    ['an unknown hint, a client_id, and others', `${token('a')}&token_type_hint=x&client_id=me&y=1`, ['family a']],
  ])('%s', async (_, body, asked) => {
    for (const outcome of ['revoked', 'unknown'] as const) {
      for (const ask of [ask1, ask2]) {
        await using wire = await revoking(outcome, outcome === 'revoked')
        const answer = await ask(wire.port, '/revoke?x=y', post(body))
        expect([answer.status, answer.body]).toEqual([200, ''])
        expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'content-length': '0' })
        expect(wire.asked).toEqual(asked)
      }
    }
  })

  test.each([
    ['nearly nothing', 'ghs_'],
    ['what no header can carry', `ghs_${'é'.repeat(36)}`],
    ['a line break', `ghs_${'a'.repeat(20)}\r\nx: y`],
    ['a token of a person', `ghp_${'a'.repeat(36)}`],
    ['too long', `ghs_${'a'.repeat(5_000)}`],
  ])('what cannot be an installation token costs GitHub nothing: %s', async (_, value) => {
    await using wire = await revoking('unknown', false)
    const answer = await ask1(wire.port, '/revoke', post(token(value)))
    expect([answer.status, answer.body]).toEqual([200, ''])
    expect(wire.asked).toEqual([`family ${value}`])
  })

  test('what is longer than any token of ours costs nothing at all', async () => {
    await using wire = await revoking()
    const answer = await ask1(wire.port, '/revoke', post(token('e'.repeat(20_000))))
    expect([answer.status, answer.body, wire.asked]).toEqual([200, '', []])
  })

  test.each([
    ['busy', INSTALLATION_TOKEN, 'busy', 503, 'REVOCATION_BUSY', '30'],
    ['GitHub is down', INSTALLATION_TOKEN, new Denial('GITHUB_UNAVAILABLE', 'x'), 503, 'GITHUB_UNAVAILABLE', '1'],
    [
      'GitHub limits',
      INSTALLATION_TOKEN,
      new Denial('GITHUB_RATE_LIMITED', 'x', { retryAfterMs: 7_000 }),
      429,
      'GITHUB_RATE_LIMITED',
      '7',
    ],
    ['the store fails', 'a.b.c.d.e', new Denial('SHUTTING_DOWN', 'x'), 503, 'SHUTTING_DOWN', '1'],
  ] as const)('later, please: %s', async (_, value, outcome, status, reason, retryAfter) => {
    await using wire = await revoking(outcome)
    const answer = await ask1(wire.port, '/revoke', post(token(value)))
    const { error, error_uri } = JSON.parse(answer.body)
    expect([answer.status, error, error_uri, answer.headers['retry-after']]).toEqual([
      status,
      'temporarily_unavailable',
      `https://${DOMAIN}/errors#${reason}`,
      retryAfter,
    ])
  })

  test.each([
    ['no token', post(''), 400, 'invalid_request', 'PARAMETER_MISSING'],
    ['an empty one', post('token='), 400, 'invalid_request', 'PARAMETER_MISSING'],
    ['two', post('token=a&token=b'), 400, 'invalid_request', 'PARAMETER_REPEATED'],
    [
      'JSON',
      post('{"token":"a"}', { 'content-type': 'application/json' }),
      400,
      'invalid_request',
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['a body too large', post(token('x'.repeat(70_000))), 413, 'invalid_request', 'REQUEST_TOO_LARGE'],
    ['Bearer', post('token=a', { ...FORM, ...BEARER }), 401, 'invalid_client', 'CLIENT_AUTHENTICATION_UNSUPPORTED'],
    ['a secret', post('token=a&client_secret=b'), 400, 'invalid_client', 'CLIENT_AUTHENTICATION_UNSUPPORTED'],
  ] as const)('refused: %s', async (_, ask, status, error, reason) => {
    await using wire = await revoking()
    const answer = await ask1(wire.port, '/revoke', ask)
    const body = JSON.parse(answer.body)
    expect([answer.status, body.error, body.error_uri]).toEqual([status, error, `https://${DOMAIN}/errors#${reason}`])
    expect(wire.asked).toEqual([])
  })

  test('a token in the address', async () => {
    await using wire = await revoking()
    const answer = await ask1(wire.port, `/revoke?token=${INSTALLATION_TOKEN}`, post(''))
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([400, 'invalid_request'])
    expect(wire.asked).toEqual([])
  })

  test('no answer, refusal or log has the token in it', async () => {
    await using wire = await revoking(new Denial('INTERNAL', 'x', { cause: new Error('broken') }))
    const answer = await ask1(wire.port, '/revoke', post(token(INSTALLATION_TOKEN)))
    expect(answer.status).toBe(500)
    expect([answer.body, ...wire.logged].join()).not.toContain(INSTALLATION_TOKEN)
  })
})

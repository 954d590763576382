import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Denial } from '../../src/terms/denial.ts'
import { REASONS } from '../../src/wire/status.ts'
import { ask1, ask2, BEARER, DOMAIN, type HttpAsk, serve, until } from './fixture.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** A request that is granted, until `change` (undefined: without it). */
function form(change: Readonly<Record<string, string | undefined>> = {}): string {
  const parameters = {
    grant_type: EXCHANGE,
    subject_token: 'a.b.c',
    subject_token_type: JWT,
    resource: 'https://github.com/org/repo',
    identity: 'ci',
    ...change,
  }
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  )
  return new URLSearchParams(given).toString()
}

const post = (body: string, headers: HttpAsk['headers'] = FORM): HttpAsk => ({ method: 'POST', headers, body })
const EXCHANGED = { authorization: ['Bearer a.b.c'], scope: 'org/repo', scopes: [], identity: 'ci', cap: [] }
const NOT_RESOURCE = { resource: undefined }

const GRANTED: readonly (readonly [name: string, body: string, request: object])[] = [
  ['a resource', form(), EXCHANGED],
  ['an owner as the resource', form({ resource: 'https://github.com/org' }), { ...EXCHANGED, scope: 'org' }],
  ['the host in any case', form({ resource: 'HTTPS://GitHub.com/Org/Repo' }), { ...EXCHANGED, scope: 'Org/Repo' }],
  ['an audience', form({ ...NOT_RESOURCE, audience: 'org/repo' }), EXCHANGED],
  ['an audience that is an address', form({ ...NOT_RESOURCE, audience: 'https://github.com/org/repo' }), EXCHANGED],
  ['both, when they agree', form({ audience: 'ORG/repo' }), EXCHANGED],
  ['an id token', form({ subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }), EXCHANGED],
  [
    'an access token wanted',
    form({ requested_token_type: 'urn:ietf:params:oauth:token-type:access_token' }),
    EXCHANGED,
  ],
  ['a scope', form({ scope: 'contents:read issues:write' }), { ...EXCHANGED, cap: ['contents:read', 'issues:write'] }],
  [
    'what is empty is absent',
    form({ scope: '', audience: '', actor_token: '', requested_token_type: '', client_secret: '', token: '' }),
    EXCHANGED,
  ],
  ['a client_id means nothing', form({ client_id: 'me' }), EXCHANGED],
  ['unknown parameters, twice too', `${form()}&x=1&x=2&__proto__=3&constructor=4`, EXCHANGED],
  ['parameters of other grants', form({ refresh_token: 'r', token: 't', token_type_hint: 'h' }), EXCHANGED],
]

describe('POST /token, by token exchange', () => {
  test.each(GRANTED)('%s', async (_, body, request) => {
    for (const ask of [ask1, ask2]) {
      await using wire = await serve()
      const answer = await ask(
        wire.port,
        '/token?x=1',
        post(body, { ...FORM, 'content-type': `${FORM['content-type']}; charset=UTF-8` }),
      )
      expect([answer.status, JSON.parse(answer.body)]).toEqual([
        200,
        {
          access_token: 'ghs_test',
          issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          token_type: 'Bearer',
          expires_in: 3600,
          scope: 'contents:read',
        },
      ])
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json',
        'cache-control': 'no-store',
        pragma: 'no-cache',
        'x-request-id': 'request-1',
      })
      expect(wire.seen.map((each) => each.request)).toEqual([request])
      expect(wire.seen[0]?.caller).toMatchObject({ protocol: 'http', requestId: 'request-1' })
    }
  })

  test('an Enterprise Server has addresses of its own', async () => {
    await using wire = await serve(undefined, { gitHubWebUrl: 'https://git.example.com/' })
    const statuses = []
    for (const resource of ['https://git.example.com/org/repo', 'https://github.com/org/repo']) {
      statuses.push((await ask1(wire.port, '/token', post(form({ resource })))).status)
    }
    expect(statuses).toEqual([200, 400])
  })

  test('what was granted is told in order, a refresh token where there is one, and the seconds that are surely left', async () => {
    const permissions = { metadata: 'read', contents: 'write', issues: 'admin' } as const
    const refreshToken = { token: 'r1', expiresAt: new Date(0) }
    const expiries = ['2026-01-01T00:59:59.999Z', '2026-01-01T00:00:00.999Z', '2025-12-31T00:00:00Z']
    await using wire = await serve(undefined, {
      clock: { now: () => Date.parse('2026-01-01T00:00:00Z') },
      exchange: async () => ({
        token: 't',
        expiresAt: new Date(expiries.shift() ?? ''),
        permissions: permissions as never,
        refreshToken,
        abandon: () => {},
      }),
    })
    const answers = []
    for (let n = 0; n < 3; n += 1) answers.push(JSON.parse((await ask1(wire.port, '/token', post(form()))).body))
    expect(answers.map((each) => each.expires_in)).toEqual([3599, 0, 0])
    expect(answers[0]).toMatchObject({ scope: 'contents:write issues:admin metadata:read', refresh_token: 'r1' })
  })

  test('a caller who leaves gets nothing: its token is abandoned', async () => {
    let issue = (_token: string): void => {}
    const issued = new Promise<string>((resolve) => {
      issue = resolve
    })
    await using wire = await serve(() => issued)
    const controller = new AbortController()
    const { signal } = controller
    const asked = fetch(`http://127.0.0.1:${wire.port}/token`, { method: 'POST', headers: FORM, body: form(), signal })
    await until(() => wire.seen.length === 1)
    controller.abort()
    await expect(asked).rejects.toThrow()
    await until(() => wire.seen[0]?.caller.signal.aborted === true)
    issue('late')
    await until(() => wire.abandoned.length === 1)
    expect(wire.abandoned).toEqual(['late'])
  })
})

describe('POST /token, by refresh token', () => {
  const refreshing = (change: Record<string, string> = {}) =>
    new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'r.e.f', ...change }).toString()
  const REFRESHED = { authorization: ['Bearer r.e.f'], scope: '', scopes: [], identity: '', cap: [] }

  test.each([
    ['alone', refreshing(), REFRESHED],
    ['narrowed', refreshing({ scope: 'contents:read' }), { ...REFRESHED, cap: ['contents:read'] }],
    ['with its target', refreshing({ resource: 'https://github.com/o/r' }), { ...REFRESHED, scope: 'o/r' }],
    ['parameters of other grants', refreshing({ identity: 'i', subject_token_type: 'x', actor_token: 'y' }), REFRESHED],
  ])('%s', async (_, body, request) => {
    await using wire = await serve()
    const answer = await ask1(wire.port, '/token', post(body))
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      200,
      {
        access_token: 'ghs_test',
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 3600,
        scope: 'contents:read',
        refresh_token: 'next-ghs_test',
      },
    ])
    expect(wire.seen.map((each) => each.request)).toEqual([request])
  })

  test.each([
    ['SUBJECT_MISMATCH', 'invalid_grant', 400],
    ['ISSUER_NOT_ALLOWED', 'invalid_grant', 400],
    ['REFRESH_TOKEN_REUSED', 'invalid_grant', 400],
    ['REFRESH_NOT_ALLOWED', 'invalid_grant', 400],
    ['REFRESH_SCOPE_MISMATCH', 'invalid_target', 400],
    ['CAP_EXCEEDS_POLICY', 'invalid_scope', 400],
    ['GITHUB_UNAVAILABLE', 'temporarily_unavailable', 503],
  ] as const)('%s is %s', async (reason, error, status) => {
    await using wire = await serve(() => {
      throw new Denial(reason, 'no')
    })
    const answer = await ask1(wire.port, '/token', post(refreshing()))
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([status, error])
  })
})

/** RFC 6749 §5.2 and RFC 8693 §2.2.2: a change of the table must be meant. Everything else is server_error with its own 5xx. */
const ERRORS = {
  invalid_client: ['CLIENT_AUTHENTICATION_UNSUPPORTED'],
  unsupported_grant_type: ['GRANT_TYPE_UNSUPPORTED'],
  invalid_grant: /^REFRESH_(?:TOKEN_|NOT_ALLOWED)/,
  invalid_scope: /^CAP_/,
  invalid_target:
    /^(?:SCOPES_MULTIPLE|SCOPE_MALFORMED|IDENTITY_MALFORMED|REFRESH_SCOPE_MISMATCH|SINGLE_USE_UNAVAILABLE|OWNER_NOT_ALLOWED|APP_NOT_CONFIGURED|APP_NOT_INSTALLED|TRUSTED_ISSUERS_|INSTALLATION_SUSPENDED|REPOSITORY_|REPOSITORIES_|CONTENTS_NOT_GRANTED|POLICY_(?!NOT_YET_VALID|EXPIRED)|MINT_(?!REFUSED|WIDER))/,
  temporarily_unavailable:
    /^(?:ISSUER_UNAVAILABLE|ISSUER_BUSY|GITHUB_(?!ISSUER)|LOOKUP_BUDGET_|REVOCATION_BUSY|DEADLINE_EXCEEDED|SHUTTING_DOWN|STORE_|SIGNER_UNAVAILABLE)/,
  server_error: /^(?:MINT_REFUSED|MINT_WIDER_THAN_ASKED|APP_CREDENTIALS_REFUSED|SIGNER_REFUSED|INTERNAL)$/,
} as const
const STATUSES: Readonly<Record<string, readonly [status: number, retryAfter?: string]>> = {
  REQUEST_TOO_LARGE: [413],
  ISSUER_UNAVAILABLE: [503, '30'],
  ISSUER_BUSY: [429, '30'],
  GITHUB_RATE_LIMITED: [429, '30'],
  GITHUB_UNAVAILABLE: [503, '1'],
  GITHUB_TIMEOUT: [504, '1'],
  LOOKUP_BUDGET_EXHAUSTED: [429, '30'],
  REVOCATION_BUSY: [503, '30'],
  STORE_UNAVAILABLE: [503, '1'],
  STORE_FULL: [429, '30'],
  DEADLINE_EXCEEDED: [504, '1'],
  CANCELLED: [499],
  SHUTTING_DOWN: [503, '1'],
  MINT_REFUSED: [500],
  MINT_WIDER_THAN_ASKED: [500],
  APP_CREDENTIALS_REFUSED: [500],
  SIGNER_UNAVAILABLE: [503, '1'],
  SIGNER_REFUSED: [500],
  INTERNAL: [500],
}

function expectedError(reason: string): string {
  const found = Object.entries(ERRORS).find(([, names]) =>
    names instanceof RegExp ? names.test(reason) : names.some((name) => name === reason),
  )
  return found?.[0] ?? 'invalid_request'
}

describe('every reason leaves /token as an OAuth error', () => {
  test.each(REASONS)('%s', async (reason) => {
    await using wire = await serve(() => {
      throw new Denial(reason, `what "${reason}" says: \\ é…\n`, { field: 'cap', cause: 'secret' })
    })
    const headers = { ...FORM, 'x-request-id': 'id-1' }
    for (const ask of [ask1, ask2]) {
      const answer = await ask(wire.port, '/token', post(form(), headers))
      const [status, retryAfter] = STATUSES[reason] ?? [400]
      expect([answer.status, JSON.parse(answer.body)]).toEqual([
        status,
        {
          error: expectedError(reason),
          error_description:
            reason === 'INTERNAL'
              ? 'scope: internal error: tell the operator the request id id-1'
              : `scope: what '${reason}' says: %5C %C3%A9%E2%80%A6%0A`,
          error_uri: `https://${DOMAIN}/errors#${reason}`,
        },
      ])
      expect(answer.headers['retry-after']).toBe(retryAfter)
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json',
        'cache-control': 'no-store',
        pragma: 'no-cache',
      })
    }
  })
})

const TOO_LONG = 'x'.repeat(70_000)
const REFUSED: readonly (readonly [name: string, ask: HttpAsk, status: number, error: string, reason: string])[] = [
  ['an empty body', post(''), 400, 'invalid_request', 'PARAMETER_MISSING'],
  ['no grant type', post(form({ grant_type: undefined })), 400, 'invalid_request', 'PARAMETER_MISSING'],
  ['an empty grant type', post(form({ grant_type: '' })), 400, 'invalid_request', 'PARAMETER_MISSING'],
  [
    'another grant type',
    post(form({ grant_type: 'password' })),
    400,
    'unsupported_grant_type',
    'GRANT_TYPE_UNSUPPORTED',
  ],
  [
    'a prototype name as grant type',
    post(form({ grant_type: '__proto__' })),
    400,
    'unsupported_grant_type',
    'GRANT_TYPE_UNSUPPORTED',
  ],
  ['no subject token', post(form({ subject_token: undefined })), 400, 'invalid_request', 'PARAMETER_MISSING'],
  ['an empty subject token', post(form({ subject_token: '' })), 400, 'invalid_request', 'PARAMETER_MISSING'],
  [
    'a subject token with a blank in it',
    post(form({ subject_token: 'a.b.c d' })),
    400,
    'invalid_request',
    'TOKEN_MALFORMED',
  ],
  [
    'a subject token too long',
    post(form({ subject_token: 'x'.repeat(16_500) })),
    400,
    'invalid_request',
    'TOKEN_TOO_LARGE',
  ],
  ['no subject token type', post(form({ subject_token_type: undefined })), 400, 'invalid_request', 'PARAMETER_MISSING'],
  [
    'another subject token type',
    post(form({ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' })),
    400,
    'invalid_request',
    'PARAMETER_UNSUPPORTED',
  ],
  ['another token wanted', post(form({ requested_token_type: JWT })), 400, 'invalid_request', 'PARAMETER_UNSUPPORTED'],
  ['an actor token', post(form({ actor_token: 'a' })), 400, 'invalid_request', 'PARAMETER_UNSUPPORTED'],
  ['an actor token type', post(form({ actor_token_type: JWT })), 400, 'invalid_request', 'PARAMETER_UNSUPPORTED'],
  ['no identity', post(form({ identity: undefined })), 400, 'invalid_request', 'IDENTITY_MISSING'],
  ['no target', post(form({ resource: '' })), 400, 'invalid_request', 'SCOPE_MISSING'],
  ['two targets', post(form({ audience: 'org/other' })), 400, 'invalid_target', 'SCOPES_MULTIPLE'],
  ['two resources', post(`${form()}&resource=https://github.com/a/b`), 400, 'invalid_target', 'SCOPES_MULTIPLE'],
  [
    'two audiences',
    post(form({ ...NOT_RESOURCE, audience: 'a/b' }).concat('&audience=a/b')),
    400,
    'invalid_target',
    'SCOPES_MULTIPLE',
  ],
  ['a scope without a level', post(form({ scope: 'contents' })), 400, 'invalid_scope', 'CAP_MALFORMED'],
  ['a scope with a comma', post(form({ scope: 'contents:read,issues:read:' })), 400, 'invalid_scope', 'CAP_MALFORMED'],
  ['a scope of a blank', post(form({ scope: ' ' })), 400, 'invalid_scope', 'CAP_MALFORMED'],
  ['a scope with a tab', post(form({ scope: 'contents:read\tissues:read' })), 400, 'invalid_scope', 'CAP_MALFORMED'],
  [
    'JSON',
    post(JSON.stringify({ grant_type: EXCHANGE }), { 'content-type': 'application/json' }),
    400,
    'invalid_request',
    'MEDIA_TYPE_UNSUPPORTED',
  ],
  ['no media type', post(form(), {}), 400, 'invalid_request', 'MEDIA_TYPE_UNSUPPORTED'],
  [
    'a compressed form',
    post(form(), { ...FORM, 'content-encoding': 'gzip' }),
    400,
    'invalid_request',
    'MEDIA_TYPE_UNSUPPORTED',
  ],
  ['a broken escape', post(`${form()}&x=%zz`), 400, 'invalid_request', 'REQUEST_MALFORMED'],
  ['what is no UTF-8', post(`${form()}&x=%ff`), 400, 'invalid_request', 'REQUEST_MALFORMED'],
  ['a large body', post(form({ x: TOO_LONG })), 413, 'invalid_request', 'REQUEST_TOO_LARGE'],
  [
    'Basic',
    post(form(), { ...FORM, authorization: 'Basic YTpi' }),
    401,
    'invalid_client',
    'CLIENT_AUTHENTICATION_UNSUPPORTED',
  ],
  ['Bearer', post(form(), { ...FORM, ...BEARER }), 401, 'invalid_client', 'CLIENT_AUTHENTICATION_UNSUPPORTED'],
  [
    'a client secret',
    post(form({ client_id: 'a', client_secret: 'b' })),
    400,
    'invalid_client',
    'CLIENT_AUTHENTICATION_UNSUPPORTED',
  ],
  [
    'a client assertion',
    post(form({ client_assertion: 'a.b.c' })),
    400,
    'invalid_client',
    'CLIENT_AUTHENTICATION_UNSUPPORTED',
  ],
]
const REPEATABLE = [
  ...['grant_type', 'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type'],
  ...['scope', 'identity', 'refresh_token', 'client_id', 'client_secret', 'token', 'token_type_hint'],
]

describe('what /token refuses', () => {
  test.each(REFUSED)('%s', async (_, ask, status, error, reason) => {
    await using wire = await serve()
    for (const send of [ask1, ask2]) {
      const answer = await send(wire.port, '/token', ask)
      const { error_uri, error_description, ...rest } = JSON.parse(answer.body)
      expect([answer.status, rest, error_uri]).toEqual([status, { error }, `https://${DOMAIN}/errors#${reason}`])
      expect(error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
      expect(answer.headers['cache-control']).toBe('no-store')
    }
    if (reason !== 'TOKEN_TOO_LARGE') expect(wire.seen).toEqual([])
  })

  test.each(REPEATABLE)('%s twice, even without a value', async (name) => {
    await using wire = await serve()
    for (const twice of [`${name}=&${name}=`, `${name}=a&${name}=a`]) {
      const body = `${form({ [name]: undefined })}&${twice}`
      const answer = await ask1(wire.port, '/token', post(body))
      expect([answer.status, JSON.parse(answer.body)]).toEqual([
        400,
        {
          error: 'invalid_request',
          error_description: `${name} was sent more than once: send it once`,
          error_uri: `https://${DOMAIN}/errors#PARAMETER_REPEATED`,
        },
      ])
    }
    expect(wire.seen).toEqual([])
  })

  test.each([...REPEATABLE, 'resource', 'audience'])('%s in the query', async (name) => {
    await using wire = await serve()
    const answer = await ask1(wire.port, `/token?${name}=a`, post(form()))
    expect([answer.status, JSON.parse(answer.body).error_description]).toEqual([
      400,
      `${name} must be sent in the body, not in the query`,
    ])
    expect(wire.seen).toEqual([])
  })

  test.each([
    'https://github.com',
    'https://github.com/',
    'https://github.com//org/repo',
    'https://github.com/org/',
    'https://github.com/org/repo/',
    'https://github.com/org/repo/issues',
    'https://github.com/org/repo?a=b',
    'https://github.com/org/repo#a',
    'https://github.com/org/../other/repo',
    'https://github.com/org/%72epo',
    'https://github.com:443/org/repo',
    'https://me@github.com/org/repo',
    'https://github.com.example.com/org/repo',
    'https://github.comm/org/repo',
    'https://api.github.com/org/repo',
    'http://github.com/org/repo',
    ' https://github.com/org/repo',
    'https://github.com/org/repo ',
    'https://github.com/org\t/repo',
    'https:\\\\github.com\\org\\repo',
    'git@github.com:org/repo',
    'github.com/org/repo',
    'org/repo',
    'urn:org:repo',
  ])('the resource %p', async (resource) => {
    await using wire = await serve()
    const answer = await ask1(wire.port, '/token', post(form({ resource })))
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([400, 'invalid_target'])
    expect(wire.seen).toEqual([])
  })

  test('Basic is challenged with Basic, as RFC 6749 §5.2 has it', async () => {
    await using wire = await serve()
    const schemes = []
    for (const authorization of ['Basic YTpi', 'bearer x', 'Digest', '"<>"', ' ,']) {
      const { headers } = await ask1(wire.port, '/token', post(form(), { ...FORM, authorization }))
      schemes.push(headers['www-authenticate'])
    }
    expect(schemes).toEqual(
      ['Basic', 'bearer', 'Digest', 'Bearer', 'Bearer'].map((scheme) => `${scheme} realm="${DOMAIN}"`),
    )
  })

  test.each(['GET', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])('%s', async (method) => {
    await using wire = await serve()
    for (const path of ['/token', '/revoke']) {
      const answer = await ask1(wire.port, path, { method })
      expect([answer.status, answer.headers.allow, answer.body]).toEqual([
        405,
        'POST',
        method === 'HEAD' ? '' : '{"code":12,"message":"Method Not Allowed","details":[]}',
      ])
    }
  })

  test('whatever a message says, its description has the alphabet of RFC 6749', async () => {
    const messages: string[] = []
    await using wire = await serve(() => {
      throw new Denial('POLICY_INVALID', messages.at(-1) ?? '')
    })
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (message) => {
        messages.push(message)
        const { status, body } = await ask1(wire.port, '/token', post(form()))
        expect(status).toBe(400)
        expect(JSON.parse(body).error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
      }),
      { numRuns: 50 },
    )
  })
})

import { readFileSync } from 'node:fs'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader'
import { describe, expect, test } from '@jest/globals'
import { Denial, type Reason } from '../../src/terms/denial.ts'
import { errorsDocument } from '../../src/wire/errors-document.ts'
import { answerOf, httpStatusOf, REASONS } from '../../src/wire/status.ts'
import { ask1, ask2, askGrpc, BEARER, DOMAIN, serve } from './fixture.ts'

/** Contract §3, written out again: a change of the table must be meant. */
const EXPECTED: Readonly<Record<Reason, readonly [code: keyof typeof status, http: number, retry?: string]>> = {
  SCOPES_MULTIPLE: ['INVALID_ARGUMENT', 400],
  SCOPE_MISSING: ['INVALID_ARGUMENT', 400],
  SCOPE_MALFORMED: ['INVALID_ARGUMENT', 400],
  IDENTITY_MISSING: ['INVALID_ARGUMENT', 400],
  IDENTITY_MALFORMED: ['INVALID_ARGUMENT', 400],
  CAP_MALFORMED: ['INVALID_ARGUMENT', 400],
  CAP_EXCEEDS_POLICY: ['INVALID_ARGUMENT', 400],
  PARAMETER_REPEATED: ['INVALID_ARGUMENT', 400],
  PARAMETER_MISSING: ['INVALID_ARGUMENT', 400],
  PARAMETER_UNSUPPORTED: ['INVALID_ARGUMENT', 400],
  GRANT_TYPE_UNSUPPORTED: ['INVALID_ARGUMENT', 400],
  CLIENT_AUTHENTICATION_UNSUPPORTED: ['UNAUTHENTICATED', 401],
  REQUEST_MALFORMED: ['INVALID_ARGUMENT', 400],
  REQUEST_TOO_LARGE: ['RESOURCE_EXHAUSTED', 413],
  MEDIA_TYPE_UNSUPPORTED: ['INVALID_ARGUMENT', 415],
  ROUTE_NOT_FOUND: ['NOT_FOUND', 404],
  METHOD_NOT_ALLOWED: ['UNIMPLEMENTED', 405],
  REFRESH_SCOPE_MISMATCH: ['INVALID_ARGUMENT', 400],
  REFRESH_TOKEN_INVALID: ['UNAUTHENTICATED', 401],
  REFRESH_TOKEN_EXPIRED: ['UNAUTHENTICATED', 401],
  REFRESH_TOKEN_UNKNOWN: ['UNAUTHENTICATED', 401],
  REFRESH_TOKEN_REUSED: ['UNAUTHENTICATED', 401],
  REFRESH_TOKEN_REVOKED: ['UNAUTHENTICATED', 401],
  REFRESH_TOKEN_EXHAUSTED: ['UNAUTHENTICATED', 401],
  REFRESH_NOT_ALLOWED: ['PERMISSION_DENIED', 403],
  SINGLE_USE_REPEATED: ['PERMISSION_DENIED', 403],
  SINGLE_USE_UNAVAILABLE: ['FAILED_PRECONDITION', 400],
  AUTHORIZATION_MISSING: ['UNAUTHENTICATED', 401],
  AUTHORIZATION_REPEATED: ['UNAUTHENTICATED', 401],
  AUTHORIZATION_MALFORMED: ['UNAUTHENTICATED', 401],
  TOKEN_TOO_LARGE: ['INVALID_ARGUMENT', 431],
  TOKEN_MALFORMED: ['INVALID_ARGUMENT', 400],
  ISSUER_MALFORMED: ['INVALID_ARGUMENT', 400],
  SUBJECT_MALFORMED: ['INVALID_ARGUMENT', 400],
  AUDIENCE_MALFORMED: ['INVALID_ARGUMENT', 400],
  TOKEN_EXPIRED: ['UNAUTHENTICATED', 401],
  TOKEN_NOT_YET_VALID: ['UNAUTHENTICATED', 401],
  ALGORITHM_NOT_ALLOWED: ['UNAUTHENTICATED', 401],
  CRITICAL_HEADER_UNSUPPORTED: ['UNAUTHENTICATED', 401],
  KEY_UNKNOWN: ['UNAUTHENTICATED', 401],
  SIGNATURE_INVALID: ['UNAUTHENTICATED', 401],
  ISSUER_NOT_ALLOWED: ['PERMISSION_DENIED', 403],
  ISSUER_INVALID: ['INVALID_ARGUMENT', 400],
  ISSUER_ADDRESS_FORBIDDEN: ['INVALID_ARGUMENT', 400],
  ISSUER_UNAVAILABLE: ['UNAVAILABLE', 503, '30'],
  ISSUER_BUSY: ['RESOURCE_EXHAUSTED', 429, '30'],
  ISSUER_NOT_TRUSTED: ['PERMISSION_DENIED', 403],
  TRUSTED_ISSUERS_REQUIRED: ['PERMISSION_DENIED', 403],
  TRUSTED_ISSUERS_INVALID: ['FAILED_PRECONDITION', 400],
  TRUSTED_ISSUERS_FORBIDDEN: ['PERMISSION_DENIED', 403],
  TOKEN_TOO_OLD: ['UNAUTHENTICATED', 401],
  APP_NOT_CONFIGURED: ['NOT_FOUND', 404],
  POLICY_MAX_PERMISSIONS: ['PERMISSION_DENIED', 403],
  POLICY_SELF_WRITE: ['PERMISSION_DENIED', 403],
  POLICY_SOURCE_NOT_ALLOWED: ['PERMISSION_DENIED', 403],
  SIGNER_UNAVAILABLE: ['UNAVAILABLE', 503, '1'],
  SIGNER_REFUSED: ['INTERNAL', 500],
  OWNER_NOT_ALLOWED: ['PERMISSION_DENIED', 403],
  APP_NOT_INSTALLED: ['NOT_FOUND', 404],
  INSTALLATION_SUSPENDED: ['FAILED_PRECONDITION', 400],
  REPOSITORY_NOT_SELECTED: ['NOT_FOUND', 404],
  REPOSITORY_RENAMED: ['NOT_FOUND', 404],
  CONTENTS_NOT_GRANTED: ['FAILED_PRECONDITION', 400],
  POLICY_NOT_FOUND: ['NOT_FOUND', 404],
  POLICY_UNPARSABLE: ['NOT_FOUND', 404],
  POLICY_INVALID: ['NOT_FOUND', 404],
  POLICY_READ_FORBIDDEN: ['PERMISSION_DENIED', 403],
  POLICY_APP_UNAVAILABLE: ['FAILED_PRECONDITION', 400],
  POLICY_ORG_PERMISSIONS: ['PERMISSION_DENIED', 403],
  ISSUER_MISMATCH: ['PERMISSION_DENIED', 403],
  SUBJECT_MISMATCH: ['PERMISSION_DENIED', 403],
  SUBJECT_HAS_IDS: ['PERMISSION_DENIED', 403],
  AUDIENCE_MISMATCH: ['PERMISSION_DENIED', 403],
  CLAIM_MISSING: ['PERMISSION_DENIED', 403],
  CLAIM_NOT_TEXT: ['PERMISSION_DENIED', 403],
  CLAIM_MISMATCH: ['PERMISSION_DENIED', 403],
  CLAIM_FORBIDDEN: ['PERMISSION_DENIED', 403],
  GITHUB_ISSUER_REQUIRED: ['PERMISSION_DENIED', 403],
  POLICY_NOT_YET_VALID: ['PERMISSION_DENIED', 403],
  POLICY_EXPIRED: ['PERMISSION_DENIED', 403],
  REPOSITORY_PATTERNS_UNMATCHED: ['PERMISSION_DENIED', 403],
  REPOSITORIES_TOO_MANY: ['PERMISSION_DENIED', 403],
  MINT_REPOSITORY_NOT_SELECTED: ['PERMISSION_DENIED', 403],
  MINT_PERMISSION_NOT_GRANTED: ['PERMISSION_DENIED', 403],
  MINT_PERMISSION_MALFORMED: ['PERMISSION_DENIED', 403],
  MINT_UNPROCESSABLE: ['PERMISSION_DENIED', 403],
  MINT_REFUSED: ['INTERNAL', 500],
  MINT_WIDER_THAN_ASKED: ['INTERNAL', 500],
  APP_CREDENTIALS_REFUSED: ['INTERNAL', 500],
  GITHUB_RATE_LIMITED: ['RESOURCE_EXHAUSTED', 429, '30'],
  GITHUB_UNAVAILABLE: ['UNAVAILABLE', 503, '1'],
  GITHUB_TIMEOUT: ['DEADLINE_EXCEEDED', 504, '1'],
  LOOKUP_BUDGET_EXHAUSTED: ['RESOURCE_EXHAUSTED', 429, '30'],
  STORE_UNAVAILABLE: ['UNAVAILABLE', 503, '1'],
  STORE_FULL: ['RESOURCE_EXHAUSTED', 429, '30'],
  REVOCATION_BUSY: ['UNAVAILABLE', 503, '30'],
  DEADLINE_EXCEEDED: ['DEADLINE_EXCEEDED', 504, '1'],
  CANCELLED: ['CANCELLED', 499],
  SHUTTING_DOWN: ['UNAVAILABLE', 503, '1'],
  INTERNAL: ['INTERNAL', 500],
}

describe('every reason leaves as contract §3 says', () => {
  test.each(Object.entries(EXPECTED))('%s', async (name, [code, http, retryAfter]) => {
    const reason = name as Reason
    await using wire = await serve(() => {
      throw new Denial(reason, `what ${reason} says`, { field: 'scope', metadata: { path: 'a.yaml' }, cause: 'secret' })
    })
    const message =
      reason === 'INTERNAL' ? 'internal error: tell the operator the request id id-1' : `what ${name} says`
    const headers = { ...BEARER, 'x-request-id': 'id-1' }

    for (const ask of [ask1, ask2]) {
      const answer = await ask(wire.port, '/sts/exchange?scope=a/b&identity=c', { headers })
      expect(answer.status).toBe(http)
      expect(JSON.parse(answer.body)).toEqual({
        code: status[code],
        message,
        details: expectedDetails(reason, retryAfter),
      })
      expect(answer.headers['retry-after']).toBe(retryAfter)
      expect(answer.headers['x-request-id']).toBe('id-1')
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(answer.headers['www-authenticate']?.startsWith('Bearer')).toBe(http === 401 ? true : undefined)
      expect(answer.body).not.toContain('secret')
    }

    const metadata = new Metadata()
    metadata.set('authorization', BEARER.authorization)
    metadata.set('cgrequestid', 'id-1')
    const { error } = await askGrpc(wire.port, { scope: 'a/b', identity: 'c' }, metadata)
    expect(error?.code).toBe(status[code])
    expect(error?.details).toBe(message)
    expect(error?.metadata.get('x-request-id')).toEqual(['id-1'])
    const { details, ...rest } = decodeStatus(error)
    expect(rest).toEqual({ code: status[code], message })
    expect(details.map(({ name: type }) => type)).toEqual([
      'ErrorInfo',
      'RequestInfo',
      ...(retryAfter === undefined ? [] : ['RetryInfo']),
      'BadRequest',
      'Help',
    ])
    expect(details[0]?.message).toEqual({ reason, domain: DOMAIN, metadata: { path: 'a.yaml' } })
    expect(details[1]?.message).toEqual({ requestId: 'id-1', servingData: '' })
    expect(details.at(-2)?.message).toEqual({ fieldViolations: [{ field: 'scope', description: `what ${name} says` }] })
    expect(details.at(-1)?.message).toEqual({ links: [link(reason)] })
    if (retryAfter !== undefined) {
      expect(details[2]?.message).toEqual({ retryDelay: { seconds: retryAfter, nanos: 0 } })
    }
  })

  test('the table has exactly these reasons', () => {
    expect([...REASONS].sort()).toEqual(Object.keys(EXPECTED).sort())
    for (const reason of REASONS) expect(httpStatusOf(answerOf(reason))).toBe(EXPECTED[reason][1])
  })

  test('a wait that the denial names wins over the usual one, and is bounded', async () => {
    const waits = [1_500, 0, Number.POSITIVE_INFINITY, 1e12]
    await using wire = await serve(() => {
      throw new Denial('GITHUB_RATE_LIMITED', 'later', { retryAfterMs: waits.shift() ?? 0 })
    })
    const answers = []
    for (let count = 0; count < 4; count += 1) {
      const { headers, body } = await ask1(wire.port, '/sts/exchange')
      answers.push([headers['retry-after'], JSON.parse(body).details[2].retryDelay])
    }
    expect(answers).toEqual([
      ['2', '1.500s'],
      ['1', '0.001s'],
      ['30', '30s'],
      ['3600', '3600s'],
    ])
  })

  test('a defect tells nothing but the request id, and the log has the rest', async () => {
    await using wire = await serve(() => {
      throw new TypeError('x is not a function at /srv/secret.ts')
    })
    const http = await ask1(wire.port, '/sts/exchange')
    const metadata = new Metadata()
    metadata.set('authorization', BEARER.authorization)
    const grpc = await askGrpc(wire.port, {}, metadata)
    expect([http.status, JSON.parse(http.body).message]).toEqual([
      500,
      'internal error: tell the operator the request id request-1',
    ])
    expect(grpc.error?.code).toBe(status.INTERNAL)
    expect(grpc.error?.details).toBe('internal error: tell the operator the request id request-2')
    expect(http.body).not.toContain('secret')
    expect(wire.logged.filter((line) => line.includes('secret.ts') && line.includes('request-1'))).toHaveLength(1)
    expect(wire.logged.filter((line) => line.includes('secret.ts') && line.includes('request-2'))).toHaveLength(1)
  })

  test('a message of any length and alphabet fits into the trailers', async () => {
    const message = `${'\ud800é\n"\u{1f600}'.repeat(20_000)}`
    await using wire = await serve(() => {
      throw new Denial('POLICY_INVALID', message, { metadata: { big: 'x'.repeat(100_000), rule: 'y' } })
    })
    const metadata = new Metadata()
    metadata.set('authorization', BEARER.authorization)
    const { error } = await askGrpc(wire.port, {}, metadata)
    expect(error?.code).toBe(status.NOT_FOUND)
    expect(error?.details.startsWith('\ufffdé\n"\u{1f600}')).toBe(true)
    expect(error?.details.endsWith('…')).toBe(true)
    const http = await ask1(wire.port, '/sts/exchange')
    expect(http.status).toBe(404)
    expect(JSON.parse(http.body).message).toBe(error?.details)
  })
})

test('docs/errors.md is what the table says', () => {
  expect(readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')).toBe(errorsDocument())
})

function expectedDetails(reason: Reason, retryAfter: string | undefined): unknown[] {
  if (reason === 'ROUTE_NOT_FOUND' || reason === 'METHOD_NOT_ALLOWED') return []
  const type = (name: string) => `type.googleapis.com/google.rpc.${name}`
  return [
    { '@type': type('ErrorInfo'), reason, domain: DOMAIN, metadata: { path: 'a.yaml' } },
    { '@type': type('RequestInfo'), requestId: 'id-1' },
    ...(retryAfter === undefined ? [] : [{ '@type': type('RetryInfo'), retryDelay: `${retryAfter}s` }]),
    { '@type': type('BadRequest'), fieldViolations: [{ field: 'scope', description: `what ${reason} says` }] },
    { '@type': type('Help'), links: [link(reason)] },
  ]
}

function link(reason: Reason) {
  return { description: `What ${reason} means and what to do`, url: `https://${DOMAIN}/errors#${reason}` }
}

interface DecodedStatus {
  readonly code: number
  readonly message: string
  readonly details: readonly { readonly name: string; readonly message: unknown }[]
}

/** Read with the descriptors of proto/, as a client would that has google.rpc. */
function decodeStatus(error: ServiceError | null): DecodedStatus {
  const definitions = loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], {
    includeDirs: [new URL('../../../proto', import.meta.url).pathname],
    longs: String,
    defaults: true,
  })
  const decode = <T>(name: string, bytes: Buffer): T => {
    const definition: unknown = definitions[name]
    return (definition as MessageTypeDefinition<object, object>).deserialize(bytes) as T
  }
  const [bytes] = error?.metadata.get('grpc-status-details-bin') ?? []
  if (!Buffer.isBuffer(bytes)) throw new Error('no grpc-status-details-bin')
  type Raw = { code: number; message: string; details: { type_url: string; value: Buffer }[] }
  const { code, message, details } = decode<Raw>('google.rpc.Status', bytes)
  return {
    code,
    message,
    details: details.map(({ type_url, value }) => {
      const name = type_url.replace('type.googleapis.com/', '')
      return { name: name.replace('google.rpc.', ''), message: decode<unknown>(name, value) }
    }),
  }
}

import { answerOf, httpStatusOf, type OAuthError, oauthErrorOf, oauthStatusOf, REASONS } from './status.ts'

/** The refusals of `/sts/…` by their status, from the table of reasons. */
export function stsResponses({ body }: { readonly body: boolean }) {
  const entries = REASONS.filter((reason) => !ELSEWHERE.has(reason) && (body || !OF_BODIES.has(reason))).map(
    (reason) => [httpStatusOf(answerOf(reason)), reason] as const,
  )
  return responsesOf(entries, 'Status')
}

/** The refusals of `/token` and `/revoke` by their status, from the same table. */
export function oauthResponses() {
  const entries = REASONS.filter((reason) => !NEVER_SEEN.has(reason)).map((reason) => {
    const answer = answerOf(reason)
    const error: OAuthError = oauthErrorOf(answer, 'subject_token')
    return [oauthStatusOf(answer), error] as const
  })
  return responsesOf([...entries, [401, 'invalid_client'] as const], 'OAuthError')
}

function responsesOf(entries: readonly (readonly [status: number, name: string])[], schema: string) {
  const statuses = [...new Set(entries.map(([status]) => status))].sort((a, b) => a - b)
  return Object.fromEntries(
    statuses.map((status) => {
      const names = new Set(entries.filter(([each]) => each === status).map(([, name]) => name))
      const content = { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } }
      return [status, { description: [...names].join(', '), headers: headersOf(status), content }]
    }),
  )
}

function headersOf(status: number) {
  return {
    'cache-control': { required: true, schema: { const: 'no-store' } },
    'x-request-id': { required: true, schema: { type: 'string' } },
    ...(status === 401 ? { 'www-authenticate': { required: true, schema: { type: 'string' } } } : {}),
    ...(status === 429 || status === 503 || status === 504
      ? { 'retry-after': { required: true, schema: { type: 'string', pattern: '^[1-9][0-9]*$' } } }
      : {}),
  }
}

/** Whoever would see it has gone, or has asked for another path or method. */
const NEVER_SEEN: ReadonlySet<string> = new Set(['CANCELLED', 'ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED'])
const ELSEWHERE: ReadonlySet<string> = new Set([
  ...NEVER_SEEN,
  'PARAMETER_MISSING',
  'PARAMETER_UNSUPPORTED',
  'GRANT_TYPE_UNSUPPORTED',
  'CLIENT_AUTHENTICATION_UNSUPPORTED',
  'REVOCATION_BUSY',
])
const OF_BODIES: ReadonlySet<string> = new Set(['REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED'])

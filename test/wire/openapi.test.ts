import { expect, test } from '@jest/globals'
import { answerOf, httpStatusOf, oauthErrorOf, oauthStatusOf, REASONS } from '../../src/wire/status.ts'
import { ask1, DOMAIN, serve } from './fixture.ts'

/** How schemathesis holds the document to the code is test/openapi/run; here is what it cannot see. */

interface Operation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, { readonly description: string }>>
}

async function description() {
  await using wire = await serve()
  const { status, headers, body } = await ask1(wire.port, '/openapi.json', { headers: {} })
  expect([status, headers['content-type']]).toEqual([200, 'application/json'])
  return JSON.parse(body) as {
    readonly openapi: string
    readonly servers: unknown
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
    readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
  }
}

test('it is OpenAPI 3.1, and has every way in', async () => {
  const { openapi, servers, paths } = await description()
  expect([openapi, servers]).toEqual(['3.1.0', [{ url: `https://${DOMAIN}` }]])
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(operations.sort()).toEqual([
    'get /',
    'get /.well-known/oauth-authorization-server',
    'get /.well-known/oauth-protected-resource',
    'get /errors',
    'get /healthz',
    'get /openapi.json',
    'get /readyz',
    'get /schemas/{name}.json',
    'get /sts/exchange',
    'post /revoke',
    'post /sts/exchange',
    'post /sts/exchange_refresh_token',
    'post /token',
  ])
})

test('every reference leads somewhere, and every schema is referred to', async () => {
  const { components, paths } = await description()
  const text = JSON.stringify({ components, paths })
  const used = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] ?? ''))
  expect([...used].sort()).toEqual(Object.keys(components.schemas).sort())
})

test('operations have names of their own', async () => {
  const { paths } = await description()
  const names = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
  expect(new Set(names).size).toBe(names.length)
})

/** Reasons that no caller of any operation is told, and those of the other way in. */
const UNTOLD = ['CANCELLED', 'ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED']
const OF_OAUTH = [
  'PARAMETER_MISSING',
  'PARAMETER_UNSUPPORTED',
  'GRANT_TYPE_UNSUPPORTED',
  'CLIENT_AUTHENTICATION_UNSUPPORTED',
  'REVOCATION_BUSY',
]

test.each(REASONS.filter((reason) => !UNTOLD.includes(reason)))('%s has its place', async (reason) => {
  const { paths } = await description()
  const answer = answerOf(reason)
  for (const path of ['/token', '/revoke']) {
    const response = paths[path]?.['post']?.responses[oauthStatusOf(answer)]
    expect(response?.description.split(', ')).toContain(oauthErrorOf(answer, 'subject_token'))
  }
  if (OF_OAUTH.includes(reason)) return
  for (const path of ['/sts/exchange', '/sts/exchange_refresh_token']) {
    const response = paths[path]?.['post']?.responses[httpStatusOf(answer)]
    expect(response?.description.split(', ')).toContain(reason)
  }
})

import { AUTHORIZATION_SERVER_PATH, PROTECTED_RESOURCE_PATH, REVOKE_PATH, TOKEN_PATH } from './oauth-metadata.ts'
import { oauthResponses, stsResponses } from './openapi-responses.ts'
import { OPENAPI_PARAMETERS, OPENAPI_SCHEMAS } from './openapi-schemas.ts'
import type { WireDocument } from './pages.ts'

/** `/openapi.json`: all HTTP of the service, as OpenAPI 3.1; its refusals are those of the table of reasons. */
export function openApiDocument(domain: string): WireDocument {
  return { contentType: 'application/json', body: JSON.stringify(description(domain)) }
}

function description(domain: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'octo-sts',
      version: '1',
      description: 'Trades OpenID Connect tokens for GitHub App installation tokens, as trust policies allow.',
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: `https://${domain}` }],
    externalDocs: { url: `https://${domain}/errors`, description: 'Every reason of a refusal' },
    security: [],
    paths: {
      '/sts/exchange': {
        get: exchangeByQuery(),
        post: byBody('exchange', { asks: 'ExchangeRequest', gets: 'RawToken' }),
      },
      '/sts/exchange_refresh_token': {
        post: byBody('exchangeRefreshToken', { asks: 'ExchangeRefreshTokenRequest', gets: 'TokenPair' }),
      },
      [TOKEN_PATH]: { post: tokenOperation() },
      [REVOKE_PATH]: { post: revokeOperation() },
      '/': { get: page('root', 'What this is', { ...json(ref('Root')), ...HTML }) },
      '/errors': { get: page('errors', 'Every reason of a refusal', HTML) },
      '/healthz': { get: page('healthz', 'The process lives', json(ref('Health'))) },
      '/readyz': { get: readinessOperation() },
      '/openapi.json': { get: page('openapi', 'This document', json({ type: 'object' })) },
      '/schemas/{name}.json': { get: schemaOperation() },
      [AUTHORIZATION_SERVER_PATH]: {
        get: page('authorizationServer', 'RFC 8414', json(ref('AuthorizationServer'))),
      },
      [PROTECTED_RESOURCE_PATH]: { get: page('protectedResource', 'RFC 9728', json(ref('ProtectedResource'))) },
    },
    components: {
      schemas: OPENAPI_SCHEMAS,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An OIDC token; at the refresh route a refresh token' },
      },
    },
  }
}

function exchangeByQuery() {
  return {
    operationId: 'exchangeByQuery',
    summary: 'Exchange, asked for in the query',
    security: [{ bearer: [] }],
    parameters: Object.entries(OPENAPI_PARAMETERS.ExchangeRequest).map(([name, schema]) => ({
      name,
      in: 'query',
      schema,
    })),
    responses: { 200: tokens(ref('RawToken')), ...stsResponses({ body: false }) },
  }
}

function byBody(operationId: string, { asks, gets }: { readonly asks: Asked; readonly gets: SchemaName }) {
  return {
    operationId,
    summary: 'Asked for in the body; the same parameters may come in the query instead, but none in both',
    security: [{ bearer: [] }],
    requestBody: {
      required: false,
      content: { [FORM]: { schema: objectOf(asks, 'form') }, ...json(objectOf(asks, 'json')) },
    },
    responses: { 200: tokens(ref(gets)), ...stsResponses({ body: true }) },
  }
}

/** In a form a list of one is its entry; in JSON null is the same as absent. */
function objectOf(asks: Asked, place: 'form' | 'json') {
  const members = Object.entries(OPENAPI_PARAMETERS[asks]).map(([name, { type, ...rest }]) => {
    const types = place === 'json' ? [type, 'null'] : [...new Set([type, 'string'])]
    return [name, { type: types, ...rest }]
  })
  return { type: 'object', properties: Object.fromEntries(members) }
}

type Asked = keyof typeof OPENAPI_PARAMETERS

function tokenOperation() {
  return {
    operationId: 'token',
    summary: 'Token exchange (RFC 8693) and refresh (RFC 6749 §6)',
    requestBody: form({ oneOf: [ref('TokenExchange'), ref('TokenRefresh')] }),
    responses: { 200: { ...tokens(ref('TokenResponse')), headers: NOT_STORED }, ...oauthResponses() },
  }
}

function revokeOperation() {
  return {
    operationId: 'revoke',
    summary: 'Revocation of a refresh token or an installation token (RFC 7009)',
    requestBody: form(ref('Revocation')),
    responses: { 200: { description: 'Revoked, or not known', headers: NOT_STORED }, ...oauthResponses() },
  }
}

function readinessOperation() {
  const { responses, ...rest } = page('readyz', 'It can serve', json(ref('Health')))
  return { ...rest, responses: { ...responses, 503: { description: 'It cannot', content: json(ref('Health')) } } }
}

function schemaOperation() {
  const name = { type: 'string', enum: ['trust-policy', 'organization-policy', 'trusted-issuers'] }
  const content = { 'application/schema+json': { schema: { type: 'object' } } }
  const { responses, ...rest } = page('schema', 'JSON Schemas of the policy files', content)
  return {
    ...rest,
    parameters: [{ name: 'name', in: 'path', required: true, schema: name }],
    responses: { ...responses, 404: { description: 'There is no such schema', content: json(ref('Status')) } },
  }
}

function page(operationId: string, summary: string, content: object) {
  return { operationId, summary, responses: { 200: { description: summary, content } } }
}

function tokens(schema: object) {
  return { description: 'A token', headers: { 'cache-control': NOT_STORED['cache-control'] }, content: json(schema) }
}

function form(schema: object) {
  return { required: true, content: { [FORM]: { schema } } }
}

function json(schema: object) {
  return { 'application/json': { schema } }
}

function ref(name: SchemaName) {
  return { $ref: `#/components/schemas/${name}` }
}

type SchemaName = keyof typeof OPENAPI_SCHEMAS

const FORM = 'application/x-www-form-urlencoded'
const HTML = { 'text/html': { schema: { type: 'string' } } }
const NOT_STORED = {
  'cache-control': { required: true, schema: { const: 'no-store' } },
  pragma: { required: true, schema: { const: 'no-cache' } },
}

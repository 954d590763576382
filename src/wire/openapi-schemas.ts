import { ACCESS_TOKEN_TYPE, SUBJECT_TOKEN_TYPES } from './oauth-grant.ts'
import { REFRESH_TOKEN, TOKEN_EXCHANGE } from './oauth-metadata.ts'
import { answerOf, oauthErrorOf, REASONS } from './status.ts'

const TEXT = { type: 'string' } as const
const PRESENT = { type: 'string', minLength: 1 } as const
const TEXTS = { type: 'array', items: TEXT } as const
const ADDRESS = { type: 'string', format: 'uri' } as const
const ADDRESSES = { type: 'array', items: ADDRESS, minItems: 1 } as const
/** Code points that `error_description` may have (RFC 6749 §5.2). */
const DESCRIPTION = { type: 'string', pattern: '^[\\x20-\\x21\\x23-\\x5B\\x5D-\\x7E]*$' } as const

const CAP = { type: 'array', items: TEXT, description: '`permission:level` narrows the token' } as const
const SCOPE = { type: 'string', description: '`owner/repository`, or `owner` for an organization policy' } as const
const SCOPES = { type: 'array', items: TEXT, maxItems: 1, description: 'At most one; it wins over `scope`' } as const
const IDENTITY = { type: 'string', description: 'The trust policy `.github/chainguard/{identity}.sts.yaml`' } as const
const RESOURCE = {
  type: 'string',
  description: '`https://github.com/owner/repository`, or `https://github.com/owner`',
} as const
const AUDIENCE = { type: 'string', description: '`owner/repository` or `owner`, or the same as a resource' } as const
const NARROWING = {
  type: 'string',
  description: 'Permissions to narrow to, with a space between them: `contents:read issues:write`',
} as const

/** The parameters of the two messages, in a query. */
export const OPENAPI_PARAMETERS = {
  ExchangeRequest: { scope: SCOPE, scopes: SCOPES, identity: IDENTITY, cap: CAP, aud: TEXTS, identity_provider: TEXT },
  ExchangeRefreshTokenRequest: { scope: SCOPE, scopes: SCOPES, cap: CAP, aud: TEXTS },
} as const

/** `#/components/schemas` of the OpenAPI document. */
export const OPENAPI_SCHEMAS = {
  RawToken: {
    type: 'object',
    properties: { token: TEXT, refreshToken: TEXT, expiry: { type: 'string', format: 'date-time' } },
    required: ['token', 'refreshToken', 'expiry'],
    additionalProperties: false,
  },
  TokenPair: {
    type: 'object',
    properties: {
      token: { $ref: '#/components/schemas/RawToken' },
      refreshToken: { $ref: '#/components/schemas/RawToken' },
    },
    required: ['token', 'refreshToken'],
    additionalProperties: false,
  },
  Status: {
    type: 'object',
    description: 'google.rpc.Status in proto3 JSON',
    properties: {
      code: { type: 'integer', minimum: 1, maximum: 16 },
      message: TEXT,
      details: { type: 'array', items: { $ref: '#/components/schemas/Detail' } },
    },
    required: ['code', 'message', 'details'],
    additionalProperties: false,
  },
  Detail: {
    type: 'object',
    description: 'google.protobuf.Any; the one of ErrorInfo has the reason',
    properties: { '@type': TEXT, reason: { enum: REASONS } },
    required: ['@type'],
  },
  TokenExchange: {
    type: 'object',
    properties: {
      grant_type: { const: TOKEN_EXCHANGE },
      subject_token: PRESENT,
      subject_token_type: { enum: SUBJECT_TOKEN_TYPES },
      resource: RESOURCE,
      audience: AUDIENCE,
      identity: IDENTITY,
      scope: NARROWING,
      requested_token_type: { enum: [ACCESS_TOKEN_TYPE, ''] },
      client_id: TEXT,
    },
    required: ['grant_type', 'subject_token', 'subject_token_type', 'identity'],
    anyOf: [{ required: ['resource'] }, { required: ['audience'] }],
  },
  TokenRefresh: {
    type: 'object',
    properties: {
      grant_type: { const: REFRESH_TOKEN },
      refresh_token: PRESENT,
      resource: RESOURCE,
      audience: AUDIENCE,
      scope: NARROWING,
      client_id: TEXT,
    },
    required: ['grant_type', 'refresh_token'],
  },
  TokenResponse: {
    type: 'object',
    properties: {
      access_token: TEXT,
      issued_token_type: { const: ACCESS_TOKEN_TYPE },
      token_type: { const: 'Bearer' },
      expires_in: { type: 'integer', minimum: 0 },
      scope: TEXT,
      refresh_token: TEXT,
    },
    required: ['access_token', 'issued_token_type', 'token_type', 'expires_in', 'scope'],
    additionalProperties: false,
  },
  Revocation: {
    type: 'object',
    properties: { token: PRESENT, token_type_hint: TEXT, client_id: TEXT },
    required: ['token'],
  },
  OAuthError: {
    type: 'object',
    properties: { error: { enum: oauthErrors() }, error_description: DESCRIPTION, error_uri: ADDRESS },
    required: ['error', 'error_description', 'error_uri'],
    additionalProperties: false,
  },
  Root: { type: 'object', properties: { msg: TEXT }, required: ['msg'], additionalProperties: false },
  Health: {
    type: 'object',
    properties: { status: { enum: ['ok', 'ready', 'not ready'] } },
    required: ['status'],
    additionalProperties: false,
  },
  AuthorizationServer: {
    type: 'object',
    properties: {
      issuer: ADDRESS,
      token_endpoint: ADDRESS,
      revocation_endpoint: ADDRESS,
      grant_types_supported: { const: [TOKEN_EXCHANGE, REFRESH_TOKEN] },
      response_types_supported: { const: [] },
      token_endpoint_auth_methods_supported: { const: ['none'] },
      revocation_endpoint_auth_methods_supported: { const: ['none'] },
      scopes_supported: TEXTS,
      service_documentation: ADDRESS,
    },
    required: ['issuer', 'token_endpoint', 'revocation_endpoint', 'grant_types_supported', 'response_types_supported'],
  },
  ProtectedResource: {
    type: 'object',
    properties: {
      resource: ADDRESS,
      authorization_servers: ADDRESSES,
      bearer_methods_supported: { const: ['header'] },
      resource_name: TEXT,
      resource_documentation: ADDRESS,
    },
    required: ['resource', 'authorization_servers', 'bearer_methods_supported'],
  },
} as const

function oauthErrors(): readonly string[] {
  const credentials = ['subject_token', 'refresh_token'] as const
  return [...new Set(REASONS.flatMap((reason) => credentials.map((each) => oauthErrorOf(answerOf(reason), each))))]
}

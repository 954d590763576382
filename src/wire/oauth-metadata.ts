import { publishedLevels, publishedNames } from '../terms/permissions.ts'
import type { WireDocument } from './pages.ts'

export const AUTHORIZATION_SERVER_PATH = '/.well-known/oauth-authorization-server'
export const PROTECTED_RESOURCE_PATH = '/.well-known/oauth-protected-resource'
export const TOKEN_PATH = '/token'
export const REVOKE_PATH = '/revoke'

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const REFRESH_TOKEN = 'refresh_token'

/** What OAuth clients find out by themselves, by its path. */
export function metadataDocuments(domain: string): readonly (readonly [path: string, document: WireDocument])[] {
  return [
    [AUTHORIZATION_SERVER_PATH, jsonDocument(authorizationServer(domain))],
    [PROTECTED_RESOURCE_PATH, jsonDocument(protectedResource(domain))],
  ]
}

/** RFC 8414 §2. There is no authorization endpoint, so no response type either; the member itself is required. */
function authorizationServer(domain: string) {
  return {
    issuer: `https://${domain}`,
    token_endpoint: `https://${domain}${TOKEN_PATH}`,
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint: `https://${domain}${REVOKE_PATH}`,
    revocation_endpoint_auth_methods_supported: ['none'],
    grant_types_supported: [TOKEN_EXCHANGE, REFRESH_TOKEN],
    response_types_supported: [],
    scopes_supported: publishedNames().flatMap((name) => publishedLevels(name).map((level) => `${name}:${level}`)),
    service_documentation: `https://${domain}/`,
  }
}

/** RFC 9728 §2: the exchange at `/sts/`, which takes bearer tokens; `/token` is OAuth's way to the same. */
function protectedResource(domain: string) {
  return {
    resource: `https://${domain}`,
    authorization_servers: [`https://${domain}`],
    bearer_methods_supported: ['header'],
    resource_name: 'octo-sts',
    resource_documentation: `https://${domain}/`,
  }
}

function jsonDocument(value: object): WireDocument {
  return { contentType: 'application/json', body: JSON.stringify(value) }
}

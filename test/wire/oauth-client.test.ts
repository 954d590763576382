import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import * as oauth from 'oauth4webapi'
import { Denial } from '../../src/terms/denial.ts'
import { ask1, DOMAIN, type Fixture, serve } from './fixture.ts'

const ISSUER = new URL(`https://${DOMAIN}`)
const CLIENT: oauth.Client = { client_id: 'test' }
const EXCHANGE = {
  subject_token: 'a.b.c',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  resource: 'https://github.com/org/repo',
  identity: 'ci',
  scope: 'contents:read',
}

/** The client believes to talk with https://sts.example.com; over a real socket it is the wire. */
function through({ port }: Fixture) {
  const send = (url: string, init: RequestInit): Promise<Response> => {
    const { origin, pathname, search } = new URL(url)
    if (origin !== ISSUER.origin) throw new Error(`asked ${origin}`)
    return fetch(`http://127.0.0.1:${port}${pathname}${search}`, init)
  }
  return { [oauth.customFetch]: send as never }
}

async function discover(wire: Fixture): Promise<oauth.AuthorizationServer> {
  const response = await oauth.discoveryRequest(ISSUER, { algorithm: 'oauth2', ...through(wire) })
  return oauth.processDiscoveryResponse(ISSUER, response)
}

describe('oauth4webapi', () => {
  test('finds the server, exchanges, refreshes and revokes', async () => {
    const revoked: string[] = []
    await using wire = await serve(undefined, {
      revokeRefreshToken: async (token) => revoked.push(token) > 0,
      revokeInstallationToken: async (token) => {
        revoked.push(token)
        return 'revoked'
      },
    })
    const server = await discover(wire)
    const grant = async (type: string, parameters: Record<string, string>) => {
      const response = await oauth.genericTokenEndpointRequest(
        server,
        CLIENT,
        oauth.None(),
        type,
        parameters,
        through(wire),
      )
      return oauth.processGenericTokenEndpointResponse(server, CLIENT, response)
    }
    const exchanged = await grant('urn:ietf:params:oauth:grant-type:token-exchange', EXCHANGE)
    expect(exchanged).toEqual({
      access_token: 'ghs_test',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'bearer',
      expires_in: 3600,
      scope: 'contents:read',
    })

    const answer = await oauth.refreshTokenGrantRequest(server, CLIENT, oauth.None(), 'r.e.f', through(wire))
    const refreshed = await oauth.processRefreshTokenResponse(server, CLIENT, answer)
    expect([refreshed.access_token, refreshed.refresh_token]).toEqual(['ghs_test', 'next-ghs_test'])

    for (const token of [`ghs_${'a'.repeat(36)}`, 'next-ghs_test']) {
      const response = await oauth.revocationRequest(server, CLIENT, oauth.None(), token, through(wire))
      await oauth.processRevocationResponse(response)
    }
    expect(revoked).toEqual([`ghs_${'a'.repeat(36)}`, 'next-ghs_test'])
  })

  test('understands a refusal, and the challenge of a 401', async () => {
    await using wire = await serve(() => {
      throw new Denial('POLICY_NOT_FOUND', 'unable to find trust policy for "ci"')
    })
    const server = await discover(wire)
    const send = (authentication: oauth.ClientAuth) =>
      oauth
        .genericTokenEndpointRequest(
          server,
          CLIENT,
          authentication,
          'urn:ietf:params:oauth:grant-type:token-exchange',
          EXCHANGE,
          through(wire),
        )
        .then((response) => oauth.processGenericTokenEndpointResponse(server, CLIENT, response))
        .catch((error: unknown) => error)
    expect(await send(oauth.None())).toMatchObject({
      error: 'invalid_target',
      status: 400,
      error_description: "unable to find trust policy for 'ci'",
    })
    expect(await send(oauth.ClientSecretBasic('secret'))).toMatchObject({
      cause: [{ scheme: 'basic', parameters: { realm: DOMAIN } }],
    })
    expect(await send(oauth.ClientSecretPost('secret'))).toMatchObject({ error: 'invalid_client', status: 400 })
  })

  test('finds the metadata of the protected resource by the challenge', async () => {
    await using wire = await serve()
    const { headers } = await ask1(wire.port, '/sts/exchange', { headers: {} })
    const [, address = ''] = /resource_metadata="([^"]+)"/.exec(headers['www-authenticate'] ?? '') ?? []
    const response = await oauth.resourceDiscoveryRequest(ISSUER, through(wire))
    expect(address).toBe(`https://${DOMAIN}/.well-known/oauth-protected-resource`)
    expect(await response.clone().json()).toEqual({
      resource: `https://${DOMAIN}`,
      authorization_servers: [`https://${DOMAIN}`],
      bearer_methods_supported: ['header'],
      resource_name: 'octo-sts',
      resource_documentation: `https://${DOMAIN}/`,
    })
    expect((await oauth.processResourceDiscoveryResponse(ISSUER, response)).resource).toBe(`https://${DOMAIN}`)
  })
})

test('the metadata of the authorization server', async () => {
  await using wire = await serve()
  const answer = await ask1(wire.port, '/.well-known/oauth-authorization-server', { headers: {} })
  const { scopes_supported, ...rest } = JSON.parse(answer.body)
  expect([answer.status, answer.headers['content-type'], rest]).toEqual([
    200,
    'application/json',
    {
      issuer: `https://${DOMAIN}`,
      token_endpoint: `https://${DOMAIN}/token`,
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint: `https://${DOMAIN}/revoke`,
      revocation_endpoint_auth_methods_supported: ['none'],
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange', 'refresh_token'],
      response_types_supported: [],
      service_documentation: `https://${DOMAIN}/`,
    },
  ])
  expect(scopes_supported).toContain('contents:read')
  expect(scopes_supported).toContain('workflows:write')
  expect(scopes_supported).not.toContain('workflows:read')
})

test('curl', async () => {
  await using wire = await serve()
  const fields = Object.entries({ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', ...EXCHANGE })
  const parameters = fields.flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
  const { stdout } = await promisify(execFile)('curl', [
    '-sS',
    '--fail-with-body',
    '--max-time',
    '10',
    ...parameters,
    `http://127.0.0.1:${wire.port}/token`,
  ])
  expect(JSON.parse(stdout)).toMatchObject({ access_token: 'ghs_test', token_type: 'Bearer' })
})

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type Flow, startFlow } from '../support/flow.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

let flow: Flow

beforeEach(async () => {
  flow = await startFlow({ settings: { refreshTokenKeys: [Buffer.alloc(32, 5)] } })
  flow.policy('acme/app', 'ci', { permissions: { contents: 'write', issues: 'write' }, refresh: { max_age: '8h' } })
})
afterEach(() => flow.close())

async function post(path: string, fields: Record<string, string>) {
  const url = `http://127.0.0.1:${flow.service.port}${path}`
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}

async function exchange(change: Record<string, string> = {}) {
  const subject_token = await flow.workflowToken()
  const fields = { grant_type: EXCHANGE, subject_token, subject_token_type: JWT, audience: 'acme/app', identity: 'ci' }
  return post('/token', { ...fields, ...change })
}

test('a token exchange, a refresh and a revocation, as OAuth has them', async () => {
  const { status, body } = await exchange({ scope: 'contents:read' })
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      access_token: expect.stringMatching(/^ghs_/),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'contents:read',
      refresh_token: expect.any(String),
    },
  })
  expect(flow.github.tokens.get(body.access_token)?.permissions).toEqual({ contents: 'read', metadata: 'read' })

  const refreshed = await post('/token', { grant_type: 'refresh_token', refresh_token: body.refresh_token })
  expect(refreshed).toMatchObject({ status: 200, body: { token_type: 'Bearer', scope: 'contents:read' } })

  expect(await post('/revoke', { token: refreshed.body.refresh_token })).toEqual({ status: 200, body: undefined })
  const dead = { grant_type: 'refresh_token', refresh_token: refreshed.body.refresh_token }
  expect(await post('/token', dead)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })

  const calls = await flow.calls(() => post('/revoke', { token: body.access_token }))
  expect(calls).toEqual(['DELETE /installation/token'])
})

test.each([
  ['a target that is not there', { audience: 'stranger/app' }, 'invalid_target'],
  ['a policy that is not there', { identity: 'none' }, 'invalid_target'],
  ['more than the policy', { scope: 'contents:admin' }, 'invalid_scope'],
  ['a permission beyond the policy', { scope: 'checks:write' }, 'invalid_scope'],
  ['a subject token that is none', { subject_token: 'nonsense' }, 'invalid_request'],
  ['another audience than the resource', { resource: 'https://github.com/acme/docs' }, 'invalid_target'],
])('%s', async (_, change, error) => {
  expect(await exchange(change)).toMatchObject({ status: 400, body: { error } })
})

test('a resource on the web is the same as the bare scope', async () => {
  const subject_token = await flow.workflowToken()
  const fields = { grant_type: EXCHANGE, subject_token, subject_token_type: JWT, identity: 'ci' }
  expect(await post('/token', { ...fields, resource: 'https://github.com/acme/app' })).toMatchObject({ status: 200 })
})

test('200 garbage tokens cause at most 100 calls, and then another time is named', async () => {
  const statuses: number[] = []
  const calls = await flow.calls(async () => {
    for (let index = 0; index < 200; index += 1) {
      statuses.push((await post('/revoke', { token: `ghs_${String(index).padStart(36, '0')}` })).status)
    }
  })
  expect(calls.length).toBeLessThanOrEqual(100)
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(100)
  expect(await exchange()).toMatchObject({ status: 200 })
})

import { createHmac, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { composeService } from '../../src/compose.ts'
import type { Settings } from '../../src/config/settings.ts'
import { type Flow, startFlow } from '../support/flow.ts'
import { type KeyServer, startKeyServer } from '../support/key-server.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const KEY = createRsaKey()

let vault: KeyServer
let flow: Flow

beforeEach(async () => {
  vault = await startKeyServer(({ path, body }) => {
    if (path === '/v1/secret/data/octo-sts') return { status: 200, body: { data: { data: { webhook: 'hunter2' } } } }
    if (body === '') return { status: 404, body: { errors: [] } }
    const digest = Buffer.from(JSON.parse(body).input, 'base64')
    return { status: 200, body: { data: { signature: `vault:v1:${KEY.signDigest(digest).toString('base64')}` } } }
  })
  const login = { kind: 'token', token: 'hvs.x' } as const
  flow = await startFlow({
    github: { app: { id: 7, privateKeyPem: KEY.pem } },
    settings: {
      vault: { address: vault.url, login, namespace: undefined, caFile: undefined },
      webhook: webhookWith('secret/octo-sts#webhook'),
      pools: new Map([['*', [{ id: 7, key: { kind: 'kms', provider: 'vault', key: 'transit/keys/octo-sts' } }]]]),
    },
  })
  flow.policy('acme/app', 'ci')
})
afterEach(async () => {
  await flow.close()
  await vault[Symbol.asyncDispose]()
})

function signatures(): number {
  return vault.requests.filter(({ path }) => path.includes('/sign/')).length
}

function webhookWith(name: string): NonNullable<Settings['webhook']> {
  const secret = { kind: 'reference', reference: { manager: 'vault', name } } as const
  return { secrets: [secret], organizations: [], allowSha1: false }
}

test.each([
  ['hunter2', 200],
  ['secret/octo-sts#webhook', 401],
])('the secret of the webhook is what the reference names: %s', async (secret, status) => {
  const body = '{"zen":"x"}'
  const response = await fetch(`http://127.0.0.1:${flow.service.port}/webhook`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'ping',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
  })
  await response.arrayBuffer()
  expect(response.status).toBe(status)
})

test('a secret that cannot be read ends the start, by its name', async () => {
  const { settings } = flow
  const composed = composeService(
    { ...settings, webhook: webhookWith('secret/absent#webhook') },
    { log: pino({ enabled: false }), host: '127.0.0.1' },
  )
  await expect(composed).rejects.toThrow(
    new Error('the secret vault-secret://secret/absent#webhook cannot be used: Vault: status 404'),
  )
})

test('a key in a key management service signs once in minutes, however many exchanges there are', async () => {
  for (let round = 0; round < 3; round += 1) expect(await flow.ask({})).toMatchObject({ code: 0 })
  expect(signatures()).toBe(1)
  flow.advance(9 * 60_000)
  expect(await flow.ask({})).toMatchObject({ code: 0 })
  expect(signatures()).toBe(2)
})

test('a key management service that refuses is named to the caller without a word of what it said', async () => {
  flow.advance(9 * 60_000)
  vault.faults.push({ status: 403, body: { errors: ['permission denied on transit/octo-sts'] } })
  expect(await flow.ask({})).toMatchObject({
    reason: 'SIGNER_REFUSED',
    message:
      'the key management service refused to sign with the key of the GitHub App; the operator of this service must check its name and the right to use it',
  })
  expect(JSON.stringify(flow.lines)).toContain('permission denied on transit/octo-sts')
})

test('a key management service that is away is asked by one exchange of many, and again after a second', async () => {
  flow.advance(9 * 60_000)
  const away = { status: 503, body: { errors: ['Vault is sealed'] } }
  vault.faults.push(away, away, away, away)
  const token = await flow.workflowToken()
  const answers = await Promise.all(Array.from({ length: 20 }, () => flow.ask({ token })))
  expect(new Set(answers.map(({ reason }) => reason))).toEqual(new Set(['SIGNER_UNAVAILABLE']))
  expect(signatures()).toBe(3) // the one of the start, and one with its second try
  vault.faults.splice(0)
  flow.advance(1_000)
  expect(await flow.ask({})).toMatchObject({ code: 0 })
})

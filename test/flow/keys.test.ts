import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type Flow, startFlow } from '../support/flow.ts'
import { type KeyServer, startKeyServer } from '../support/key-server.ts'
import { createRsaKey } from '../support/rsa-key.ts'

const KEY = createRsaKey()

let vault: KeyServer
let flow: Flow

beforeEach(async () => {
  vault = await startKeyServer(({ body }) => {
    const digest = Buffer.from(JSON.parse(body).input, 'base64')
    return { status: 200, body: { data: { signature: `vault:v1:${KEY.signDigest(digest).toString('base64')}` } } }
  })
  const login = { kind: 'token', token: 'hvs.x' } as const
  flow = await startFlow({
    github: { app: { id: 7, privateKeyPem: KEY.pem } },
    settings: {
      vault: { address: vault.url, login, namespace: undefined, caFile: undefined },
      pools: new Map([['*', [{ id: 7, key: { kind: 'kms', provider: 'vault', key: 'transit/keys/octo-sts' } }]]]),
    },
  })
  flow.policy('acme/app', 'ci')
})
afterEach(async () => {
  await flow.close()
  await vault[Symbol.asyncDispose]()
})

test('a key in a key management service signs once in minutes, however many exchanges there are', async () => {
  for (let round = 0; round < 3; round += 1) expect(await flow.ask({})).toMatchObject({ code: 0 })
  expect(vault.requests.length).toBe(1)
  flow.advance(9 * 60_000)
  expect(await flow.ask({})).toMatchObject({ code: 0 })
  expect(vault.requests.length).toBe(2)
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
  expect(vault.requests.length).toBe(3) // the one of the start, and one with its second try
  vault.faults.splice(0)
  flow.advance(1_000)
  expect(await flow.ask({})).toMatchObject({ code: 0 })
})

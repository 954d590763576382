import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, rsaKeyPem, signAppJwt } from '../support/github-client.ts'

const clock = createControlledClock()
const now = clock.now() / 1000
let github: SandboxGitHub
let client: GitHubClient

beforeAll(async () => {
  github = await createSandboxGitHub({ clock, app: { id: 7, slug: 'tester' } })
  client = createGitHubClient(github, clock.now)
})
afterAll(() => github.close())

test.each([
  ['its id as a number', { iss: 7 }],
  ['its id as text', { iss: '7' }],
  ['its client id', { iss: 'Iv23li7' }],
  ['an end exactly ten minutes ahead', { exp: now + 600 }],
  ['a start of right now', { iat: now }],
])('the App is known by %s', async (_, claims) => {
  const { status, body } = await client.send('GET', '/app', { bearer: client.appJwt(claims) })
  expect({ status, body }).toEqual({ status: 200, body: expect.objectContaining({ id: 7, slug: 'tester' }) })
})

const UNDECODABLE = 'A JSON web token could not be decoded'
const EXP =
  "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
const IAT = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
const right = { iss: 7, iat: now - 60, exp: now + 540 }

test.each<[string, () => string | undefined, number, string]>([
  ['no credential', () => undefined, 401, UNDECODABLE],
  ['no JWT', () => 'eyJ', 401, UNDECODABLE],
  ['a payload that is no object', () => signAppJwt(7, github.app.privateKeyPem), 401, UNDECODABLE],
  ['four parts', () => `${client.appJwt()}.x`, 401, UNDECODABLE],
  [
    'another algorithm in its header',
    () => signAppJwt(right, github.app.privateKeyPem, { alg: 'RS512' }),
    401,
    UNDECODABLE,
  ],
  ['the algorithm none', () => signAppJwt(right, github.app.privateKeyPem, { alg: 'none' }), 401, UNDECODABLE],
  ["another App's key", () => signAppJwt(right, rsaKeyPem()), 401, UNDECODABLE],
  ['another App', () => client.appJwt({ iss: 8 }), 404, 'Integration not found'],
  ['no issuer', () => client.appJwt({ iss: undefined }), 404, 'Integration not found'],
  ['an end that has passed', () => client.appJwt({ exp: now }), 401, EXP],
  ['an end that is no number', () => client.appJwt({ exp: 'later' }), 401, EXP],
  [
    'an end too far ahead',
    () => client.appJwt({ exp: now + 601 }),
    401,
    "'Expiration time' claim ('exp') is too far in the future",
  ],
  ['a start in the future', () => client.appJwt({ iat: now + 1 }), 401, IAT],
  ['a start that is no number', () => client.appJwt({ iat: 'now' }), 401, IAT],
])('an App JWT with %s is refused', async (_, bearer, status, message) => {
  const jwt = bearer()
  const answer = await client.send('GET', '/app', jwt === undefined ? {} : { bearer: jwt })
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: {
      message,
      documentation_url: 'https://docs.github.com/rest/apps/apps#get-the-authenticated-app',
      status: String(status),
    },
  })
})

test('the private key is the PKCS#1 PEM that GitHub lets one download', () => {
  expect(github.app.privateKeyPem.split('\n')[0]).toBe('-----BEGIN RSA PRIVATE KEY-----')
})

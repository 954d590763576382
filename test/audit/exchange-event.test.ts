import { expect, test } from '@jest/globals'
import { exchangeEventData, exchangeEventSubject } from '../../src/audit/exchange-event.ts'
import { Denial } from '../../src/terms/denial.ts'
import { issuedRecord, refusedRecord } from './records.ts'

test('an issued token leaves who asked, what they got, and the hash of the token', () => {
  expect(exchangeEventData(issuedRecord())).toEqual({
    actor: { iss: 'https://issuer.example', sub: 'workload', claims: [{ name: 'environment', value: 'prod' }] },
    trust_policy: {
      issuer: 'https://issuer.example',
      subject_pattern: 'work.*',
      claim_pattern: { environment: 'prod' },
      permissions: { contents: 'read' },
    },
    installation_id: 7,
    scope: 'acme/app',
    identity: 'deploy',
    user_agent: 'grpc-go/1.70',
    token_sha256: 'aabb',
    time: '2026-11-23T10:00:00.000Z',
    request_id: 'request-1',
    policy: { repository: 'app', path: '.github/chainguard/deploy.sts.yaml', sha: 'abc123' },
    token_sha256_base64: 'qrs=',
    expires_at: '2026-11-23T11:00:00.000Z',
    permissions: { contents: 'read' },
    repositories: ['app'],
    jti: 'token-1',
    durations_ms: { verify: 1.5, mint: 10, total: 12.346 },
  })
})

test('a refusal before the token was verified names no actor', () => {
  const record = refusedRecord(
    new Denial('TOKEN_EXPIRED', 'unable to verify bearer token: expired', { cause: 'inner' }),
  )
  expect(exchangeEventData(record)).toEqual({
    scope: 'acme/app',
    identity: 'deploy',
    user_agent: 'grpc-go/1.70',
    error: 'unable to verify bearer token: expired',
    time: '2026-11-23T10:00:00.000Z',
    request_id: 'request-1',
    reason: 'TOKEN_EXPIRED',
    durations_ms: { total: 12.346 },
  })
})

test("what the organization's list says of the issuer, and permissions to rewrite the policy, are shown", () => {
  const issuerAllowlist = { mode: 'audit', allowed: false, iss: 'https://issuer.example\n' } as const
  const data = exchangeEventData(issuedRecord({ issuerAllowlist, selfWrite: ['contents', 'workflows'] }))
  expect(data['issuer_allowlist']).toEqual({ mode: 'audit', allowed: false, iss: 'https://issuer.example\\u{a}' })
  expect(data['self_write']).toEqual(['contents', 'workflows'])
})

test.each([
  [{ appId: 42 }, { app_id: 42 }],
  [{ lost: 'STORE_UNAVAILABLE' }, { lost: 'STORE_UNAVAILABLE' }],
] as const)('which App tokens with checks: write stay with is shown: %j', (affinity, shown) => {
  expect(exchangeEventData(issuedRecord({ affinity }))['affinity']).toEqual(shown)
})

test('where there is no permission to rewrite the policy, there is no member', () => {
  expect(exchangeEventData(issuedRecord({ selfWrite: [] }))).not.toHaveProperty('self_write')
})

test.each([
  ['exact', { app: 'octo-sts' }],
  ['pattern', { app_pattern: 'octo-sts' }],
] as const)('an App that the policy pins is shown (%s)', (kind, shown) => {
  const record = issuedRecord()
  if (record.trustPolicy === undefined) throw new Error('the record has a policy')
  const trustPolicy = { ...record.trustPolicy, app: { kind, source: 'octo-sts', size: 0, matches: () => true } }
  expect(exchangeEventData({ ...record, trustPolicy })['trust_policy']).toMatchObject(shown)
})

test('a stale policy is marked', () => {
  const policy = { path: 'p', repository: 'r', sha: 's', stale: true }
  expect(exchangeEventData(issuedRecord({ policy }))['policy']).toEqual({
    path: 'p',
    repository: 'r',
    sha: 's',
    stale: true,
  })
})

test.each([
  ['acme/app', 'deploy', 'acme/app/deploy'],
  ['a b', 'x"y', 'a%20b/x%22y'],
  ['a\r\nce-type: forged', '', 'a\\u{d}\\u{a}ce-type:%20forged/'],
  ['ümlaut', '100%', '%C3%BCmlaut/100%25'],
  ['\ud800', '', '\\u{d800}/'],
])('the subject of scope %j and identity %j can stand in a header', (scope, identity, subject) => {
  expect(exchangeEventSubject(issuedRecord({ scope, identity }))).toBe(subject)
})

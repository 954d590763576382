import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { logExchange } from '../../src/audit/exchange-log.ts'
import type { ExchangeRecord } from '../../src/exchange/record.ts'
import { Denial } from '../../src/terms/denial.ts'
import { issuedRecord, refusedRecord } from './records.ts'

function linesOf(record: ExchangeRecord): string[] {
  const lines: string[] = []
  const log = pino(
    { base: null, timestamp: false, messageKey: 'message' },
    { write: (line: string) => void lines.push(line) },
  )
  logExchange(log, record)
  return lines
}

test('an exchange is one line', () => {
  const [line = '', ...others] = linesOf(issuedRecord())
  expect(others).toEqual([])
  expect(JSON.parse(line)).toEqual({
    level: 30,
    message: 'token issued',
    request_id: 'request-1',
    protocol: 'grpc',
    scope: 'acme/app',
    identity: 'deploy',
    user_agent: 'grpc-go/1.70',
    actor: { iss: 'https://issuer.example', sub: 'workload', claims: [{ name: 'environment', value: 'prod' }] },
    jti: 'token-1',
    installation_id: 7,
    policy: { repository: 'app', path: '.github/chainguard/deploy.sts.yaml', sha: 'abc123' },
    repositories: ['app'],
    permissions: { contents: 'read' },
    token_sha256: 'aabb',
    token_sha256_base64: 'qrs=',
    expires_at: '2026-11-23T11:00:00.000Z',
    steps_ms: { verify: 1.5, mint: 10 },
    duration_ms: 12.346,
  })
})

test("what a policy's owner should look at is in the line", () => {
  const { trustPolicy, ...record } = issuedRecord()
  if (trustPolicy === undefined) throw new Error('the record has a policy')
  const warnings = [{ message: 'permission "keys" is not published', pointer: '/permissions/keys' }]
  const [line = ''] = linesOf({ ...record, trustPolicy: { ...trustPolicy, warnings } })
  expect(JSON.parse(line)['policy_warnings']).toEqual(['permission "keys" is not published'])
})

test("what the organization's list says of the issuer, and permissions to rewrite the policy, are in the line", () => {
  const issuerAllowlist = { mode: 'absent', allowed: true, iss: 'https://issuer.example' } as const
  const [line = ''] = linesOf(issuedRecord({ issuerAllowlist, selfWrite: ['administration'] }))
  expect(JSON.parse(line)).toMatchObject({ issuer_allowlist: issuerAllowlist, self_write: ['administration'] })
})

test.each([
  [{ appId: 7 }, { app_id: 7 }],
  [{ lost: 'STORE_UNAVAILABLE' }, { lost: 'STORE_UNAVAILABLE' }],
] as const)('which App the tokens of a caller stay with is in the line: %j', (affinity, expected) => {
  const [line = ''] = linesOf(issuedRecord({ affinity }))
  expect(JSON.parse(line)['affinity']).toEqual(expected)
})

test('a refusal by the policy shows every rule with what it expected', () => {
  const evaluation = {
    allowed: false,
    alternatives: [
      {
        allowed: false,
        rules: [
          { rule: 'subject', claim: 'sub', failure: 'SUBJECT_MISMATCH', expected: 'other', actual: 'workload' },
          { rule: 'claim', claim: 'ref', failure: 'CLAIM_MISSING', expected: 'main', actual: undefined },
        ],
      },
    ],
  } as const
  const [line = ''] = linesOf(issuedRecord({ evaluation, denial: new Denial('SUBJECT_MISMATCH', 'trust policy: no') }))
  expect(JSON.parse(line)).toMatchObject({
    message: 'exchange refused',
    reason: 'SUBJECT_MISMATCH',
    error: 'trust policy: no',
    verdicts: [
      {
        allowed: false,
        rules: [
          { rule: 'subject', claim: 'sub', failure: 'SUBJECT_MISMATCH', expected: 'other', actual: 'workload' },
          { rule: 'claim', claim: 'ref', failure: 'CLAIM_MISSING', expected: 'main' },
        ],
      },
    ],
  })
})

test('no text of a stranger forges a line or hides in one', () => {
  const scope = 'a\n{"level":30,"message":"token issued"}\u2028\u202e\u0000\ud800'
  const lines = linesOf(refusedRecord(new Denial('SCOPE_MALFORMED', 'no'), { scope, userAgent: 'x'.repeat(2_000_000) }))
  expect(lines).toHaveLength(1)
  const line = lines[0] ?? ''
  expect(line.trimEnd()).not.toMatch(/[\n\u2028\u202e\0]/)
  expect(line.length).toBeLessThan(3_000)
  expect(JSON.parse(line).scope).toBe('a\\u{a}{"level":30,"message":"token issued"}\\u{2028}\\u{202e}\\u{0}\\u{d800}')
})

test('a defect is an error with its stack, a refusal says why without one', () => {
  const defect = new Denial('INTERNAL', 'internal error', { cause: new TypeError('x is not a function') })
  expect(JSON.parse(linesOf(refusedRecord(defect))[0] ?? '')).toMatchObject({
    level: 50,
    cause: { name: 'TypeError', message: 'x is not a function', stack: expect.stringContaining('exchange-log.test') },
  })
  const cause = Object.assign(new Error('connect refused'), {
    code: 'ECONNREFUSED',
    headers: { authorization: 'secret' },
  })
  const [line = ''] = linesOf(refusedRecord(new Denial('GITHUB_UNAVAILABLE', 'no answer', { cause })))
  expect(JSON.parse(line)).toMatchObject({ level: 30, cause: { message: 'connect refused', code: 'ECONNREFUSED' } })
  expect(line).not.toContain('secret')
})

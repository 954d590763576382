import { expect, test } from '@jest/globals'
import { policyEventData, policyEventSubject } from '../../src/audit/policy-event.ts'
import type { PolicyChange } from '../../src/terms/policy-change.ts'

const CHANGE: PolicyChange = {
  org: 'acme',
  repo: 'app',
  ref: 'refs/heads/main',
  commit: 'b'.repeat(40),
  before: 'a'.repeat(40),
  actor: 'octocat',
  pusher: 'octocat',
  forced: false,
  path: '.github/chainguard/ci.sts.yaml',
  action: 'modified',
  valid: true,
  error: undefined,
  time: new Date('2026-11-23T10:00:00Z'),
}

test('the event of a changed policy', () => {
  expect(policyEventData(CHANGE)).toEqual({
    org: 'acme',
    repo: 'app',
    ref: 'refs/heads/main',
    commit: 'b'.repeat(40),
    before: 'a'.repeat(40),
    actor: 'octocat',
    pusher: 'octocat',
    forced: false,
    path: '.github/chainguard/ci.sts.yaml',
    action: 'modified',
    valid: true,
    time: '2026-11-23T10:00:00.000Z',
  })
  expect(policyEventSubject(CHANGE)).toBe('acme/app/.github/chainguard/ci.sts.yaml')
})

test("strangers' characters are written out, and long texts cut", () => {
  const change = { ...CHANGE, pusher: 'a\u202eb\n', valid: false, error: 'x'.repeat(600), path: 'ü\n' }
  expect(policyEventData(change)).toMatchObject({
    pusher: 'a\\u{202e}b\\u{a}',
    valid: false,
    error: 'x'.repeat(512),
  })
  expect(policyEventSubject(change)).toMatch(/^[\x21-\x7e]+$/)
})

import { expect, test } from '@jest/globals'
import { policyDocument } from '../../src/audit/policy-document.ts'
import { compilePolicy } from '../../src/policy/compile.ts'

function documentOf(text: string): Record<string, unknown> {
  const compilation = compilePolicy(text, 'organization')
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.findings))
  return policyDocument(compilation.policy)
}

test('a policy of the reference, as its own events have it', () => {
  const text =
    'issuer: i\nsubject_pattern: s.*\naudience: a\nclaim_pattern: {x: y}\npermissions: {contents: read}\nrepositories: [b]'
  expect(documentOf(text)).toEqual({
    issuer: 'i',
    subject_pattern: 's.*',
    audience: 'a',
    claim_pattern: { x: 'y' },
    permissions: { contents: 'read' },
    repositories: ['b'],
  })
})

test('every word of ours', () => {
  const text = `
issuer: i
github_actions: {ref: x}
claims: {a: b, c: [d, e], /f/g: {pattern: h}}
forbidden_claims: {__proto__: k}
permissions: {contents: read}
repository_patterns: [l.*]
not_before: 2026-01-01T00:00:00Z
expires: 2027-01-01T00:00:00+01:00
refresh: {max_age: 1h30m}
single_use: true`
  expect(JSON.parse(JSON.stringify(documentOf(text)))).toEqual(
    JSON.parse(`{
      "issuer": "i",
      "claims": {"a": "b", "c": ["d", "e"], "/f/g": {"pattern": "h"}},
      "github_actions": {"ref": "x"},
      "forbidden_claims": {"__proto__": "k"},
      "permissions": {"contents": "read"},
      "repository_patterns": ["l.*"],
      "not_before": "2026-01-01T00:00:00Z",
      "expires": "2027-01-01T00:00:00+01:00",
      "refresh": {"max_age": "5400s"},
      "single_use": true
    }`),
  )
})

test('several alternatives stand under rules', () => {
  const text = 'rules: [{issuer: a, subject: b}, {issuer: c, subject_pattern: d}]\npermissions: {contents: read}'
  expect(documentOf(text)).toEqual({
    rules: [
      { issuer: 'a', subject: 'b' },
      { issuer: 'c', subject_pattern: 'd' },
    ],
    permissions: { contents: 'read' },
  })
})

test('what is written is a policy of the same meaning', () => {
  const text = `
rules:
- {issuer: i, subject: s, claims: {a: [b], c: {pattern: d}}}
- {issuer: i, github_actions: {repository_id: 1}, forbidden_claims: {e: f}}
permissions: {contents: read}
refresh: {max_age: 1.5h}
single_use: true`
  const document = documentOf(text)
  expect(documentOf(JSON.stringify(document))).toEqual(document)
})

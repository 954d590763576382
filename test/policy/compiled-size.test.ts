import { expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import { compileTrustedIssuers } from '../../src/policy/compile-trusted-issuers.ts'
import { policyBytes, trustedIssuersBytes } from '../../src/policy/compiled-size.ts'

const HEAD = 'issuer: https://issuer.example\npermissions: {contents: read}\n'
const KIB = 1024

/** Bytes beside those of the text and of objects, which no pattern has a part in. */
function heldBy(rules: string): number {
  const text = HEAD + rules
  return policyBytes(compilePolicy(text, 'organization'), text) - 2 * text.length
}

test.each([
  ['texts', 'subject: repo:acme/app\n', 0],
  ['a pattern without metacharacters', 'subject_pattern: repo:acme/app\n', 0],
  ['a pattern', 'subject_pattern: a|b\n', 1],
  ['three patterns', 'subject_pattern: a|b\nclaim_pattern: {ref: c|d, sha: "[0-9a-f]"}\n', 3],
  ['patterns of every kind', 'subject_pattern: a|b\naudience_pattern: a|b\nrepository_patterns: [a|b]\n', 3],
  [
    'patterns of the other words',
    'subject: x\nclaims: {ref: {pattern: a|b}}\nforbidden_claims: {sha: {pattern: a|b}}\n',
    2,
  ],
  ['the pin of an App', 'subject: x\napp_pattern: a|b\n', 1],
])('a policy with %s counts those', (_, rules, patterns) => {
  expect(Math.floor(heldBy(rules) / (16 * KIB))).toBe(patterns)
})

test('each instruction of a pattern counts', () => {
  const short = heldBy('subject_pattern: "[ab]{10}"\n')
  expect(heldBy('subject_pattern: "[ab]{110}"\n') - short).toBe(200 * 100)
})

test('the text counts, whatever comes of it', () => {
  const text = `subject: [${'x'.repeat(10_000)}`
  const bytes = policyBytes(compilePolicy(text, 'repository'), text)
  expect(bytes).toBeGreaterThan(20_000)
  expect(bytes).toBeLessThan(30_000)
})

test('a list of trusted issuers counts its patterns', () => {
  const text = 'issuer_patterns: ["https://[a-z]+[.]example", "https://[0-9]+[.]example"]\n'
  const compilation = compileTrustedIssuers(text)
  const bytes = compilation.ok ? trustedIssuersBytes(compilation.list) : 0
  expect(bytes).toBeGreaterThan(32 * KIB)
  expect(bytes).toBeLessThan(64 * KIB)
})

import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import type { PolicyKind } from '../../src/policy/trust-policy.ts'

const EXAMPLES = [...readFileSync('docs/policies.md', 'utf8').matchAll(/```yaml( organization)?\n([\s\S]*?)```/g)].map(
  ([, organization, text = '']): readonly [string, PolicyKind] => [
    text,
    organization === undefined ? 'repository' : 'organization',
  ],
)

test('docs/policies.md has examples', () => {
  expect(EXAMPLES).toHaveLength(11)
})

test.each(EXAMPLES)('an example of docs/policies.md is a valid policy: %s', (text, kind) => {
  const compilation = compilePolicy(text, kind)
  expect(compilation.ok ? compilation.policy.warnings : compilation.findings).toEqual([])
})

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import { compileTrustedIssuers } from '../../src/policy/compile-trusted-issuers.ts'
import { lintPolicy, lintTrustedIssuers } from '../../src/policy/lint.ts'
import { slashFault } from '../../src/policy/pattern-slashes.ts'
import type { PolicyKind } from '../../src/policy/trust-policy.ts'

const PAGE = readFileSync('docs/policies.md', 'utf8')
const EXAMPLES = [...PAGE.matchAll(/```yaml(?: ([a-z-]+))?\n([\s\S]*?)```/g)].map(
  ([, kind = 'repository', text = '']) => ({ kind, text }),
)
const POLICIES = EXAMPLES.flatMap(({ kind, text }): readonly (readonly [string, PolicyKind])[] =>
  kind === 'repository' || kind === 'organization' ? [[text, kind]] : [],
)
const LISTS = EXAMPLES.filter(({ kind }) => kind === 'trusted-issuers').map(({ text }) => text)
/** In a table of Markdown a bar is escaped. */
const PATTERNS = [...PAGE.matchAll(/^\| `(https:.+?)` +\| (accepted|refused):/gm)].map(
  ([, pattern = '', verdict = '']): readonly [string, string] => [pattern.replaceAll('\\|', '|'), verdict],
)

test('docs/policies.md has examples, and of no unknown kind', () => {
  expect(POLICIES).toHaveLength(12)
  expect(LISTS).toHaveLength(1)
  expect(PATTERNS).toHaveLength(8)
  expect(EXAMPLES).toHaveLength(13)
})

test.each(POLICIES)('an example of docs/policies.md is a valid policy: %s', (text, kind) => {
  const compilation = compilePolicy(text, kind)
  expect(compilation.ok ? compilation.policy.warnings : compilation.findings).toEqual([])
})

test.each(LISTS)('an example of docs/policies.md is a valid list of trusted issuers: %s', (text) => {
  expect(compileTrustedIssuers(text).ok).toBe(true)
  expect(lintTrustedIssuers(text)).toMatchObject({ errors: [], warnings: [] })
})

test.each(PATTERNS)('docs/policies.md says of the pattern %s: %s', (pattern, verdict) => {
  expect(slashFault(pattern) === undefined ? 'accepted' : 'refused').toBe(verdict)
})

describe('the examples are good examples, but for what they show', () => {
  const guardrails = {
    repoPolicyOrgPermissions: 'read',
    maxPermissions: undefined,
    selfWrite: 'deny',
    policySources: 'both',
  } as const

  test.each(POLICIES)('%s', (text, kind) => {
    const { errors, warnings } = lintPolicy(text, { kind, guardrails, owner: 'acme' })
    const said = [...errors, ...warnings].map(({ message }) => message)
    expect(said.filter((message) => !SHOWN.some((shown) => message.includes(shown)))).toEqual([])
  })
})

/** A policy that can rewrite itself is the shortest there is, and names without ids are what a section is about. */
const SHOWN = ['could rewrite the policy', 'on GitHub by name only']

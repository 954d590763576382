import { expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import { compiledBytes } from '../../src/policy/compiled-size.ts'

const HEAD = 'issuer: https://issuer.example\npermissions: {contents: read}\n'

/** Rows: a policy's text, about how much memory it takes. */
test.each<readonly [string, string, number]>([
  ['texts alone', 'subject: me\n', 2_648],
  ['a pattern that is a text', 'subject_pattern: ^me$\n', 2_652],
  ['a pattern', 'subject_pattern: me.*\n', 19_852],
  [
    'forty patterns',
    `subject: me\nclaim_pattern: {${Array.from({ length: 40 }, (_, n) => `c${n}: a.`).join(', ')}}\n`,
    686_808,
  ],
  ['no policy at all', 'subject: [\n', 2_400],
])('%s', (_, rules, bytes) => {
  expect(compiledBytes(compilePolicy(HEAD + rules, 'organization'))).toBe(bytes)
})

import { describe, expect, test } from '@jest/globals'
import { compilePolicy } from '../../src/policy/compile.ts'
import { compilePattern } from '../../src/policy/pattern.ts'
import { programEstimate } from '../../src/policy/program-estimate.ts'

const TOO_LARGE = 'is too large once its repetitions are written out'

/** Instructions, and what reading costs beside them; each was measured to take some microseconds of the engine's time. */
test.each<readonly [string, number]>([
  ['abc', 3],
  ['(?:a|b){3}', 21],
  ['[a-z0-9_-]{1,39}', 40],
  ['[\\w.-]{1,100}', 100],
  ['[[:alpha:]\\d]{50}', 51],
  ['\\pL', 65],
  ['\\pL{100}', 560],
  ['[\\pL\\pN_-]{1,64}', 441],
  [`[${'\\pL'.repeat(100)}]`, 6042],
  ['(?i)[a-z]', 6],
  ['(?i)[a-\\x{10ffff}]', 44_567],
  ['(?i:[\\x61-\\x{10ffff}])', 44_569],
  ['(?i)[\\141-\\777]', 44_569],
])('%s', (pattern, instructions) => {
  expect(programEstimate(pattern)).toBe(instructions)
})

describe('what takes the engine long to read is not handed to it', () => {
  test.each([
    ['a class of many classes', `[${'\\pL\\PN'.repeat(50)}]`],
    ['a wide range, whatever its case', '(?i)[a-\\x{10ffff}]'],
    ['many such ranges in a group', `(?i:${'[a-\\x{10ffff}]'.repeat(200)})`],
  ])('%s', (_, pattern) => {
    expect(compilePattern(pattern)).toEqual({ ok: false, fault: TOO_LARGE, size: 1 })
  })

  test.each([
    ['names of people', '[\\pL\\pN ._-]{1,64}'],
    ['names of branches', 'refs/heads/(?:main|release/[\\w.-]{1,100})'],
    ['a range whose case counts', '[a-\\x{10ffff}]+'],
  ])('%s are', (_, pattern) => {
    expect(compilePattern(pattern)).toMatchObject({ ok: true })
  })
})

const HEAD = 'issuer: https://issuer.example\nsubject: me\npermissions: {contents: read}\n'

test('all patterns of a policy together are bounded, small ones too', () => {
  const rules = (count: number) => Array.from({ length: count }, (_, index) => `  c${index}: a.${index}\n`).join('')
  expect(compilePolicy(`${HEAD}claim_pattern:\n${rules(100)}`, 'repository').ok).toBe(true)
  const compilation = compilePolicy(`${HEAD}claim_pattern:\n${rules(200)}`, 'repository')
  expect(compilation.ok ? [] : compilation.findings.slice(0, 1)).toMatchObject([
    { message: expect.stringContaining('is one pattern too many: all patterns of the file together are too large') },
  ])
})

test('so are the keys and values of a file', () => {
  const list = (count: number) => `${HEAD}claims: {x: [${Array.from({ length: count }, () => '1').join(',')}]}\n`
  expect(compilePolicy(list(4_000), 'repository').ok).toBe(true)
  expect(compilePolicy(list(9_000), 'repository')).toEqual({
    ok: false,
    stage: 'parse',
    findings: [{ message: 'the file has more than 8192 keys and values', pointer: '' }],
  })
})

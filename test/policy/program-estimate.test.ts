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
  [`[${'\\pL'.repeat(100)}]`, 6046],
  [`[${'ac'.repeat(32)}]{100}`, 208],
  ['(?i)\\W\\d', 10],
  ['(?i)[\\W\\d]', 9],
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
    ['copies of a class of many ranges', `[${'acegikmo'.repeat(480)}]{1000}`],
    ['copies of a class of few ranges, whatever their case', `(?i)${'[\\W\\d]'.repeat(400)}`],
    ['many such ranges in a group', `(?i:${'[a-\\x{10ffff}]'.repeat(200)})`],
  ])('%s', (_, pattern) => {
    expect(compilePattern(pattern)).toEqual({ ok: false, fault: TOO_LARGE, size: 1 })
  })

  test.each([
    ['names of people', '[\\pL\\pN ._-]{1,64}'],
    ['names of branches', 'refs/heads/(?:main|release/[\\w.-]{1,100})'],
    ['names of one of each character', '[ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-]{1,255}'],
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

describe('so are the pieces of a file, before it is parsed', () => {
  const TOO_MANY = [{ message: 'the file has more than 4096 lines, keys and entries', pointer: '' }]
  /** Rows: the file, and how often its piece may stand in it and may not. */
  test.each<readonly [string, string, number, number]>([
    ['values of a list', '1,', 4070, 4100],
    ['texts of a list', '"a",', 4070, 4100],
    ['lists', '[],', 2030, 2050],
    ['keys', 'a: 1,', 2030, 2050],
    ['keys as JSON has them', '"a":1,', 2030, 2050],
    ['keys that stand alone', '? a,', 2030, 2050],
  ])('%s', (_, piece, most, tooMany) => {
    const file = (count: number) => compilePolicy(`${HEAD}x: [${piece.repeat(count)}]\n`, 'repository')
    expect(file(most)).toMatchObject({ ok: false, findings: [{ message: 'unknown field "x"' }] })
    expect(file(tooMany)).toEqual({ ok: false, stage: 'parse', findings: TOO_MANY })
  })

  test.each<readonly [string, string, number]>([
    ['lines', '\n', 4100],
    ['lines of another system', '\r', 4100],
    ['lines of a list', '- a\n', 2050],
    ['documents', '---\n', 1030],
  ])('%s', (_, piece, tooMany) => {
    expect(compilePolicy(piece.repeat(tooMany), 'repository')).toMatchObject({ findings: TOO_MANY })
    expect(compilePolicy(piece.repeat(tooMany - 40), 'repository')).not.toMatchObject({ findings: TOO_MANY })
  })
})

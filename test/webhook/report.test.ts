import { expect, test } from '@jest/globals'
import { reportOf } from '../../src/webhook/report.ts'
import type { Verdict } from '../../src/webhook/verdict.ts'

const verdict = (change: Partial<Verdict> = {}): Verdict => ({
  path: '.github/chainguard/ci.sts.yaml',
  action: 'modified',
  kind: 'policy',
  errors: [],
  warnings: [],
  ...change,
})
const finding = (message: string, line = 1) => ({ message, pointer: '', line, column: 2 })

test.each([
  ['nothing', [], [], 'success', 'no trust policy is changed'],
  ['one good policy', [verdict()], [], 'success', '1 file checked'],
  ['a removed policy', [verdict({ action: 'removed' })], [], 'success', '1 file removed'],
  ['a warning', [verdict({ warnings: [finding('x')] })], [], 'success', '1 file checked, 1 warning'],
  [
    'only a misplaced file',
    [verdict({ kind: 'misplaced', warnings: [finding('x')] })],
    [],
    'success',
    'no trust policy is changed, 1 warning',
  ],
  ['one bad of two', [verdict({ errors: [finding('x')] }), verdict()], [], 'failure', '1 file of 2 can not be used'],
  ['a gap', [], ['Too much.'], 'failure', 'not all could be checked'],
  ['a gap beside a good policy', [verdict()], ['Too much.'], 'failure', 'not all could be checked'],
] as const)('%s', (_what, verdicts, gaps, conclusion, title) => {
  expect(reportOf({ verdicts, gaps, notes: [] })).toMatchObject({ conclusion, title })
})

test('errors come before warnings, and no more than 500 annotations', () => {
  const many = Array.from({ length: 400 }, (_, index) => finding(`warning ${index}`))
  const { annotations, summary } = reportOf({
    verdicts: [verdict({ warnings: many }), verdict({ errors: many.slice(0, 200), warnings: many })],
    gaps: [],
    notes: [],
  })
  expect(annotations).toHaveLength(500)
  expect(annotations.slice(0, 201).map(({ level }) => level)).toEqual([...Array(200).fill('failure'), 'warning'])
  expect(summary).toContain('500 more remarks are not shown as annotations.')
})

test('a finding without a place is shown at the first line, and one of a removed file nowhere', () => {
  const { annotations } = reportOf({
    verdicts: [
      verdict({ errors: [{ message: 'x', pointer: '' }] }),
      verdict({ action: 'removed', warnings: [finding('y')] }),
    ],
    gaps: [],
    notes: [],
  })
  expect(annotations).toEqual([
    { path: '.github/chainguard/ci.sts.yaml', line: 1, column: undefined, level: 'failure', message: 'x' },
  ])
})

test("a stranger's text is no Markdown, no mention and no HTML", () => {
  const { summary } = reportOf({
    verdicts: [
      verdict({
        path: '.github/chainguard/`<b>`.yaml',
        errors: [finding('"[a](https://evil) @acme/all <img> \u202e"')],
      }),
    ],
    gaps: [],
    notes: [],
  })
  expect(summary).not.toMatch(/\]\(|@acme|<img|https:|\u202e/)
  expect(summary.split('\n')[0]).toBe('- `.github/chainguard/\u2019<b>\u2019.yaml`: **invalid**')
})

test('the summary stays below what GitHub takes', () => {
  const verdicts = Array.from({ length: 200 }, () => verdict({ errors: Array(100).fill(finding('x'.repeat(3_000))) }))
  expect(reportOf({ verdicts, gaps: [], notes: [] }).summary.length).toBeLessThan(65_535)
})

import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { createLog } from '../../src/runtime/log.ts'
import { eventually } from '../support/eventually.ts'

const folder = mkdtempSync(join(tmpdir(), 'octo-sts-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

const LOG = new URL('../../src/runtime/log.js', import.meta.url).href

/** A process that writes a hundred lines and then ends in that way; gives the numbers of the lines that came out. */
function linesOfProcess(ending: string): number[] {
  const source = `
    import { createLog } from ${JSON.stringify(LOG)}
    const log = createLog('info')
    for (let line = 0; line < 100; line += 1) log.info({ line }, 'a line')
    ${ending}`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], { encoding: 'utf8' })
  return stdout
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => Number((JSON.parse(text) as { line: number }).line))
}

describe('no line is lost when a process ends', () => {
  test.each([
    ['by itself', ''],
    ['by process.exit', 'process.exit(1)'],
    ['by an error that nobody catches', 'throw new Error("a defect")'],
    ['by a rejection that nobody handles', 'await Promise.reject(new Error("a defect"))'],
    [
      'by SIGTERM, that it takes',
      'process.on("SIGTERM", () => process.exit(0)); process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)',
    ],
    ['at once, after a fatal line', 'log.fatal({ line: 100 }, "the last"); process.kill(process.pid, "SIGKILL")'],
  ])('%s', (_, ending) => {
    const lines = linesOfProcess(ending)
    expect(lines.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_each, line) => line))
  })
})

function openFile(name: string) {
  const path = join(folder, name)
  const fd = openSync(path, 'w')
  return { fd, text: () => readFileSync(path, 'utf8'), [Symbol.dispose]: () => closeSync(fd) }
}

test('lines are written some at a time, in their order, without being asked for', async () => {
  using file = openFile('batches')
  const log = createLog('info', file.fd)
  log.info('first')
  log.info('second')
  expect(file.text()).toBe('')
  await eventually(() => expect(file.text()).not.toBe(''))
  expect(
    file
      .text()
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { message: string }).message),
  ).toEqual(['first', 'second'])
})

test('many of them are not kept waiting', () => {
  using file = openFile('many')
  const log = createLog('info', file.fd)
  for (let line = 0; line < 1_000; line += 1) log.info('x'.repeat(100))
  const length = file.text().length
  expect(length).toBeGreaterThan(100_000)
  log.flush()
  expect(file.text().length - length).toBeLessThan(16_384)
  expect(file.text().trim().split('\n')).toHaveLength(1_000)
})

test('a value of a megabyte is one line', () => {
  using file = openFile('large')
  const log = createLog('info', file.fd)
  log.info({ value: 'x'.repeat(1_048_576) }, 'large')
  expect((JSON.parse(file.text()) as { value: string }).value).toHaveLength(1_048_576)
})

test('a level that is off writes nothing', () => {
  using file = openFile('silent')
  const log = createLog('silent', file.fd)
  log.fatal('unheard')
  log.flush()
  expect(file.text()).toBe('')
})

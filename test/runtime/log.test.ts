import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { createLog, writeLine } from '../../src/runtime/log.ts'
import { eventually } from '../support/eventually.ts'

const folder = mkdtempSync(join(tmpdir(), 'octo-sts-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

const LOG = new URL('../../src/runtime/log.js', import.meta.url).href

/** A process that writes a hundred lines and then ends in that way; gives the numbers of the lines that came out. */
function linesOfProcess(ending: string): number[] {
  const source = `
    import { createLog, writeLine } from ${JSON.stringify(LOG)}
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

test.each<[string, Record<string, unknown>]>([
  ['texts, numbers, lists and objects', { a: 'b', n: 1.5, list: ['x', 2], inner: { deep: { yes: true } }, none: null }],
  ['members that are undefined', { a: undefined, b: { c: undefined }, d: 1 }],
  ['what must be escaped', { text: '"\\\n\u2028\ud800é', '"key"\n': '\u0000' }],
  ['no members', {}],
  ['what has no JSON', { big: { number: 1n }, a: 1 }],
  ['what leads back to itself', { circle: circle() }],
])('a line that is written at once is the one that pino writes: %s', (_, fields) => {
  using file = openFile('same')
  const log = createLog('info', file.fd)
  log.info(fields, 'a "message"')
  writeLine(log, 'info', fields, 'a "message"')
  writeLine(log, 'error', fields, 'a "message"')
  log.error(fields, 'a "message"')
  log.flush()
  const [first, second, third, fourth, ...others] = file
    .text()
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/"time":"[^"]+"/, ''))
  expect(second).toBe(first)
  expect(third).toBe(fourth)
  expect(third).toMatch(/^\{"level":"error"/)
  expect(others).toEqual([])
})

test('a line below the level is not written', () => {
  using file = openFile('silent')
  const log = createLog('error', file.fd)
  writeLine(log, 'info', { a: 1 }, 'nothing')
  writeLine(log, 'error', { a: 1 }, 'something')
  log.flush()
  expect(file.text().trimEnd().split('\n')).toHaveLength(1)
})

function circle(): object {
  const made: { self?: object } = {}
  made.self = made
  return made
}

import { execFileSync } from 'node:child_process'
import { expect, test } from '@jest/globals'

const SMALL_HEAP = new URL('../../src/runtime/small-heap.js', import.meta.url).href
const SESSION_STREAMS = new URL('../../src/wire/session-streams.js', import.meta.url).href

/** Much survives for a while, and what ends is old: both generations grow as far as they may. Tells their sizes in MB. */
const PROGRAM = `
import { getHeapSpaceStatistics } from 'node:v8'
if (process.argv[1] === 'small') (await import(${JSON.stringify(SMALL_HEAP)})).keepHeapSmall()
const kept = []
let most = 0
for (let turn = 0; turn < 500; turn += 1) {
  for (let n = 0; n < 4_000; n += 1) kept[(turn * 4_000 + n) % 100_000] = { turn, n, text: [turn, n] }
  await new Promise(setImmediate)
  const sizes = Object.fromEntries(getHeapSpaceStatistics().map((space) => [space.space_name, space]))
  if (turn > 250) most = Math.max(most, sizes.old_space.space_size) // what is kept stays the same from then on
  var young = sizes.new_space.space_used_size + sizes.new_space.space_available_size
}
console.log(JSON.stringify({ young: young / 1024 ** 2, old: most / 1024 ** 2 }))
`

/** Requests over HTTP/2, whose headers only a major collection finds to be garbage. Tells the most outside of the heap in MB. */
const OUTSIDE = `
import { connect, createServer } from 'node:http2'
import { getHeapStatistics } from 'node:v8'
if (process.argv[1] === 'small') (await import(${JSON.stringify(SMALL_HEAP)})).keepHeapSmall()
const { letStreamsGo } = await import(${JSON.stringify(SESSION_STREAMS)})
const server = createServer()
server.on('session', letStreamsGo)
server.on('stream', (stream) => {
  stream.respond({ ':status': 200 })
  stream.end()
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const client = connect('http://127.0.0.1:' + server.address().port)
let outside = 0
const ask = (index) => new Promise((resolve) => {
  const stream = client.request({ authorization: String(index).padEnd(12_000, 'x') })
  stream.on('close', resolve).resume()
})
for (let turn = 0; turn < 500; turn += 1) {
  await Promise.all(Array.from({ length: 16 }, (_, index) => ask(turn * 16 + index)))
  outside = Math.max(outside, getHeapStatistics().external_memory)
}
client.close()
server.close()
console.log(JSON.stringify({ outside: outside / 1024 ** 2 }))
`

function run<T>(program: string, ...args: string[]): T {
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', program, ...args], { encoding: 'utf8' }),
  )
}
const sizes = (...args: string[]) => run<{ readonly young: number; readonly old: number }>(PROGRAM, ...args)

test('both generations stay smaller than V8 would have them', () => {
  const usual = sizes()
  const several = Array.from({ length: 5 }, () => sizes('small'))
  const middle = (of: 'young' | 'old') => several.map((one) => one[of]).toSorted((one, other) => one - other)[2] ?? 0
  expect(usual.young).toBeGreaterThan(12)
  expect(middle('young')).toBeGreaterThan(2) // it may grow
  expect(middle('young')).toBeLessThanOrEqual(8) // but for a moment
  expect(middle('old')).toBeLessThan(64) // V8 by itself lets it grow to 70 or 80, but for once in a while
})

test('what is garbage outside of the heap is found before there is much of it', () => {
  const [usual, small] = [[], ['small']].map((args) => run<{ readonly outside: number }>(OUTSIDE, ...args).outside)
  expect(usual).toBeGreaterThan(15) // up to 64 where less of the heap becomes old
  expect(small).toBeLessThan(15)
})

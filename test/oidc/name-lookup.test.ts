import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createLookup, type Lookup } from '../../src/oidc/name-lookup.ts'

const [A, AAAA] = [1, 28] as const
const V4 = [192, 0, 2, 7]
const V6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
const NO_SUCH_NAME = 3
const SERVER_FAILURE = 2

/** What the name server says of a name (the first label) to a question for A and for AAAA: an address, a code, or nothing at all. */
const ANSWERS: Readonly<Record<string, readonly [Said, Said]>> = {
  both: [V4, V6],
  four: [V4, 'none'],
  six: ['none', V6],
  none: ['none', 'none'],
  half: [V4, SERVER_FAILURE],
  unknown: [NO_SUCH_NAME, NO_SUCH_NAME],
  broken: [SERVER_FAILURE, SERVER_FAILURE],
  unsure: ['none', SERVER_FAILURE],
  silent: ['silence', 'silence'],
}
type Said = readonly number[] | number | 'none' | 'silence'

let server: Socket
let lookup: Lookup

beforeAll(async () => {
  server = createSocket('udp4', (question, { port, address }) => {
    const answer = answerTo(question)
    if (answer !== undefined) server.send(answer, port, address)
  })
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  lookup = createLookup({ servers: [`127.0.0.1:${server.address().port}`], tryMs: 50 })
})
afterAll(() => void server.close())

/** RFC 1035 §4.1. */
function answerTo(question: Buffer): Buffer | undefined {
  const end = question.indexOf(0, 12) + 5
  const first = question.toString('latin1', 13, 13 + (question[12] ?? 0))
  const type = question.readUInt16BE(end - 4)
  const said = ANSWERS[first]?.[type === AAAA ? 1 : 0] ?? NO_SUCH_NAME
  if (said === 'silence') return undefined
  const data = typeof said === 'object' ? said : undefined
  const header = Buffer.alloc(12)
  question.copy(header, 0, 0, 2)
  header.writeUInt16BE(0x8180 + (typeof said === 'number' ? said : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(data === undefined ? 0 : 1, 6)
  if (data === undefined) return Buffer.concat([header, question.subarray(12, end)])
  const record = [0xc0, 12, 0, type === AAAA ? AAAA : A, 0, 1, 0, 0, 0, 60, 0, data.length, ...data]
  return Buffer.concat([header, question.subarray(12, end), Buffer.from(record)])
}

const NOWHERE = { loopback: false, privateNetworks: false }
const FOUR = { address: '192.0.2.7', family: 4 }
const SIX = { address: '2001:db8::1', family: 6 }

async function looked(name: string): Promise<unknown> {
  try {
    return await lookup(`${name}.issuer.example`, NOWHERE)
  } catch (error) {
    return (error as { code?: string }).code
  }
}

test.each<readonly [string, unknown]>([
  ['both', [FOUR, SIX]],
  ['four', [FOUR]],
  ['six', [SIX]],
  ['half', [FOUR]],
  ['none', 'ENODATA'],
  ['unknown', 'ENOTFOUND'],
  ['broken', 'ESERVFAIL'],
  ['unsure', 'ESERVFAIL'],
])("a stranger's name is asked for at the name server: %s", async (name, expected) => {
  expect(await looked(name)).toEqual(expected)
})

test('names that no server answers for keep no thread from others', async () => {
  let ended = 0
  const silent = Array.from({ length: 64 }, () =>
    looked('silent').then((code) => (ended += code === 'ETIMEOUT' ? 1 : 0)),
  )
  expect(await lookup('localhost', { loopback: true, privateNetworks: false })).not.toEqual([])
  expect(ended).toBe(0)
  await Promise.all(silent)
  expect(ended).toBe(64)
})

test.each([
  ['to this machine', { loopback: true, privateNetworks: false }],
  ['into private networks', { loopback: false, privateNetworks: true }],
])('a name that may lead %s is looked up as this machine does', async (_, permission) => {
  const addresses = await lookup('localhost', permission)
  expect(addresses).toContainEqual({ address: '127.0.0.1', family: 4 })
})

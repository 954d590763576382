import { once } from 'node:events'
import {
  type ClientHttp2Stream,
  connect,
  createServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { PassingMap } from '../../src/runtime/passing-map.ts'
import { letStreamsGo } from '../../src/wire/session-streams.ts'

/** Where Node keeps what is open in a session. */
function tableOf(session: object): unknown {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state')
  return symbol === undefined ? undefined : Reflect.get(Reflect.get(session, symbol), 'streams')
}

async function open(streams: number) {
  const server = createServer()
  const served: ServerHttp2Stream[] = []
  const sessions: ServerHttp2Session[] = []
  server.on('session', (session) => {
    letStreamsGo(session)
    sessions.push(session)
  })
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    served.push(stream)
    stream.respond({ ':status': 200 })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.on('error', () => {})
  const asked: ClientHttp2Stream[] = []
  for (let index = 0; index < streams; index += 1) {
    const stream = client.request({ ':path': `/${index}` })
    stream.on('error', () => {}).resume()
    await once(stream, 'response')
    asked.push(stream)
  }
  const [session] = sessions
  if (session === undefined) throw new Error('there is no session')
  return {
    ...{ served, asked, session },
    async [Symbol.asyncDispose]() {
      client.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}

test("Node's table of a session's streams is one that lets them go", async () => {
  await using world = await open(3)
  const table = tableOf(world.session)
  expect(table).toBeInstanceOf(PassingMap)
  const known = () => [...(table as PassingMap<number, object>).values()]
  expect(known()).toEqual(world.served)
  const [, second] = world.served
  const closed = once(second as ServerHttp2Stream, 'close')
  second?.end()
  await closed
  expect(known()).toEqual(world.served.filter((stream) => stream !== second))
})

test('a session that closes waits for the streams in it, and one that is destroyed ends them', async () => {
  await using world = await open(2)
  const { served, session } = world
  let isClosed = false
  const closed = once(session, 'close').then(() => {
    isClosed = true
  })
  session.close()
  const [first, second] = served
  const ended = once(first as ServerHttp2Stream, 'close')
  first?.end()
  await ended
  expect(isClosed).toBe(false)
  session.destroy()
  await closed
  expect(second?.destroyed).toBe(true)
})

test.each([
  ['has no state', {}],
  ['keeps something else in it', { [Symbol('state')]: { streams: [] } }],
  ['has streams already', { [Symbol('state')]: { streams: new Map([[1, {}]]) } }],
])('a session that %s is left as it is', (_, session) => {
  const before = tableOf(session)
  letStreamsGo(session)
  expect(tableOf(session)).toBe(before)
})

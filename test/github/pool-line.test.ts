import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createPoolFetch, type PoolFetch } from '../../src/github/pool-fetch.ts'
import { eventually } from '../support/eventually.ts'

/** A GitHub that answers when it is told, and counts who connects. */
async function listen() {
  const asked: { readonly path: string | undefined; readonly response: ServerResponse }[] = []
  let connections = 0
  const server = createServer((request, response) => void asked.push({ path: request.url, response }))
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    asked,
    connections: () => connections,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => void server.close(),
  }
}

let github: Awaited<ReturnType<typeof listen>>
let pool: PoolFetch

beforeEach(async () => {
  github = await listen()
  pool = createPoolFetch(github.url, 1000, 1)
})
afterEach(async () => {
  await pool.close()
  github.close()
})

const arrived = (path: string) =>
  eventually(() => {
    const found = github.asked.find((request) => request.path === path)
    if (found === undefined) throw new Error(`${path} has not come`)
    return found
  })

const send = (path: string, ms: number) =>
  pool.send({ method: 'GET', path, headers: [], body: '' }, (it) => it, { ms, maxBytes: 1000 })

test('who waited too long for a connection does not cost others theirs', async () => {
  const first = send('/first', 60_000)
  await arrived('/first')
  await expect(send('/second', 1)).rejects.toMatchObject({ kind: 'timeout' })
  const third = send('/third', 60_000)
  github.asked[0]?.response.end('1')
  expect(String((await first).chunks)).toBe('1')
  await arrived('/third')
  github.asked[1]?.response.end('3')
  expect(String((await third).chunks)).toBe('3')
  expect([github.asked.map(({ path }) => path), github.connections()]).toEqual([['/first', '/third'], 1])
})

test('after an answer that is late, or broke off, the next has its turn', async () => {
  await expect(send('/late', 20)).rejects.toMatchObject({ kind: 'timeout' })
  const cut = send('/cut', 60_000)
  const after = send('/after', 60_000)
  const { response } = await arrived('/cut')
  response.destroy()
  await expect(cut).rejects.toMatchObject({ kind: 'unreached' })
  const last = await arrived('/after')
  last.response.end()
  expect((await after).status).toBe(200)
})

test('who waits when the connections are closed learns of it', async () => {
  const held = send('/held', 60_000)
  const waiting = Array.from({ length: 5000 }, (_, index) => send(`/${index}`, 60_000))
  await arrived('/held')
  const outcomes = Promise.allSettled([held, ...waiting])
  await pool.close()
  expect(new Set((await outcomes).map(({ status }) => status))).toEqual(new Set(['rejected']))
})

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createExchangeEvents, type ExchangeEvents } from '../../src/audit/cloud-events.ts'
import { issuedRecord, TOKEN } from './records.ts'

const log = pino({ level: 'silent' })

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let received: Received[]
let statuses: number[]
let sink: ReturnType<typeof createServer>
let events: ExchangeEvents

beforeEach(async () => {
  received = []
  statuses = []
  sink = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ headers: request.headers, body })
    response.writeHead(statuses.shift() ?? 202).end()
  })
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
  let count = 0
  events = createExchangeEvents({
    sink: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/in`,
    domain: 'sts.example',
    newEventId: () => `event-${++count}`,
    log,
    limits: { firstDelayMs: 1 },
  })
})

afterEach(async () => {
  sink.closeAllConnections()
  await new Promise((resolve) => sink.close(resolve))
})

test('an exchange arrives as a CloudEvent 1.0 in binary mode', async () => {
  events.send(issuedRecord())
  await events.close(5_000)
  expect(received).toHaveLength(1)
  const { headers, body } = received[0] as Received
  expect(headers).toMatchObject({
    'ce-id': 'event-1',
    'ce-type': 'dev.octo-sts.exchange',
    'ce-source': 'https://sts.example',
    'ce-specversion': '1.0',
    'ce-subject': 'acme/app/deploy',
    'ce-time': '2026-11-23T10:00:00.000Z',
    'content-type': expect.stringMatching(/^application\/json/),
  })
  expect(JSON.parse(body)).toMatchObject({ scope: 'acme/app', identity: 'deploy', token_sha256: 'aabb' })
  expect(body).not.toContain(TOKEN)
})

test('a sink that answers 503 is asked again, with the same event id', async () => {
  statuses = [503, 503]
  events.send(issuedRecord())
  await events.close(5_000)
  expect(received.map(({ headers }) => headers['ce-id'])).toEqual(['event-1', 'event-1', 'event-1'])
  expect(events.dropped()).toBe(0)
})

test('a sink that never takes it loses the event, which is counted', async () => {
  statuses = [500, 500, 500, 500]
  events.send(issuedRecord())
  await events.close(5_000)
  expect({ tries: received.length, dropped: events.dropped() }).toEqual({ tries: 4, dropped: 1 })
})

test('scope and identity of a stranger cannot break the headers', async () => {
  events.send(issuedRecord({ scope: 'x\r\nevil: 1', identity: 'ü' }))
  await events.close(5_000)
  expect(received[0]?.headers['ce-subject']).toBe('x\\u{d}\\u{a}evil:%201/%C3%BC')
  expect(received[0]?.headers['evil']).toBeUndefined()
})

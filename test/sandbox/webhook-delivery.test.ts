import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { SandboxApp } from '../../src/sandbox/apps.ts'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'

let github: SandboxGitHub
let second: SandboxApp
let receiver: Server
let url: string
let answer: { status: number; body: string; headers?: Record<string, string> }
const received: { headers: IncomingHttpHeaders; body: string; path: string | undefined }[] = []

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString(), path: request.url })
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', () => resolve()))
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  github = await createSandboxGitHub({ app: { webhook: { url: `${url}/first`, secret: 'one' } } })
  second = await github.addApp()
})
afterAll(async () => {
  receiver.closeAllConnections()
  await new Promise((resolve) => receiver.close(resolve))
  await github.close()
})
beforeEach(() => {
  received.length = 0
  answer = { status: 202, body: 'thank you' }
})

const sign = (algorithm: string, body: string, secret: string) =>
  createHmac(algorithm, secret).update(body).digest('hex')

test("a delivery is signed with the App's secret, and has GitHub's headers", async () => {
  const result = await github.deliver({ event: 'push', payload: { ref: 'ä' } })
  expect(result).toEqual({ status: 202, body: 'thank you', deliveryId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  const body = '{"ref":"ä"}'
  expect(received).toEqual([
    {
      path: '/first',
      body,
      headers: expect.objectContaining({
        'content-type': 'application/json',
        'user-agent': expect.stringMatching(/^GitHub-Hookshot\/[0-9a-f]{7}$/),
        'x-github-event': 'push',
        'x-github-delivery': result.deliveryId,
        'x-github-hook-id': expect.stringMatching(/^\d+$/),
        'x-github-hook-installation-target-id': String(github.app.id),
        'x-github-hook-installation-target-type': 'integration',
        'x-hub-signature': `sha1=${sign('sha1', body, 'one')}`,
        'x-hub-signature-256': `sha256=${sign('sha256', body, 'one')}`,
      }),
    },
  ])
})

test('another App, address, secret, delivery id, body and headers can be had', async () => {
  await expect(github.deliver({ event: 'ping', payload: {}, app: second.id })).rejects.toThrow('has no webhook')
  github.setWebhook(second.id, { url: `${url}/second`, secret: 'two' })
  await github.deliver({ event: 'ping', payload: '{ "spaced": 1 }', app: second.id, deliveryId: 'again' })
  await github.deliver({ event: 'ping', payload: {}, url: `${url}/third`, secret: 'three' })
  await github.deliver({ event: 'ping', payload: {}, secret: '' })
  const headers = { 'x-hub-signature-256': 'sha256=wrong', 'x-github-event': undefined }
  await github.deliver({ event: 'ping', payload: {}, headers })
  expect(
    received.map(({ path, body, headers }) => [
      path,
      body,
      headers['x-hub-signature-256'],
      headers['x-github-hook-installation-target-id'],
    ]),
  ).toEqual([
    ['/second', '{ "spaced": 1 }', `sha256=${sign('sha256', '{ "spaced": 1 }', 'two')}`, String(second.id)],
    ['/third', '{}', `sha256=${sign('sha256', '{}', 'three')}`, String(github.app.id)],
    ['/first', '{}', undefined, String(github.app.id)],
    ['/first', '{}', 'sha256=wrong', String(github.app.id)],
  ])
  expect(received[0]?.headers['x-github-delivery']).toBe('again')
  expect(received[3]?.headers['x-github-event']).toBeUndefined()
})

test('a redirect is an answer, and no answer at all rejects', async () => {
  answer = { status: 307, body: '', headers: { location: '/elsewhere' } }
  expect((await github.deliver({ event: 'ping', payload: {} })).status).toBe(307)
  expect(received).toHaveLength(1)
  await expect(github.deliver({ event: 'ping', payload: {}, url: 'http://127.0.0.1:1' })).rejects.toThrow(
    'fetch failed',
  )
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { selfSignedCertificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { type SpawnedService, spawnService } from '../support/spawned-service.ts'

// Each test starts a process, which takes its time on a machine that is busy.
jest.setTimeout(60_000)

/** What a metadata server hands out: not checked here, so not signed. */
function idToken(audience: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 3_600
  return `${part({ alg: 'RS256' })}.${part({ aud: audience, exp })}.signature`
}

let metadata: Server
let sink: Server
let folder: string
/** Audiences that tokens were asked for, and answers that are to fail before that. */
let audiences: string[]
let failures: number
/** The `authorization` of each event that came. */
let received: (string | undefined)[]
let service: SpawnedService | undefined

const portOf = (server: Server) => (server.address() as AddressInfo).port
const listening = (server: Server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

beforeEach(async () => {
  audiences = []
  received = []
  failures = 0
  metadata = createHttpServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://metadata')
    const audience = url.searchParams.get('audience')
    response.setHeader('metadata-flavor', 'Google')
    if (audience === null || request.headers['metadata-flavor'] !== 'Google') {
      response.writeHead(404).end()
      return
    }
    if (failures > 0) {
      failures -= 1
      response.writeHead(403).end('not now')
      return
    }
    audiences.push(audience)
    response.writeHead(200, { 'content-type': 'text/plain' }).end(idToken(audience))
  })
  const certificate = selfSignedCertificate('localhost')
  sink = createServer(certificate, (request, response) => {
    request.resume()
    received.push(request.headers.authorization)
    response.writeHead(202).end()
  })
  await Promise.all([listening(metadata), listening(sink)])
  folder = mkdtempSync(join(tmpdir(), 'octo-sts-identity-'))
  writeFileSync(join(folder, 'ca.pem'), certificate.cert)
})

afterEach(async () => {
  await service?.close()
  service = undefined
  await Promise.all([metadata, sink].map((server) => new Promise((resolve) => server.close(resolve))))
  rmSync(folder, { recursive: true })
})

async function start(): Promise<SpawnedService> {
  service = await spawnService({
    EVENT_INGRESS_URI: `https://localhost:${portOf(sink)}/events`,
    EVENT_INGRESS_AUTH: 'google',
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    // How Google's library finds a metadata server, and knows that it is on Google Cloud.
    GCE_METADATA_HOST: `127.0.0.1:${portOf(metadata)}`,
    K_SERVICE: 'octo-sts',
  })
  return service
}

const exchange = (port: number) => fetch(`http://127.0.0.1:${port}/sts/exchange?scope=acme/app&identity=ci`)

test('an https sink gets an ID token for its origin, which is asked for once and never logged', async () => {
  const { port, output, stop } = await start()
  for (let index = 0; index < 3; index += 1) await exchange(port)
  await eventually(() => expect(received).toHaveLength(3))
  const audience = `https://localhost:${portOf(sink)}`
  expect(audiences).toEqual([audience])
  const [first = ''] = received
  expect(received).toEqual([first, first, first])
  expect(first).toMatch(/^Bearer /)
  expect(JSON.parse(Buffer.from(first.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({ aud: audience })
  await stop()
  expect(output()).not.toContain(first.slice('Bearer '.length))
})

test('a token that cannot be had is a failed delivery, which is tried again', async () => {
  failures = 1
  const { port } = await start()
  await exchange(port)
  await eventually(() => expect(received).toHaveLength(1))
  expect(received[0]).toMatch(/^Bearer /)
  expect(failures).toBe(0)
})

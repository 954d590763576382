/**
 * What no STS of this kind can do without, and nothing else: one port for gRPC (grpc-js) and HTTP, one verification by
 * node:crypto, one POST to GitHub over TLS by undici. The measure that an exchange is held against.
 */
import cluster, { type Worker } from 'node:cluster'
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Metadata, Server, ServerCredentials } from '@grpc/grpc-js'
import { Pool } from 'undici'
import { loadProtos } from '../src/wire/protos.ts'

export interface FloorOrder {
  readonly github: string
  /** Several share the port, by node:cluster and nothing more. */
  readonly workers: number
  /** SPKI, PEM; the header's algorithm chooses. */
  readonly publicKeys: Readonly<Record<'RS256' | 'ES256', string>>
  readonly mint: { readonly path: string; readonly body: string; readonly headers: Readonly<Record<string, string>> }
}

const HEADER_START = 20
const [orderText = ''] = process.argv.slice(2)
const { github, workers, publicKeys, mint } = JSON.parse(orderText) as FloorOrder
const keys: Readonly<Record<string, KeyObject>> = {
  [headerOf('RS256')]: createPublicKey(publicKeys.RS256),
  [headerOf('ES256')]: createPublicKey(publicKeys.ES256),
}
const pool = new Pool(github, { connections: 100 })

const grpc = new Server({ 'grpc.enable_channelz': 0 })
grpc.addService(loadProtos().securityTokenService, {
  Exchange: ({ metadata }: { metadata: Metadata }, callback: (error: object | null, value?: object) => void) => {
    exchange(String(metadata.get('authorization')[0])).then(
      (token) => callback(null, { token, expiry: { seconds: 0, nanos: 0 } }),
      (error: unknown) => callback({ code: 16, details: String(error) }),
    )
  },
  ExchangeRefreshToken: (_: object, callback: (error: object) => void) => callback({ code: 12, details: 'none' }),
})
const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure())
const http = createHttpServer({ maxHeaderSize: 65_536 }, (request: IncomingMessage, response: ServerResponse) => {
  exchange(request.headers.authorization ?? '').then(
    (token) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ token, refreshToken: '', expiry: null }))
    },
    () => response.writeHead(401).end('{"code":16}'),
  )
})
const door = createServer((socket: Socket) => {
  socket.on('error', () => socket.destroy())
  socket.once('data', (first: Buffer) => {
    socket.pause()
    socket.unshift(first)
    if (first.subarray(0, 3).toString() === 'PRI') injector.injectConnection(socket)
    else http.emit('connection', socket)
    process.nextTick(() => socket.resume())
  })
})
process.once('disconnect', () => process.exit(0))
say(workers > 1 && cluster.isPrimary ? await portOfWorkers() : await openDoor())

function say(port: number): void {
  if (cluster.isPrimary) process.stdout.write(`${JSON.stringify({ message: 'listening', port })}\n`)
}

async function openDoor(): Promise<number> {
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  return (door.address() as AddressInfo).port
}

/** Of all, once all listen. */
async function portOfWorkers(): Promise<number> {
  const portOf = (worker: Worker) =>
    new Promise<number>((resolve) => worker.once('listening', ({ port }) => resolve(port)))
  const ports = await Promise.all(Array.from({ length: workers }, () => portOf(cluster.fork())))
  return Math.max(...ports) // one and the same
}

async function exchange(authorization: string): Promise<string> {
  const compact = authorization.slice('Bearer '.length)
  const [end, dot] = [compact.lastIndexOf('.'), compact.indexOf('.')]
  const key = keys[compact.slice(0, HEADER_START)]
  const input = Buffer.from(compact.slice(0, end))
  const signature = Buffer.from(compact.slice(end + 1), 'base64url')
  if (dot < 0 || key === undefined || !verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature))
    throw new Error('the signature does not match')
  return tokenOf(await post())
}

/** By undici's handler, its cheapest way. */
function post(): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const { path, body, headers } = mint
    pool.dispatch(
      { path, method: 'POST', headers: { ...headers }, body },
      {
        onRequestStart() {},
        onResponseStart(_, status) {
          if (status !== 201) reject(new Error(`GitHub answered ${status}`))
        },
        onResponseData(_, chunk) {
          chunks.push(chunk)
        },
        onResponseEnd: () => resolve(Buffer.concat(chunks).toString()),
        onResponseError: (_, error) => reject(error),
      },
    )
  })
}

/** The answer is not parsed: the floor pays for nothing that could be done without. */
function tokenOf(text: string): string {
  const begin = text.indexOf('ghs_')
  return text.slice(begin, text.indexOf('"', begin))
}

/** The benchmark's own headers begin with the algorithm, so that a few characters tell them apart. */
function headerOf(algorithm: string): string {
  return Buffer.from(JSON.stringify({ alg: algorithm, typ: 'JWT' }))
    .toString('base64url')
    .slice(0, HEADER_START)
}

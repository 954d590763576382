import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect } from 'node:net'
import { credentials, type Metadata, makeClientConstructor, type ServiceError } from '@grpc/grpc-js'
import { pino } from 'pino'
import {
  bearerOf,
  type Caller,
  type ExchangeRequest,
  type Issued,
  type Refreshed,
  type RefreshRequest,
} from '../../src/exchange/request.ts'
import type { ExchangeRequest as Message } from '../../src/gen/chainguard/platform/oidc/ExchangeRequest.ts'
import type { RawToken__Output } from '../../src/gen/chainguard/platform/oidc/RawToken.ts'
import type { SecurityTokenServiceClient } from '../../src/gen/chainguard/platform/oidc/SecurityTokenService.ts'
import { type Permissions, permissionsOf } from '../../src/terms/permissions.ts'
import { listen, type WireOptions, type WireServer } from '../../src/wire/listen.ts'
import { loadProtos } from '../../src/wire/protos.ts'

export const DOMAIN = 'sts.example.com'
export const EXPIRES_AT = new Date('2026-01-02T03:04:05Z')
const REFRESH_EXPIRES_AT = new Date('2026-01-02T10:00:00Z')
/** An hour before `EXPIRES_AT`, and half a second. */
const NOW = EXPIRES_AT.getTime() - 3_600_500
export const PERMISSIONS = permissionsOf([['contents', 'read']]) as Permissions

export interface Fixture extends AsyncDisposable {
  readonly server: WireServer
  readonly port: number
  readonly url: string
  /** What reached the exchange. */
  readonly seen: { readonly request: ExchangeRequest; readonly caller: Caller }[]
  /** The tokens that were abandoned. */
  readonly abandoned: string[]
  readonly logged: string[]
}

type Behaviour = (request: ExchangeRequest, caller: Caller) => Promise<string> | string

/** The wire on a free port of 127.0.0.1, with an exchange that checks the credential and then behaves as told. */
export async function serve(
  behave: Behaviour = () => 'ghs_test',
  options: Partial<WireOptions> = {},
): Promise<Fixture> {
  const seen: Fixture['seen'] = []
  const abandoned: string[] = []
  const logged: string[] = []
  let ids = 0
  const exchange = async (request: ExchangeRequest, caller: Caller): Promise<Issued> => {
    seen.push({ request, caller })
    bearerOf(request.authorization)
    const token = await behave(request, caller)
    return { token, expiresAt: EXPIRES_AT, permissions: PERMISSIONS, abandon: () => abandoned.push(token) }
  }
  const refresh = async (request: RefreshRequest, caller: Caller): Promise<Refreshed> => {
    const issued = await exchange({ ...request, identity: '' }, caller)
    return { ...issued, refreshToken: { token: `next-${issued.token}`, expiresAt: REFRESH_EXPIRES_AT } }
  }
  const server = await listen({
    exchange,
    refresh,
    revokeRefreshToken: async () => false,
    revokeInstallationToken: async () => 'unknown',
    clock: { now: () => NOW },
    domain: DOMAIN,
    port: 0,
    host: '127.0.0.1',
    isReady: () => true,
    log: pino({ level: 'debug' }, { write: (line: string) => logged.push(line) }),
    newRequestId: () => {
      ids += 1
      return `request-${ids}`
    },
    ...options,
  })
  const scheme = options.tls === undefined ? 'http' : 'https'
  return {
    server,
    port: server.port,
    url: `${scheme}://localhost:${server.port}`,
    seen,
    abandoned,
    logged,
    [Symbol.asyncDispose]: () => server.close(0),
  }
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface HttpAsk {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

export const BEARER = { authorization: 'Bearer a.b.c' }

/** One request over HTTP/1.1, on a connection of its own. */
export function ask1(port: number, path: string, { method = 'GET', headers = BEARER, body }: HttpAsk = {}) {
  return new Promise<HttpAnswer>((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      response.on('error', reject)
    })
    request.on('error', reject).end(body)
  })
}

/** One request over HTTP/2, on a connection of its own. */
export function ask2(port: number, path: string, { method = 'GET', headers = BEARER, body }: HttpAsk = {}) {
  return new Promise<HttpAnswer>((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    session.on('error', reject)
    const stream = session.request({ ':path': path, ':method': method, ...headers }, { endStream: body === undefined })
    let answer: IncomingHttpHeaders & { ':status'?: number | undefined } = {}
    let text = ''
    stream.on('response', (received) => {
      answer = received
    })
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    stream.on('error', reject).on('close', () => {
      session.close()
      resolve({ status: answer[':status'] ?? 0, headers: answer, body: text })
    })
    if (body !== undefined) stream.end(body)
  })
}

/** Sends bytes, and returns all that comes until the other side closes. */
export function askRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += String(chunk)
    })
    socket.on('error', reject).on('close', () => resolve(text))
  })
}

const Client = makeClientConstructor(loadProtos().securityTokenService, 'SecurityTokenService')

export interface GrpcAnswer {
  readonly error: ServiceError | null
  readonly value: RawToken__Output | undefined
}

/** A grpc-js client; the caller closes it. */
export function grpcClient(port: number, channel = credentials.createInsecure()): SecurityTokenServiceClient {
  const client: unknown = new Client(`localhost:${port}`, channel)
  return client as SecurityTokenServiceClient
}

/** One Exchange over gRPC, on a channel of its own. */
export async function askGrpc(port: number, message: Message, metadata: Metadata, deadlineMs?: number) {
  const client = grpcClient(port)
  try {
    return await callGrpc(client, message, metadata, deadlineMs)
  } finally {
    client.close()
  }
}

export function callGrpc(
  client: SecurityTokenServiceClient,
  message: Message,
  metadata: Metadata,
  deadlineMs = 15_000,
): Promise<GrpcAnswer> {
  return new Promise((resolve) => {
    client.Exchange(message, metadata, { deadline: Date.now() + deadlineMs }, (error, value) =>
      resolve({ error, value }),
    )
  })
}

/** Resolves when the condition holds; looks at each turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

export const EXCHANGE_PATH = '/chainguard.platform.oidc.SecurityTokenService/Exchange'

/** A gRPC message: a flag, its length, itself. */
export function frame(message: Buffer, compressed = 0): Buffer {
  const head = Buffer.alloc(5)
  head[0] = compressed
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

export interface StreamAnswer {
  /** Headers and trailers in one. */
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly resetCode: number | undefined
}

/** One gRPC stream, written by hand; an Exchange when the headers have no other path. */
export function stream(
  port: number,
  headers: Readonly<Record<string, string | undefined>>,
  chunks: readonly Buffer[],
  end = true,
  settings: { readonly initialWindowSize?: number } = {},
) {
  return new Promise<StreamAnswer>((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings })
    session.on('error', reject)
    const request = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: EXCHANGE_PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...BEARER,
      ...headers,
    })
    const received: IncomingHttpHeaders = {}
    const body: Buffer[] = []
    request.on('response', (more) => Object.assign(received, more))
    request.on('trailers', (more) => Object.assign(received, more))
    request.on('data', (chunk: Buffer) => body.push(chunk))
    request.on('error', () => {})
    request.on('close', () => {
      session.close()
      resolve({ headers: received, body: Buffer.concat(body), resetCode: request.rstCode })
    })
    for (const chunk of chunks) request.write(chunk)
    if (end) request.end()
  })
}

import { request } from 'node:http'
import { Client, credentials, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** What an exchange answered: a token, or the code, reason and message of a refusal. */
export interface Answer {
  readonly code: number
  readonly reason?: string
  readonly message?: string
  readonly token?: string
  readonly expiry?: string
  readonly retryDelayMs?: number
}

export interface Question {
  readonly token: string | readonly string[]
  readonly scope?: string
  readonly scopes?: readonly string[]
  readonly identity?: string
  readonly cap?: readonly string[]
  readonly signal?: AbortSignal
}

export type Ask = (port: number, question: Question) => Promise<Answer>

/** Asks over gRPC with a real client, and takes the google.rpc details apart. */
export const askGrpc: Ask = (port, { token, signal, ...request }) => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const metadata = new Metadata()
  for (const value of [token].flat()) metadata.add('authorization', `Bearer ${value}`)
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest(
      EXCHANGE.path,
      EXCHANGE.requestSerialize,
      EXCHANGE.responseDeserialize,
      { scopes: request.scope === undefined ? [] : [request.scope], ...request },
      metadata,
      { deadline: Date.now() + 15_000 },
      (error: ServiceError | null, value?: object) => {
        client.close()
        resolve(error === null ? issued(value as RawToken) : refusedGrpc(error))
      },
    )
    signal?.addEventListener('abort', () => call.cancel(), { once: true })
  })
}

/** Asks over HTTP/1.1 with a form POST, as the Chainguard SDK does. */
export const askHttp: Ask = async (port, { token, scope, scopes = [], identity, cap = [], signal }) => {
  const form = new URLSearchParams()
  if (scope !== undefined) form.set('scope', scope)
  for (const each of scopes) form.append('scopes', each)
  if (identity !== undefined) form.set('identity', identity)
  for (const each of cap) form.append('cap', each)
  const answer = await post(port, [token].flat(), { body: form.toString(), signal })
  const body = JSON.parse(answer.body) as Record<string, unknown>
  if (answer.status === 200) return { code: 0, token: String(body['token']), expiry: String(body['expiry']) }
  const details = body['details'] as { '@type': string; reason?: string; retryDelay?: string }[]
  const retryDelay = details.find((detail) => detail['@type'].endsWith('google.rpc.RetryInfo'))?.retryDelay
  return refusal(
    Number(body['code']),
    String(body['message']),
    details.find((detail) => detail['@type'].endsWith('google.rpc.ErrorInfo'))?.reason,
    retryDelay === undefined ? undefined : Number.parseFloat(retryDelay) * 1000,
  )
}

/** Node's own client, because it alone sends an authorization header twice, or not at all. */
function post(
  port: number,
  tokens: readonly string[],
  { body, signal }: { body: string; signal: AbortSignal | undefined },
): Promise<{ status: number; body: string }> {
  const headers = [
    ...['host', `127.0.0.1:${port}`],
    ...['content-type', 'application/x-www-form-urlencoded'],
    ...['content-length', String(Buffer.byteLength(body))],
    ...tokens.flatMap((token) => ['authorization', `Bearer ${token}`]),
  ]
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method: 'POST', path: '/sts/exchange', headers, agent: false })
    signal?.addEventListener('abort', () => call.destroy(), { once: true })
    call.setTimeout(15_000, () => call.destroy(new Error('no answer')))
    call.on('error', reject)
    call.on('response', async (answer) => {
      let text = ''
      for await (const chunk of answer.setEncoding('utf8')) text += chunk
      resolve({ status: answer.statusCode ?? 0, body: text })
    })
    call.end(body)
  })
}

function issued({ token, expiry }: RawToken): Answer {
  return { code: 0, token, expiry: new Date(Number(expiry.seconds) * 1000).toISOString() }
}

function refusedGrpc({ code, details, metadata }: StatusObject): Answer {
  const [binary] = metadata.get('grpc-status-details-bin')
  if (!(binary instanceof Buffer)) return refusal(code, details, undefined, undefined)
  const status = STATUS.deserialize(binary) as { details: { type_url: string; value: Buffer }[] }
  const detailOf = (name: string) => status.details.find(({ type_url }) => type_url.endsWith(name))?.value
  const info = detailOf('google.rpc.ErrorInfo')
  const retry = detailOf('google.rpc.RetryInfo')
  const delay =
    retry === undefined ? undefined : (RETRY_INFO.deserialize(retry) as { retry_delay: Duration }).retry_delay
  return refusal(
    code,
    details,
    info === undefined ? undefined : (ERROR_INFO.deserialize(info) as { reason: string }).reason,
    delay === undefined ? undefined : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
  )
}

function refusal(code: number, message: string, reason: string | undefined, retryDelayMs: number | undefined): Answer {
  return {
    code,
    message,
    ...(reason === undefined ? {} : { reason }),
    ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
  }
}

interface RawToken {
  readonly token: string
  readonly expiry: { readonly seconds: string | number }
}

interface Duration {
  readonly seconds: string | number
  readonly nanos: number
}

interface MethodShape {
  readonly path: string
  readonly requestSerialize: (value: object) => Buffer
  readonly responseDeserialize: (bytes: Buffer) => object
}

interface MessageShape {
  readonly deserialize: (bytes: Buffer) => object
}

const DEFINITIONS = loadSync(
  ['chainguard/platform/oidc/oidc.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  { includeDirs: [new URL('../../../proto', import.meta.url).pathname], defaults: true, keepCase: true },
) as unknown as Record<string, unknown>
const EXCHANGE = (DEFINITIONS['chainguard.platform.oidc.SecurityTokenService'] as { Exchange: MethodShape }).Exchange
const STATUS = DEFINITIONS['google.rpc.Status'] as MessageShape
const ERROR_INFO = DEFINITIONS['google.rpc.ErrorInfo'] as MessageShape
const RETRY_INFO = DEFINITIONS['google.rpc.RetryInfo'] as MessageShape

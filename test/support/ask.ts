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
  /** Of an exchange whose policy allows refreshing, and of each refresh. */
  readonly refreshToken?: string
  readonly refreshExpiry?: string
}

export interface Question {
  readonly token: string | readonly string[]
  readonly scope?: string
  readonly scopes?: readonly string[]
  readonly identity?: string
  readonly cap?: readonly string[]
  readonly signal?: AbortSignal
}

export interface RefreshQuestion {
  readonly token: string
  readonly scopes?: readonly string[]
  readonly cap?: readonly string[]
}

export type AskRefresh = (port: number, question: RefreshQuestion) => Promise<Answer>

export type Ask = (port: number, question: Question) => Promise<Answer>

/** Asks over gRPC with a real client, and takes the google.rpc details apart. */
export const askGrpc: Ask = (port, { token, signal, ...request }) => {
  const scopes = request.scope === undefined ? [] : [request.scope]
  return unary(port, EXCHANGE, { tokens: [token].flat(), request: { scopes, ...request }, signal }, (value) =>
    issued(value as RawToken),
  )
}

export const refreshGrpc: AskRefresh = (port, { token, ...request }) =>
  unary(port, EXCHANGE_REFRESH_TOKEN, { tokens: [token], request, signal: undefined }, (value) => {
    const { token: raw, refreshToken } = value as { token: RawToken; refreshToken: RawToken }
    return { ...issued(raw), refreshToken: refreshToken.token, refreshExpiry: timeOf(refreshToken) }
  })

interface Unary {
  readonly tokens: readonly string[]
  readonly request: object
  readonly signal: AbortSignal | undefined
}

function unary(
  port: number,
  method: MethodShape,
  { tokens, request, signal }: Unary,
  answerOf: (value: object) => Answer,
): Promise<Answer> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  const metadata = new Metadata()
  for (const value of tokens) metadata.add('authorization', `Bearer ${value}`)
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + 15_000 },
      (error: ServiceError | null, value?: object) => {
        client.close()
        resolve(error === null ? answerOf(value ?? {}) : refusedGrpc(error))
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
  const answer = await post(port, '/sts/exchange', { tokens: [token].flat(), body: form.toString(), signal })
  if (answer.status !== 200) return refusedHttp(answer.body)
  const { token: text, refreshToken, expiry } = JSON.parse(answer.body) as Record<string, string>
  return { code: 0, token: String(text), expiry: String(expiry), ...(refreshToken ? { refreshToken } : {}) }
}

export const refreshHttp: AskRefresh = async (port, { token, scopes = [], cap = [] }) => {
  const form = new URLSearchParams()
  for (const each of scopes) form.append('scopes', each)
  for (const each of cap) form.append('cap', each)
  const ask = { tokens: [token], body: form.toString(), signal: undefined }
  const answer = await post(port, '/sts/exchange_refresh_token', ask)
  if (answer.status !== 200) return refusedHttp(answer.body)
  const pair = JSON.parse(answer.body) as Record<'token' | 'refreshToken', { token: string; expiry: string }>
  const { token: text, expiry } = pair.token
  return {
    code: 0,
    token: text,
    expiry,
    refreshToken: pair.refreshToken.token,
    refreshExpiry: pair.refreshToken.expiry,
  }
}

function refusedHttp(text: string): Answer {
  const body = JSON.parse(text) as Record<string, unknown>
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
  path: string,
  { tokens, body, signal }: { tokens: readonly string[]; body: string; signal: AbortSignal | undefined },
): Promise<{ status: number; body: string }> {
  const headers = [
    ...['host', `127.0.0.1:${port}`],
    ...['content-type', 'application/x-www-form-urlencoded'],
    ...['content-length', String(Buffer.byteLength(body))],
    ...tokens.flatMap((token) => ['authorization', `Bearer ${token}`]),
  ]
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method: 'POST', path, headers, agent: false })
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

function issued(raw: RawToken): Answer {
  const { token, refreshToken } = raw
  return { code: 0, token, expiry: timeOf(raw), ...(refreshToken ? { refreshToken } : {}) }
}

function timeOf({ expiry }: RawToken): string {
  return new Date(Number(expiry.seconds) * 1000).toISOString()
}

function refusedGrpc({ code, details, metadata }: StatusObject): Answer {
  const [binary] = metadata.get('grpc-status-details-bin')
  if (!(binary instanceof Buffer)) return refusal(code, details, undefined, undefined)
  const status = STATUS.deserialize(binary) as { details: { type_url: string; value: Buffer }[] }
  const detailOf = (name: string) => status.details.find(({ type_url }) => type_url.endsWith(name))?.value
  const info = detailOf('google.rpc.ErrorInfo')
  const retry = detailOf('google.rpc.RetryInfo')
  const delay = retry === undefined ? undefined : (RETRY_INFO.deserialize(retry) as { retryDelay: Duration }).retryDelay
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
  readonly refreshToken: string
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
  { includeDirs: [new URL('../../../proto', import.meta.url).pathname], defaults: true },
) as unknown as Record<string, unknown> // the loader's types say only that there is some definition
const { Exchange: EXCHANGE, ExchangeRefreshToken: EXCHANGE_REFRESH_TOKEN } = DEFINITIONS[
  'chainguard.platform.oidc.SecurityTokenService'
] as Record<'Exchange' | 'ExchangeRefreshToken', MethodShape>
const STATUS = DEFINITIONS['google.rpc.Status'] as MessageShape
const ERROR_INFO = DEFINITIONS['google.rpc.ErrorInfo'] as MessageShape
const RETRY_INFO = DEFINITIONS['google.rpc.RetryInfo'] as MessageShape

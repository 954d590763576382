import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { RawToken__Output } from '../gen/chainguard/platform/oidc/RawToken.ts'
import { systemClock } from '../runtime/clock.ts'
import { loadProtos } from '../wire/protos.ts'

/** What an exchange answered, in either protocol. */
export type Answer =
  | { readonly ok: true; readonly token: string; readonly expiry: string; readonly refreshToken: string }
  | { readonly ok: false; readonly code: number; readonly message: string }

export interface Ask {
  readonly token: string
  readonly scope: string
  readonly identity: string
}

/** One exchange over gRPC, plain text, as a client of the Chainguard SDK makes it. */
export function exchangeOverGrpc(address: string, { token, scope, identity }: Ask): Promise<Answer> {
  const { Exchange } = loadProtos().securityTokenService
  // Clients of the SDK send the scope both ways.
  return unary(address, { method: Exchange, token, request: { scope, scopes: [scope], identity } }, (raw) =>
    answerOf(raw, raw.refreshToken),
  )
}

/** One refresh over gRPC. */
export function refreshOverGrpc(address: string, token: string): Promise<Answer> {
  const { ExchangeRefreshToken } = loadProtos().securityTokenService
  return unary(address, { method: ExchangeRefreshToken, token, request: {} }, (pair) =>
    answerOf(pair.token, pair.refreshToken?.token),
  )
}

interface Unary<Request, Response> {
  readonly method: {
    readonly path: string
    readonly requestSerialize: (request: Request) => Buffer
    readonly responseDeserialize: (bytes: Buffer) => Response
  }
  readonly token: string
  readonly request: Request
}

function unary<Request, Response>(
  address: string,
  { method, token, request }: Unary<Request, Response>,
  read: (response: Response) => Answer,
): Promise<Answer> {
  const client = new Client(address, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: systemClock.now() + 10_000 },
      (error: ServiceError | null, response?: Response) => {
        client.close()
        if (error !== null) resolve({ ok: false, code: error.code, message: error.details })
        else if (response === undefined) reject(new Error('an answer without a message'))
        else resolve(read(response))
      },
    )
  })
}

/** One exchange over HTTP: `GET` with a query, or `POST` with a form. */
export async function exchangeOverHttp(
  base: string,
  method: 'GET' | 'POST',
  { token, scope, identity }: Ask,
): Promise<Answer> {
  const fields = new URLSearchParams({ scope, identity })
  const answer = await fetch(`${base}/sts/exchange${method === 'GET' ? `?${fields}` : ''}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(method === 'POST' ? { body: fields } : {}),
    signal: AbortSignal.timeout(10_000),
  })
  const body = (await answer.json()) as Record<string, unknown>
  return answer.status === 200
    ? {
        ok: true,
        token: String(body['token']),
        expiry: String(body['expiry']),
        refreshToken: String(body['refreshToken']),
      }
    : { ok: false, code: Number(body['code']), message: String(body['message']) }
}

function answerOf(raw: RawToken__Output | null, refreshToken = ''): Answer {
  const expiry = new Date(Number(raw?.expiry?.seconds) * 1000).toISOString().replace('.000Z', 'Z')
  return { ok: true, token: raw?.token ?? '', expiry, refreshToken }
}

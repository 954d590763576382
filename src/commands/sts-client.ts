import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { RawToken__Output } from '../gen/chainguard/platform/oidc/RawToken.ts'
import { systemClock } from '../runtime/clock.ts'
import { loadProtos } from '../wire/protos.ts'

/** What an exchange answered, in either protocol. */
export type Answer =
  | { readonly ok: true; readonly token: string; readonly expiry: string }
  | { readonly ok: false; readonly code: number; readonly message: string }

export interface Ask {
  readonly token: string
  readonly scope: string
  readonly identity: string
}

/** One exchange over gRPC, plain text, as a client of the Chainguard SDK makes it. */
export function exchangeOverGrpc(address: string, { token, scope, identity }: Ask): Promise<Answer> {
  const method = loadProtos().securityTokenService.Exchange
  const client = new Client(address, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      { scope, scopes: [scope], identity }, // clients of the SDK send both
      metadata,
      { deadline: systemClock.now() + 10_000 },
      (error: ServiceError | null, answer?: RawToken__Output) => {
        client.close()
        resolve(error === null ? rawToken(answer) : { ok: false, code: error.code, message: error.details })
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
    ? { ok: true, token: String(body['token']), expiry: String(body['expiry']) }
    : { ok: false, code: Number(body['code']), message: String(body['message']) }
}

function rawToken(answer: RawToken__Output | undefined): Answer {
  const expiry = new Date(Number(answer?.expiry?.seconds) * 1000).toISOString().replace('.000Z', 'Z')
  return { ok: true, token: answer?.token ?? '', expiry }
}

import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { RawToken__Output } from '../gen/chainguard/platform/oidc/RawToken.ts'
import { systemClock } from '../runtime/clock.ts'
import { encode } from '../terms/text.ts'
import type { Protos } from '../wire/protos.ts'
import { type CallLimits, MESSAGE_LIMIT, NoAnswer } from './bounded-fetch.ts'
import { type Answer, type Ask, type Granted, instant, type Refused, refused } from './sts-answer.ts'

export interface GrpcServer {
  readonly address: string
  readonly secure: boolean
  readonly protos: Protos
}

/** One exchange over gRPC. Throws a NoAnswer. */
export function grpcExchange(server: GrpcServer, ask: Ask, limits: CallLimits): Promise<Answer> {
  const { token, scope, identity, cap = [] } = ask
  // Clients of the SDK send the scope both ways.
  const request = { scope, scopes: [scope], identity, cap: [...cap] }
  const method = server.protos.securityTokenService.Exchange
  return unary(server, { method, token, request, ...limits }, (raw) => granted(raw, raw.refreshToken))
}

/** One refresh over gRPC. Throws a NoAnswer. */
export function grpcRefresh(server: GrpcServer, token: string, limits: CallLimits): Promise<Answer> {
  const method = server.protos.securityTokenService.ExchangeRefreshToken
  return unary(server, { method, token, request: {}, ...limits }, (pair) =>
    granted(pair.token, pair.refreshToken?.token),
  )
}

interface Unary<Request, Response> extends CallLimits {
  readonly method: {
    readonly path: string
    readonly requestSerialize: (request: Request) => Buffer
    readonly responseDeserialize: (bytes: Buffer) => Response
  }
  readonly token: string
  readonly request: Request
}

function unary<Request, Response>(
  { address, secure, protos }: GrpcServer,
  { method, token, request, timeoutMs, stop }: Unary<Request, Response>,
  read: (response: Response) => Answer,
): Promise<Answer> {
  const client = new Client(address, secure ? credentials.createSsl() : credentials.createInsecure(), {
    'grpc.max_receive_message_length': MESSAGE_LIMIT_BYTES,
  })
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  return new Promise<Answer>((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: systemClock.now() + timeoutMs },
      (error: ServiceError | null, response?: Response) => {
        stop.removeEventListener('abort', leave)
        client.close()
        try {
          if (error !== null) resolve(refusedOverGrpc(error, protos))
          else if (response === undefined) reject(new NoAnswer('an answer without a message'))
          else resolve(read(response))
        } catch (unusable) {
          reject(unusable)
        }
      },
    )
    const leave = () => call.cancel()
    stop.addEventListener('abort', leave, { once: true })
    if (stop.aborted) leave()
  })
}

/**
 * These codes come from the client itself when there is no server. The service never sends one without a reason, so that
 * without one nobody has refused anything.
 */
function refusedOverGrpc({ code, details, metadata }: ServiceError, protos: Protos): Refused {
  const reason = reasonIn(metadata, protos)
  if (reason === undefined && FROM_THE_CLIENT.has(code)) {
    throw new NoAnswer(`no answer: ${status[code]}: ${encode(details, MESSAGE_LIMIT)}`)
  }
  return refused(code, details, reason)
}

function reasonIn(metadata: Metadata, { statusReader, errorInfoReader }: Protos): string | undefined {
  const [binary] = metadata.get('grpc-status-details-bin')
  if (!(binary instanceof Buffer)) return undefined
  try {
    const info = statusReader(binary).details.find(({ type_url }) => type_url.endsWith('google.rpc.ErrorInfo'))
    return info === undefined ? undefined : errorInfoReader(info.value).reason
  } catch {
    return undefined // not the bytes of these messages
  }
}

function granted(raw: RawToken__Output | null, refreshToken = ''): Granted {
  if (raw === null || raw.token === '') throw new NoAnswer('an answer without a token')
  return { ok: true, token: raw.token, expiry: instant(Number(raw.expiry?.seconds) * 1000), refreshToken }
}

const FROM_THE_CLIENT: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED])
/** A token and a refresh token have a few KiB. */
const MESSAGE_LIMIT_BYTES = 1024 * 1024

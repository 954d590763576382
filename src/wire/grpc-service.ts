import { Metadata, type sendUnaryData } from '@grpc/grpc-js'
import type { Exchange, Issued } from '../exchange/request.ts'
import type { ExchangeRequest__Output } from '../gen/chainguard/platform/oidc/ExchangeRequest.ts'
import type { RawToken } from '../gen/chainguard/platform/oidc/RawToken.ts'
import type {
  SecurityTokenServiceDefinition,
  SecurityTokenServiceHandlers,
} from '../gen/chainguard/platform/oidc/SecurityTokenService.ts'
import type { Timestamp } from '../gen/google/protobuf/Timestamp.ts'
import type { Logger } from '../runtime/log.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { runExchange } from './deliver.ts'
import { denialStatus } from './grpc-answer.ts'
import type { GrpcCall, GrpcCalls } from './grpc-calls.ts'
import type { Protos } from './protos.ts'
import { logRefusal } from './refusal-log.ts'

export interface GrpcServiceContext {
  readonly exchange: Exchange
  readonly domain: string
  readonly log: Logger
  readonly protos: Protos
  /** Made after the server, so asked for at each call. */
  readonly calls: () => Pick<GrpcCalls, 'take'>
}

/** The handlers of SecurityTokenService. None rejects, and each calls back at most once: grpc-js forgives neither. */
export function createGrpcService(context: GrpcServiceContext): SecurityTokenServiceHandlers {
  return {
    Exchange: ({ request, metadata }, callback) => {
      const call = context.calls().take(metadata)
      exchange(request, call, context).then(
        (issued) => deliver(issued, call, callback),
        (error: unknown) => refuse(error, call, { ...context, callback }),
      )
    },
    ExchangeRefreshToken: ({ metadata }, callback) => {
      const call = context.calls().take(metadata)
      const message = 'refresh tokens are not issued by this service: exchange a fresh OIDC token'
      refuse(new Denial('REFRESH_UNIMPLEMENTED', message), call, { ...context, callback })
    },
  }
}

/**
 * The service's definition, with messages that cannot be read made known to the handler: by itself grpc-js answers them
 * with Internal, which clients take for a fault of the service and retry.
 */
export function withTolerantRequests(definition: SecurityTokenServiceDefinition): SecurityTokenServiceDefinition {
  const { Exchange, ExchangeRefreshToken } = definition
  return {
    Exchange: { ...Exchange, requestDeserialize: tolerant(Exchange.requestDeserialize) },
    ExchangeRefreshToken: {
      ...ExchangeRefreshToken,
      requestDeserialize: tolerant(ExchangeRefreshToken.requestDeserialize),
    },
  }
}

function tolerant<T extends object>(deserialize: (bytes: Buffer) => T): (bytes: Buffer) => T {
  return (bytes) => {
    try {
      return deserialize(bytes)
    } catch {
      return { ...deserialize(Buffer.alloc(0)), [MALFORMED]: true }
    }
  }
}

async function exchange(
  request: ExchangeRequest__Output,
  call: GrpcCall,
  context: GrpcServiceContext,
): Promise<Issued> {
  const { requestId, userAgent, authorization, lifetime } = call
  lifetime.signal.throwIfAborted() // its message came too late
  if (Object.hasOwn(request, MALFORMED)) throw new Denial('REQUEST_MALFORMED', 'the message is not an ExchangeRequest')
  const { scope, scopes, identity, cap } = request
  return runExchange(
    context.exchange,
    { authorization, scope, scopes, identity, cap },
    { requestId, protocol: 'grpc', userAgent, signal: lifetime.signal },
  )
}

/** The token is abandoned when its stream ends before all of the answer was sent. */
function deliver(issued: Issued, { stream, requestId, lifetime }: GrpcCall, callback: sendUnaryData<RawToken>): void {
  lifetime.end()
  if (stream.destroyed || stream.closed) {
    issued.abandon()
    return
  }
  let sent = false
  stream.once('wantTrailers', () => {
    sent = true
  })
  stream.once('close', () => {
    if (!sent) issued.abandon()
  })
  const trailers = new Metadata()
  trailers.set('x-request-id', requestId)
  callback(null, { token: issued.token, refreshToken: '', expiry: timestampOf(issued.expiresAt) }, trailers)
}

function refuse(
  error: unknown,
  { requestId, lifetime }: GrpcCall,
  { domain, log, protos, callback }: GrpcServiceContext & { readonly callback: sendUnaryData<never> },
): void {
  lifetime.end()
  const denial = asDenial(error)
  logRefusal(log, denial, { requestId, protocol: 'grpc' })
  callback(denialStatus(denial, { domain, requestId }, protos))
}

function timestampOf(time: Date): Timestamp {
  const ms = time.getTime()
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 }
}

/** Not a field of any message. */
const MALFORMED = Symbol('malformed')

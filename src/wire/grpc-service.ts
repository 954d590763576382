import { Metadata, type sendUnaryData } from '@grpc/grpc-js'
import type { Caller, Exchange, Issued, Refresh, Refreshed } from '../exchange/request.ts'
import type { ExchangeRefreshTokenRequest__Output } from '../gen/chainguard/platform/oidc/ExchangeRefreshTokenRequest.ts'
import type { ExchangeRequest__Output } from '../gen/chainguard/platform/oidc/ExchangeRequest.ts'
import type { RawToken } from '../gen/chainguard/platform/oidc/RawToken.ts'
import type {
  SecurityTokenServiceDefinition,
  SecurityTokenServiceHandlers,
} from '../gen/chainguard/platform/oidc/SecurityTokenService.ts'
import type { TokenPair } from '../gen/chainguard/platform/oidc/TokenPair.ts'
import type { Timestamp } from '../gen/google/protobuf/Timestamp.ts'
import type { Logger } from '../runtime/log.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { deliverable } from './deliver.ts'
import { FIELDS_LIMIT, hasMoreFields } from './field-count.ts'
import { denialStatus } from './grpc-answer.ts'
import type { GrpcCall, GrpcCalls } from './grpc-calls.ts'
import type { Protos } from './protos.ts'
import { logRefusal } from './refusal-log.ts'

export interface GrpcServiceContext {
  readonly exchange: Exchange
  readonly refresh: Refresh
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
        (issued) => deliver(issued, rawTokenOf(issued), { call, callback }),
        (error: unknown) => refuse(error, call, { ...context, callback }),
      )
    },
    ExchangeRefreshToken: ({ request, metadata }, callback) => {
      const call = context.calls().take(metadata)
      refresh(request, call, context).then(
        (refreshed) => deliver(refreshed, pairOf(refreshed), { call, callback }),
        (error: unknown) => refuse(error, call, { ...context, callback }),
      )
    },
  }
}

/**
 * The service's definition, with messages that cannot be read made known to the handler: by itself grpc-js answers them
 * with Internal, which clients take for a fault of the service and retry. One of more fields than any request has is not
 * read at all: 4 MiB have room for two million, which would hold up everybody.
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
      if (!hasMoreFields(bytes, FIELDS_LIMIT)) return deserialize(bytes)
      return { ...deserialize(Buffer.alloc(0)), [OVERFULL]: true }
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
  const caller = callerOf(request, call, 'ExchangeRequest')
  const { scope, scopes, identity, cap } = request
  const { authorization } = call
  return deliverable(context.exchange({ authorization, scope, scopes, identity, cap }, caller), caller)
}

async function refresh(
  request: ExchangeRefreshTokenRequest__Output,
  call: GrpcCall,
  context: GrpcServiceContext,
): Promise<Refreshed> {
  const caller = callerOf(request, call, 'ExchangeRefreshTokenRequest')
  const { scope, scopes, cap } = request
  const { authorization } = call
  return deliverable(context.refresh({ authorization, scope, scopes, cap }, caller), caller)
}

function callerOf(request: object, { requestId, userAgent, trace, lifetime }: GrpcCall, message: string): Caller {
  lifetime.signal.throwIfAborted() // its message came too late
  if (Object.hasOwn(request, MALFORMED)) throw new Denial('REQUEST_MALFORMED', `the message is not an ${message}`)
  if (Object.hasOwn(request, OVERFULL))
    throw new Denial('REQUEST_TOO_LARGE', `the message has more than ${FIELDS_LIMIT} fields`)
  return { requestId, protocol: 'grpc', userAgent, signal: lifetime.signal, trace }
}

/** The token is abandoned when its stream ends before all of the answer was sent. */
function deliver<T>(
  issued: Issued,
  answer: T,
  { call, callback }: { readonly call: GrpcCall; readonly callback: sendUnaryData<T> },
): void {
  const { stream, requestId, lifetime } = call
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
  callback(null, answer, trailers)
}

function rawTokenOf({
  token,
  expiresAt,
  refreshToken,
}: Pick<Issued, 'token' | 'expiresAt' | 'refreshToken'>): RawToken {
  return { token, refreshToken: refreshToken?.token ?? '', expiry: timestampOf(expiresAt) }
}

function pairOf({ token, expiresAt, refreshToken }: Refreshed): TokenPair {
  return { token: rawTokenOf({ token, expiresAt }), refreshToken: rawTokenOf(refreshToken) }
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

/** Neither is a field of any message. */
const [MALFORMED, OVERFULL] = [Symbol('malformed'), Symbol('overfull')]

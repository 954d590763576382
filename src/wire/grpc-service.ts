import { Metadata, type ServerUnaryCall, type ServiceDefinition, type sendUnaryData } from '@grpc/grpc-js'
import type { Caller, Exchange, Issued, Refresh, Refreshed } from '../exchange/request.ts'
import type { RawToken } from '../gen/chainguard/platform/oidc/RawToken.ts'
import type { SecurityTokenServiceDefinition } from '../gen/chainguard/platform/oidc/SecurityTokenService.ts'
import type { TokenPair } from '../gen/chainguard/platform/oidc/TokenPair.ts'
import type { Timestamp } from '../gen/google/protobuf/Timestamp.ts'
import type { Logger } from '../runtime/log.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { deliverable } from './deliver.ts'
import { FIELDS_LIMIT, hasMoreFields } from './field-count.ts'
import { denialStatus } from './grpc-answer.ts'
import type { GrpcCall, GrpcCalls } from './grpc-calls.ts'
import type { UnaryCaller, UnaryMethod } from './grpc-unary.ts'
import type { Protos } from './protos.ts'
import { logRefusal } from './refusal-log.ts'

/** The methods of SecurityTokenService, from bytes to bytes, by their names. */
export interface ServiceMethods {
  readonly Exchange: UnaryMethod<Issued>
  readonly ExchangeRefreshToken: UnaryMethod<Refreshed>
}

export function createServiceMethods({
  exchange,
  refresh,
  protos,
}: {
  readonly exchange: Exchange
  readonly refresh: Refresh
  readonly protos: Protos
}): ServiceMethods {
  const { Exchange, ExchangeRefreshToken } = protos.securityTokenService
  return {
    Exchange: {
      async answer(message, caller) {
        caller.signal.throwIfAborted() // its message came too late
        const { scope, scopes, identity, cap } = read(Exchange.requestDeserialize, message, 'ExchangeRequest')
        return exchange({ authorization: caller.authorization, scope, scopes, identity, cap }, callerOf(caller))
      },
      serialize: (issued) => Exchange.responseSerialize(rawTokenOf(issued)),
    },
    ExchangeRefreshToken: {
      async answer(message, caller) {
        caller.signal.throwIfAborted()
        const deserialize = ExchangeRefreshToken.requestDeserialize
        const { scope, scopes, cap } = read(deserialize, message, 'ExchangeRefreshTokenRequest')
        return refresh({ authorization: caller.authorization, scope, scopes, cap }, callerOf(caller))
      },
      serialize: (refreshed) => ExchangeRefreshToken.responseSerialize(pairOf(refreshed)),
    },
  }
}

/**
 * Messages that cannot be read are the caller's fault: grpc-js says Internal, which clients retry. One of more fields than
 * any request has is not read at all: 4 MiB have room for two million, which would hold up everybody.
 */
function read<T>(deserialize: (bytes: Buffer) => T, message: Buffer, name: string): T {
  if (hasMoreFields(message, FIELDS_LIMIT))
    throw new Denial('REQUEST_TOO_LARGE', `the message has more than ${FIELDS_LIMIT} fields`)
  try {
    return deserialize(message)
  } catch {
    throw new Denial('REQUEST_MALFORMED', `the message is not an ${name}`)
  }
}

function callerOf({ requestId, userAgent, signal, trace }: UnaryCaller): Caller {
  return { requestId, protocol: 'grpc', userAgent, signal, trace }
}

export interface GrpcServiceContext {
  readonly methods: ServiceMethods
  readonly domain: string
  readonly log: Logger
  readonly protos: Protos
  /** Made after the server, so asked for at each call. */
  readonly calls: () => Pick<GrpcCalls, 'take'>
}

/** SecurityTokenService as grpc-js takes it, with messages that stay bytes. */
export function bytesDefinition(definition: SecurityTokenServiceDefinition): ServiceDefinition {
  const { Exchange, ExchangeRefreshToken } = definition
  const codecs = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  }
  return {
    Exchange: { ...Exchange, ...codecs },
    ExchangeRefreshToken: { ...ExchangeRefreshToken, ...codecs },
  }
}

type Handler = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void

/** The handlers for grpc-js. None rejects, and each calls back at most once: grpc-js forgives neither. */
export function createGrpcService(context: GrpcServiceContext): Readonly<Record<keyof ServiceMethods, Handler>> {
  const { Exchange, ExchangeRefreshToken } = context.methods
  return { Exchange: handlerOf(Exchange, context), ExchangeRefreshToken: handlerOf(ExchangeRefreshToken, context) }
}

function handlerOf<T extends Issued>(method: UnaryMethod<T>, context: GrpcServiceContext): Handler {
  return ({ request, metadata }, callback) => {
    const call = context.calls().take(metadata)
    const caller = { ...call, signal: call.lifetime.signal }
    deliverable(method.answer(request, caller), caller)
      .then((issued) => deliver(issued, method, { call, callback }))
      .catch((error: unknown) => refuse(error, call, { ...context, callback }))
  }
}

/** The token is abandoned when its stream ends before all of the answer was sent. */
function deliver<T extends Issued>(
  issued: T,
  { serialize }: UnaryMethod<T>,
  { call, callback }: { readonly call: GrpcCall; readonly callback: sendUnaryData<Buffer> },
): void {
  const { stream, requestId, lifetime } = call
  lifetime.end()
  if (stream.destroyed || stream.closed) {
    issued.abandon()
    return
  }
  const answer = serialized(issued, serialize)
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

/** A token that cannot be written is nobody's. */
function serialized<T extends Issued>(issued: T, serialize: UnaryMethod<T>['serialize']): Buffer {
  try {
    return serialize(issued)
  } catch (error) {
    issued.abandon()
    throw error
  }
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

function same(bytes: Buffer): Buffer {
  return bytes
}

import { Server, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Exchange, Refresh } from '../exchange/request.ts'
import { FIELDS_LIMIT, hasMoreFields } from './field-count.ts'
import { createGrpcCalls, type GrpcCalls, type GrpcCallsContext, type KnownMethod } from './grpc-calls.ts'
import { bytesDefinition, createGrpcService, createServiceMethods } from './grpc-service.ts'
import type { UnaryMethod } from './grpc-unary.ts'
import type { Health } from './health.ts'
import type { HttpRequest, HttpResponse } from './http-answer.ts'
import { createHttp2Entrance, type Http2Entrance } from './http2-entrance.ts'
import { createLateReflection } from './late-reflection.ts'
import type { WireLimits } from './limits.ts'
import { loadProtos } from './protos.ts'

export interface GrpcServerContext extends Omit<GrpcCallsContext, 'protos' | 'methods' | 'serve'> {
  readonly exchange: Exchange
  readonly refresh: Refresh
  readonly health: Health
  /** For the streams that are not gRPC. */
  readonly http: (request: HttpRequest, response: HttpResponse) => void
}

/** The gRPC services (SecurityTokenService, health, reflection) behind the entrance for HTTP/2 connections. */
export function createGrpcServer(context: GrpcServerContext): Http2Entrance {
  const { limits, health, http } = context
  const protos = loadProtos()
  const server = new Server(optionsOf(limits))
  const known = new Map<string, KnownMethod>()
  const add = (
    service: ServiceDefinition,
    implementation: UntypedServiceImplementation,
    unary: Readonly<Record<string, UnaryMethod>> = {},
  ): void => {
    for (const [name, { path, requestStream, responseStream }] of Object.entries(service)) {
      known.set(path, { streaming: requestStream || responseStream, unary: unary[name] })
    }
    server.addService(service, implementation)
  }
  let calls: GrpcCalls | undefined
  const theCalls = (): GrpcCalls => {
    if (calls === undefined) throw new Error('a gRPC call before the server was there')
    return calls
  }
  const methods = createServiceMethods({ ...context, protos })
  const service = createGrpcService({ ...context, protos, methods, calls: theCalls })
  add(bytesDefinition(protos.securityTokenService), service, { ...methods })
  add(bounded(protos.health), { ...health.handlers })
  const reflection = createLateReflection({
    addService: (service, handlers) => server.addService(bounded(service), handlers),
  })
  for (const path of reflection.paths) known.set(path, { streaming: true })
  return createHttp2Entrance(server, limits, {
    http,
    grpc: (serve) => {
      calls = createGrpcCalls({ ...context, protos, methods: known, serve: reflection.before(serve) })
      return calls.accept
    },
  })
}

/** With messages of more fields than any has unread: 4 MiB have room for two million, which would hold up everybody. */
function bounded<Service extends ServiceDefinition>(service: Service): Service {
  const methods = Object.entries<ServiceDefinition[string]>(service).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      if (hasMoreFields(bytes, FIELDS_LIMIT)) throw new Error(`the message has more than ${FIELDS_LIMIT} fields`)
      return method.requestDeserialize(bytes)
    }
    return [name, { ...method, requestDeserialize }]
  })
  return Object.fromEntries(methods) as Service
}

function optionsOf(limits: WireLimits) {
  return {
    'grpc.enable_channelz': 0, // 7 % of a call's CPU, for a page that nobody serves
    'grpc.max_receive_message_length': limits.messageBytes,
    'grpc.max_concurrent_streams': limits.streams,
    'grpc.keepalive_time_ms': limits.pingMs,
    'grpc.keepalive_timeout_ms': limits.pingAnswerMs,
    'grpc-node.max_session_memory': limits.sessionMemoryMb,
  }
}

import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs/light.js'
import type { SecurityTokenServiceDefinition } from '../gen/chainguard/platform/oidc/SecurityTokenService.ts'
import type { BadRequest } from '../gen/google/rpc/BadRequest.ts'
import type { ErrorInfo, ErrorInfo__Output } from '../gen/google/rpc/ErrorInfo.ts'
import type { Help } from '../gen/google/rpc/Help.ts'
import type { RequestInfo } from '../gen/google/rpc/RequestInfo.ts'
import type { RetryInfo } from '../gen/google/rpc/RetryInfo.ts'
import type { Status, Status__Output } from '../gen/google/rpc/Status.ts'
import type { HealthDefinition } from '../gen/grpc/health/v1/Health.ts'

/** The services and messages of proto/, loaded once at start. */
export interface Protos {
  readonly securityTokenService: SecurityTokenServiceDefinition
  readonly health: HealthDefinition
  readonly status: Serializer<Status>
  readonly details: { readonly [Name in keyof DetailMessages]: Serializer<DetailMessages[Name]> }
  /** For clients, who are told why they were refused; both throw on other bytes. */
  readonly statusReader: (bytes: Buffer) => Status__Output
  readonly errorInfoReader: (bytes: Buffer) => ErrorInfo__Output
}

/** The google.rpc messages that say more about an error, by their full names. */
export interface DetailMessages {
  'google.rpc.ErrorInfo': ErrorInfo
  'google.rpc.RequestInfo': RequestInfo
  'google.rpc.RetryInfo': RetryInfo
  'google.rpc.BadRequest': BadRequest
  'google.rpc.Help': Help
}

export type Serializer<T> = (message: T) => Buffer

/** From what the build has parsed of proto/. By protobufjs itself: proto-loader also describes each message, which no start needs. */
export function loadProtos(): Protos {
  const parsed = JSON.parse(readFileSync(new URL('../gen/protos.json', import.meta.url), 'utf8'))
  const root = protobuf.Root.fromJSON(parsed)
  root.resolveAll()
  return {
    securityTokenService: serviceOf<SecurityTokenServiceDefinition>(root, SERVICE_NAME),
    health: serviceOf<HealthDefinition>(root, 'grpc.health.v1.Health'),
    status: serializerOf<Status>(root.lookupType('google.rpc.Status')),
    details: {
      'google.rpc.ErrorInfo': serializerOf(root.lookupType('google.rpc.ErrorInfo')),
      'google.rpc.RequestInfo': serializerOf(root.lookupType('google.rpc.RequestInfo')),
      'google.rpc.RetryInfo': serializerOf(root.lookupType('google.rpc.RetryInfo')),
      'google.rpc.BadRequest': serializerOf(root.lookupType('google.rpc.BadRequest')),
      'google.rpc.Help': serializerOf(root.lookupType('google.rpc.Help')),
    },
    statusReader: readerOf<Status__Output>(root.lookupType('google.rpc.Status')),
    errorInfoReader: readerOf<ErrorInfo__Output>(root.lookupType('google.rpc.ErrorInfo')),
  }
}

export const SERVICE_NAME = 'chainguard.platform.oidc.SecurityTokenService'

/** In the shape that grpc-js wants; that the methods have these types, the generated stubs vouch for. */
function serviceOf<T>(root: protobuf.Root, name: string): T {
  const methods = root.lookupService(name).methodsArray.map((method) => {
    const { requestStream = false, responseStream = false, resolvedRequestType, resolvedResponseType } = method
    if (resolvedRequestType === null || resolvedResponseType === null)
      throw new Error(`proto/ does not define the messages of ${method.name}`)
    const definition = {
      path: `/${name}/${method.name}`,
      requestStream,
      responseStream,
      requestSerialize: serializerOf(resolvedRequestType),
      requestDeserialize: readerOf(resolvedRequestType),
      responseSerialize: serializerOf(resolvedResponseType),
      responseDeserialize: readerOf(resolvedResponseType),
      originalName: protobuf.util.lcFirst(method.name),
    }
    return [method.name, definition]
  })
  return Object.fromEntries(methods) as T
}

function serializerOf<T extends object>(type: protobuf.Type): Serializer<T> {
  return (message) => type.encode(type.fromObject(message)).finish() as Buffer // of Node.js, it makes Buffers
}

function readerOf<Output>(type: protobuf.Type): (bytes: Buffer) => Output {
  return (bytes) => type.toObject(type.decode(bytes), SHAPE) as Output
}

/** What scripts/generate-stubs.mjs gives the stubs. */
const SHAPE: protobuf.IConversionOptions = { longs: String, enums: String, defaults: true, oneofs: true }

import { readFileSync } from 'node:fs'
import { fromJSON, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader'
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

/** From what the build has parsed of proto/; the options are those that scripts/generate-stubs.mjs gives the stubs. */
export function loadProtos(): Protos {
  const parsed = JSON.parse(readFileSync(new URL('../gen/protos.json', import.meta.url), 'utf8'))
  const definitions = fromJSON(parsed, { longs: String, enums: String, defaults: true, oneofs: true })
  return {
    securityTokenService: definitionOf<SecurityTokenServiceDefinition>(definitions, SERVICE_NAME),
    health: definitionOf<HealthDefinition>(definitions, 'grpc.health.v1.Health'),
    status: serializerOf<Status>(definitions, 'google.rpc.Status'),
    details: {
      'google.rpc.ErrorInfo': serializerOf(definitions, 'google.rpc.ErrorInfo'),
      'google.rpc.RequestInfo': serializerOf(definitions, 'google.rpc.RequestInfo'),
      'google.rpc.RetryInfo': serializerOf(definitions, 'google.rpc.RetryInfo'),
      'google.rpc.BadRequest': serializerOf(definitions, 'google.rpc.BadRequest'),
      'google.rpc.Help': serializerOf(definitions, 'google.rpc.Help'),
    },
    statusReader: readerOf<Status, Status__Output>(definitions, 'google.rpc.Status'),
    errorInfoReader: readerOf<ErrorInfo, ErrorInfo__Output>(definitions, 'google.rpc.ErrorInfo'),
  }
}

export const SERVICE_NAME = 'chainguard.platform.oidc.SecurityTokenService'

function serializerOf<T extends object>(definitions: PackageDefinition, name: string): Serializer<T> {
  return definitionOf<MessageTypeDefinition<T, T>>(definitions, name).serialize
}

function readerOf<T extends object, Output extends object>(
  definitions: PackageDefinition,
  name: string,
): (bytes: Buffer) => Output {
  return definitionOf<MessageTypeDefinition<T, Output>>(definitions, name).deserialize
}

/** The loader's types say only that there is some definition; that it is this one, the generated stubs vouch for. */
function definitionOf<T>(definitions: PackageDefinition, name: string): T {
  const definition: unknown = definitions[name]
  if (definition === undefined) throw new Error(`proto/ does not define ${name}`)
  return definition as T
}

import { readFileSync } from 'node:fs'
import type { Server } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'

/**
 * Server reflection, v1 and v1alpha, of the descriptors that buf compiled from proto/. proto-loader's own leave out what
 * grpcurl needs to describe a Timestamp (grpc-node #2958).
 */
export function addReflection(server: Pick<Server, 'addService'>): void {
  const texts: unknown = JSON.parse(readFileSync(new URL('../gen/descriptors.json', import.meta.url), 'utf8'))
  if (!Array.isArray(texts)) throw new Error('src/gen/descriptors.json is not a list')
  const fileDescriptorProtos = texts.map((text) => Buffer.from(String(text), 'base64'))
  const files = { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } as const
  new ReflectionService({ files }).addToServer(server)
}

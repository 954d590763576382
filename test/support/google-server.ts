import { type AddressInfo, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import {
  credentials,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { VendorClients } from '../../src/keys/key-client.ts'

/** A gRPC server that speaks a service of Google Cloud as its published .proto says, and fails where it is told to. */
export interface GoogleServer extends AsyncDisposable {
  /** How Google's own client finds it. */
  readonly client: NonNullable<VendorClients['gcp']>
  readonly requests: readonly Message[]
  /** What happens to the next calls instead of an answer, one each. */
  readonly faults: GoogleFault[]
}

export type Message = Readonly<Record<string, unknown>>
export type GoogleFault = 'hang' | 'reset' | { readonly code: number; readonly details: string } | Change
/** Spoils a good answer. */
type Change = (answer: Message) => Message

export const GOOGLE_SERVICES = {
  kms: ['@google-cloud/kms', 'google/cloud/kms/v1/service.proto', 'google.cloud.kms.v1.KeyManagementService'],
  secrets: [
    '@google-cloud/secret-manager',
    'google/cloud/secretmanager/v1/service.proto',
    'google.cloud.secretmanager.v1.SecretManagerService',
  ],
} as const

/** `methods`, by their names in the .proto; an answer, or an error with `code` and `details`. */
export async function startGoogleServer(
  [packageName, proto, service]: (typeof GOOGLE_SERVICES)[keyof typeof GOOGLE_SERVICES],
  methods: Readonly<Record<string, (request: Message) => Message>>,
): Promise<GoogleServer> {
  const requests: Message[] = []
  const faults: GoogleFault[] = []
  const sockets = new Set<Socket>()
  const handle =
    (method: (request: Message) => Message) =>
    (call: ServerUnaryCall<Message, Message>, done: sendUnaryData<Message>) => {
      requests.push(call.request)
      const fault = faults.shift()
      if (fault === 'hang') return
      if (fault === 'reset') {
        for (const socket of sockets) socket.resetAndDestroy()
        return
      }
      if (typeof fault === 'object') {
        done(fault)
        return
      }
      try {
        const answer = method(call.request)
        done(null, fault === undefined ? answer : fault(answer))
      } catch (error) {
        done(error as { code: number; details: string })
      }
    }
  const server = new Server()
  server.addService(
    definitionOf(packageName, proto, service),
    Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, handle(method)])),
  )
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const door = createServer((socket) => {
    sockets.add(socket)
    injector.injectConnection(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const { port } = door.address() as AddressInfo
  return {
    client: googleClient(port),
    requests,
    faults,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.forceShutdown()
      await new Promise((resolve) => door.close(resolve))
    },
  }
}

/** Of a Google client that needs no credentials and asks no metadata server. `universe` is what its credentials say. */
export function googleClient(port: number, universe = async () => 'googleapis.com'): GoogleServer['client'] {
  const auth = { getUniverseDomain: universe } as unknown as NonNullable<GoogleServer['client']['auth']>
  return { apiEndpoint: '127.0.0.1', port, sslCreds: credentials.createInsecure(), auth }
}

function definitionOf(packageName: string, proto: string, service: string): ServiceDefinition {
  const definition = loadSync(proto, {
    includeDirs: [protosOf(packageName), protosOf('google-gax')],
    longs: String,
    defaults: true,
    keepCase: false,
  })
  const found = service
    .split('.')
    .reduce<unknown>(
      (scope, name) => (typeof scope === 'object' && scope !== null ? Reflect.get(scope, name) : undefined),
      loadPackageDefinition(definition),
    )
  if (typeof found !== 'function' || !('service' in found)) throw new Error(`${packageName} publishes no ${service}`)
  return found.service as ServiceDefinition
}

/** As the packages are installed: google-gax exports no path into itself. */
function protosOf(packageName: string): string {
  return fileURLToPath(new URL(`../../../node_modules/${packageName}/build/protos`, import.meta.url))
}

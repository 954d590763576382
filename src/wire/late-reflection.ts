import type { Server } from '@grpc/grpc-js'
import type { ServeGrpc } from './http2-entrance.ts'

/** Server reflection that is loaded when somebody first asks for it: 50 ms that nobody needs at start. */
export interface LateReflection {
  readonly paths: readonly string[]
  /** Stands before grpc-js's own listener, and lets everything through once its services are there. */
  before(serve: ServeGrpc): ServeGrpc
}

export function createLateReflection(server: Pick<Server, 'addService'>): LateReflection {
  let added: Promise<void> | undefined
  const add = async () => {
    const { addReflection } = await import('./reflection.ts')
    addReflection(server)
  }
  return {
    paths: PATHS,
    before: (serve) => (stream, headers, flags) => {
      if (!PATHS.includes(headers[':path'] ?? '')) {
        serve(stream, headers, flags)
        return
      }
      added ??= add()
      added.then(
        () => {
          if (!stream.destroyed) serve(stream, headers, flags)
        },
        () => stream.close(), // a package that is broken: what it throws is no caller's business
      )
    },
  }
}

const PATHS = ['v1', 'v1alpha'].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`)

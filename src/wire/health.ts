import { type ServerWritableStream, status } from '@grpc/grpc-js'
import type { HealthHandlers } from '../gen/grpc/health/v1/Health.ts'
import type { HealthCheckRequest__Output } from '../gen/grpc/health/v1/HealthCheckRequest.ts'
import type { HealthCheckResponse } from '../gen/grpc/health/v1/HealthCheckResponse.ts'
import { quote } from '../terms/text.ts'

export interface Health {
  readonly handlers: HealthHandlers
  /** Tells the watchers what has changed. */
  refresh(): void
  /** Tells the watchers, and ends their calls, which have no end of their own. */
  end(): void
}

type Watch = ServerWritableStream<HealthCheckRequest__Output, HealthCheckResponse>

/** grpc.health.v1: SERVING for the empty name and for `services` while `isReady`, NOT_SERVING else. */
export function createHealth(services: readonly string[], isReady: () => boolean): Health {
  const known: ReadonlySet<string> = new Set(['', ...services])
  const current = (): 'SERVING' | 'NOT_SERVING' => (isReady() ? 'SERVING' : 'NOT_SERVING')
  const watches = new Map<Watch, string>()
  const tell = (watch: Watch): void => {
    const now = known.has(watch.request.service) ? current() : 'SERVICE_UNKNOWN'
    if (watches.get(watch) === now) return
    watches.set(watch, now)
    watch.write({ status: now })
  }
  const refresh = (): void => {
    for (const watch of watches.keys()) tell(watch)
  }
  return {
    refresh,
    end: () => {
      refresh()
      const gone = { code: status.UNAVAILABLE, details: 'this process is ending' }
      for (const watch of watches.keys()) watch.emit('error', gone) // grpc-js's way to end a stream with a status
    },
    handlers: {
      Check: ({ request: { service } }, callback) => {
        if (known.has(service)) callback(null, { status: current() })
        else callback({ code: status.NOT_FOUND, details: `there is no service ${quote(service)} here` })
      },
      Watch: (watch) => {
        watch.on('error', ignore)
        watch.once('cancelled', () => watches.delete(watch))
        tell(watch)
      },
    },
  }
}

function ignore(): void {}

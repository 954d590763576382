import type { Clock } from '../exchange/ports.ts'
import type { Exchange, Refresh } from '../exchange/request.ts'
import type { Logger } from '../runtime/log.ts'
import { Denial } from '../terms/denial.ts'
import type { CertificateFiles } from './certificate.ts'
import { createDoor, type Door } from './door.ts'
import { createGrpcServer } from './grpc-server.ts'
import { createHealth, type Health } from './health.ts'
import { createHttpHandler, type HttpContext } from './http.ts'
import { DEFAULT_LIMITS, type WireLimits } from './limits.ts'
import type { OAuthContext } from './oauth.ts'
import type { WireDocument } from './pages.ts'
import { SERVICE_NAME } from './protos.ts'
import { createRequests, type Requests } from './requests.ts'

export interface WireOptions {
  readonly exchange: Exchange
  readonly refresh: Refresh
  readonly revokeRefreshToken: OAuthContext['revokeRefreshToken']
  readonly revokeInstallationToken: OAuthContext['revokeInstallationToken']
  /** Where people see GitHub; `https://github.com` when absent. */
  readonly gitHubWebUrl?: string
  readonly clock: Pick<Clock, 'now'>
  /** The STS domain: in error details, and in links to the documentation. */
  readonly domain: string
  /** 0: one that is free. */
  readonly port: number
  /** All addresses, of both families, when absent. */
  readonly host?: string
  /** Of a worker: the port is its own, and not shared with the others. */
  readonly exclusive?: boolean
  /** TLS 1.2 or later with ALPN (h2, http/1.1); absent: plain text. */
  readonly tls?: CertificateFiles
  readonly isReady: () => boolean
  readonly log: Logger
  readonly newRequestId: () => string
  /** Files that GET serves, by their path. */
  readonly documents?: ReadonlyMap<string, WireDocument>
  readonly limits?: Partial<WireLimits>
  /** POST `/webhook`, when there is one; it answers within the limits of its own. */
  readonly webhook?: HttpContext['webhook']
}

export interface WireServer {
  readonly port: number
  /**
   * Not ready at once, no new connections, requests in flight finished within `graceMs`, then refused with
   * `SHUTTING_DOWN` and cut. Resolves always, once all connections are closed; a second call waits for the first.
   */
  close(graceMs: number): Promise<void>
}

/**
 * Serves gRPC, HTTP/1.1 and HTTP over HTTP/2 on one port, with or without TLS (contract §1, §2, §10). Rejects when the
 * port cannot be had, the certificate cannot be read, or grpc-js is not the version this rests on.
 */
export async function listen(options: WireOptions): Promise<WireServer> {
  const limits: WireLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const requests = createRequests()
  const isReady = (): boolean => !requests.closing && options.isReady()
  const context = {
    ...options,
    documents: options.documents ?? new Map(),
    gitHubWebUrl: options.gitHubWebUrl ?? 'https://github.com',
    now: () => options.clock.now(),
    limits,
    requests,
    isReady,
  }
  const health = createHealth([SERVICE_NAME], isReady)
  const http = createHttpHandler(context)
  const http2 = createGrpcServer({ ...context, health, http })
  const door = await createDoor({ ...context, http, http2 })
  await door.open(options)
  const beat = setInterval(health.refresh, HEALTH_REFRESH_MS).unref()
  let closing: Promise<void> | undefined
  return {
    port: door.port(),
    close(graceMs) {
      clearInterval(beat)
      closing ??= shutDown({ door, health, requests }, graceMs)
      return closing
    },
  }
}

async function shutDown(
  { door, health, requests }: { readonly door: Door; readonly health: Health; readonly requests: Requests },
  graceMs: number,
): Promise<void> {
  requests.close()
  health.end()
  const closed = door.close()
  if (await within(graceMs, closed)) return
  requests.abortAll(new Denial('SHUTTING_DOWN', 'this process is ending: try again'))
  if (await within(LAST_WORD_MS, closed)) return
  door.destroy()
  await within(LAST_WORD_MS, closed)
}

/** True when `done` comes within `ms`. */
async function within(ms: number, done: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([done.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Between two looks at the readiness for those who watch the health. */
const HEALTH_REFRESH_MS = 1_000
/** For refusals to reach their callers before the connections are cut. */
const LAST_WORD_MS = 250

import { loadProtos } from '../wire/protos.ts'
import type { CallLimits } from './bounded-fetch.ts'
import type { Answer, Ask } from './sts-answer.ts'
import { type GrpcServer, grpcExchange, grpcRefresh } from './sts-grpc.ts'
import { httpExchange, oauthExchange } from './sts-http.ts'
import type { StsUrl } from './sts-url.ts'

export type { Answer, Ask }

export const PROTOCOLS = ['grpc', 'http', 'oauth'] as const
export type Protocol = (typeof PROTOCOLS)[number]

/** A client of a token service. Each call has a connection of its own, and throws a NoAnswer when nothing usable came. */
export interface StsClient {
  exchange(protocol: Protocol, ask: Ask, limits: CallLimits): Promise<Answer>
}

export function createStsClient({ origin, address, secure }: StsUrl): StsClient {
  const server: GrpcServer = { address, secure, protos: loadProtos() }
  const exchange = {
    grpc: (ask, limits) => grpcExchange(server, ask, limits),
    http: (ask, limits) => httpExchange(origin, ask, { ...limits, method: 'POST' }),
    oauth: (ask, limits) => oauthExchange(origin, ask, limits),
  } as const satisfies Record<Protocol, (ask: Ask, limits: CallLimits) => Promise<Answer>>
  return { exchange: (protocol, ask, limits) => exchange[protocol](ask, limits) }
}

/** One exchange over gRPC, plain text, as a client of the Chainguard SDK makes it. */
export function exchangeOverGrpc(address: string, ask: Ask): Promise<Answer> {
  return grpcExchange({ address, secure: false, protos: loadProtos() }, ask, defaultLimits())
}

/** One refresh over gRPC. */
export function refreshOverGrpc(address: string, token: string): Promise<Answer> {
  return grpcRefresh({ address, secure: false, protos: loadProtos() }, token, defaultLimits())
}

/** One exchange over HTTP: `GET` with a query, or `POST` with a form. */
export function exchangeOverHttp(base: string, method: 'GET' | 'POST', ask: Ask): Promise<Answer> {
  return httpExchange(base, ask, { ...defaultLimits(), method })
}

function defaultLimits(): CallLimits {
  return { timeoutMs: 10_000, stop: new AbortController().signal }
}

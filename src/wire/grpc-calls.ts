import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { type Metadata, status } from '@grpc/grpc-js'
import type { Logger } from '../runtime/log.ts'
import { PassingMap } from '../runtime/passing-map.ts'
import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import type { TraceContext } from '../terms/tracer.ts'
import { authorizationsOf } from './authorization.ts'
import { requestIdOf, traceContextOf, userAgentOf } from './caller-headers.ts'
import { callerLeft, Lifetime, parseGrpcTimeout } from './deadline.ts'
import { bareStatus, closeAfter, denialStatus, refuseStream, rewordRefusals } from './grpc-answer.ts'
import { answerUnary, tooLarge, type UnaryContext, type UnaryMethod } from './grpc-unary.ts'
import type { WireLimits } from './limits.ts'
import type { Protos } from './protos.ts'
import { logRefusal } from './refusal-log.ts'
import type { Requests } from './requests.ts'

/** What is known of a call that grpc-js answers from its HTTP/2 stream: all that grpc-js drops, merges, or would log. */
export interface GrpcCall {
  readonly requestId: string
  readonly userAgent: string
  readonly trace: TraceContext | undefined
  readonly authorization: readonly string[]
  readonly stream: ServerHttp2Stream
  readonly lifetime: Lifetime
}

export interface GrpcCalls {
  /** The listener for gRPC streams that stands before grpc-js's own. */
  readonly accept: StreamListener
  /** The call that grpc-js is about to answer. */
  take(metadata: Metadata): GrpcCall
}

export type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void

export interface KnownMethod {
  readonly streaming: boolean
  /** Of the methods that are answered past grpc-js, where that can be. */
  readonly unary?: UnaryMethod | undefined
}

export interface GrpcCallsContext {
  readonly domain: string
  readonly newRequestId: () => string
  readonly limits: WireLimits
  readonly requests: Requests
  readonly protos: Protos
  readonly log: Logger
  readonly methods: ReadonlyMap<string, KnownMethod>
  /** grpc-js's listener. */
  readonly serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => void
}

/**
 * Reads each stream's raw headers, gives it a request id and a lifetime, and answers the usual calls itself. All others go
 * to grpc-js, with those headers alone that grpc-js needs. The credential stays here: grpc-js keeps the first of two, and prints to the console the value of
 * any header it finds illegal.
 */
export function createGrpcCalls(context: GrpcCallsContext): GrpcCalls {
  const { domain, limits, requests, protos, log } = context
  const unary: UnaryContext = {
    requests,
    limits,
    statusOf: (denial, requestId) => denialStatus(denial, { domain, requestId }, protos),
    logRefusal: (denial, requestId) => logRefusal(log, denial, { requestId, protocol: 'grpc' }),
  }
  const waiting = new PassingMap<string, GrpcCall>()
  let count = 0

  function accept(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
    rawHeaders: readonly string[],
  ): void {
    stream.on('error', ignore) // a stream that breaks: its 'close' is what is looked at
    const requestId = requestIdOf(headers, context.newRequestId)
    const path = headers[':path'] ?? ''
    const method = context.methods.get(path)
    if (method === undefined) {
      const message = `unknown method ${quote(path)}: see server reflection for what is here`
      refuseStream(stream, bareStatus(status.UNIMPLEMENTED, message, requestId), limits.lingerMs)
      return
    }
    let timeoutMs: number
    try {
      timeoutMs = parseGrpcTimeout(firstOf(headers['grpc-timeout']))
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      refuseStream(stream, unary.statusOf(error, requestId), limits.lingerMs)
      return
    }
    if (method.streaming) {
      context.serve(stream, forwarded(headers, timeoutMs), flags)
      return
    }

    const lifeMs = Math.min(timeoutMs, limits.requestMs)
    const userAgent = userAgentOf(headers)
    const trace = traceContextOf(headers)
    const authorization = authorizationsOf(rawHeaders)
    if (method.unary !== undefined && isPlain(headers)) {
      answerUnary({ requestId, userAgent, trace, authorization, stream, path, method: method.unary, lifeMs }, unary)
      return
    }

    const lifetime = new Lifetime(lifeMs)
    const key = String(count)
    count += 1
    waiting.set(key, { requestId, userAgent, trace, authorization, stream, lifetime })
    const place = requests.enter(lifetime)
    stream.once('close', () => {
      waiting.delete(key)
      requests.leave(lifetime, place)
      lifetime.abort(callerLeft)
    })
    closeAfter(stream, limits.requestMs + limits.lingerMs)
    rewordRefusals(stream, (code) => {
      const denial = waiting.has(key) ? unreadMessage(code, lifetime, limits) : undefined
      return denial === undefined ? undefined : unary.statusOf(denial, requestId)
    })
    // Our own answer says more, so it goes first; grpc-js has the calls whose message never comes.
    const own = forwarded(headers, lifeMs + HEAD_START_MS)
    own[CALL_HEADER] = key
    context.serve(stream, own, flags)
  }

  return {
    accept,
    take(metadata) {
      const key = String(metadata.get(CALL_HEADER)[0])
      const call = waiting.get(key)
      if (call === undefined) throw new Error('a gRPC call without its stream')
      waiting.delete(key)
      return call
    },
  }
}

/** Why grpc-js gives up a call whose message it could not read; undefined where its own words are the right ones. */
function unreadMessage(code: unknown, { signal }: Lifetime, limits: WireLimits): Denial | undefined {
  switch (code) {
    case status.RESOURCE_EXHAUSTED:
      return tooLarge(limits)
    case status.INTERNAL:
      return new Denial('REQUEST_MALFORMED', 'the message cannot be decompressed')
    case status.DEADLINE_EXCEEDED:
      return signal.reason instanceof Denial ? signal.reason : undefined
    default:
      return undefined
  }
}

/** What grpc-js itself reads, with a deadline of ours: above 24 days grpc-js overflows, and takes what it then gets for "now". */
function forwarded(headers: IncomingHttpHeaders, timeoutMs: number): IncomingHttpHeaders {
  const kept: IncomingHttpHeaders = {}
  for (const name of FORWARDED) if (headers[name] !== undefined) kept[name] = headers[name]
  if (Number.isFinite(timeoutMs)) kept['grpc-timeout'] = `${Math.min(Math.ceil(timeoutMs), DAY_MS)}m`
  return kept
}

/** What needs nothing of grpc-js: the usual media types, without parameters, and messages that are not compressed. */
function isPlain(headers: IncomingHttpHeaders): boolean {
  const { 'content-type': type, 'grpc-encoding': encoding = 'identity' } = headers
  return (type === 'application/grpc' || type === 'application/grpc+proto') && encoding === 'identity'
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

function ignore(): void {}

const FORWARDED = [':path', ':authority', 'content-type', 'grpc-encoding']
/** Ours alone: no header of a caller's is forwarded under any name but those above. */
const CALL_HEADER = 'octo-sts-call'
const DAY_MS = 86_400_000
const HEAD_START_MS = 100

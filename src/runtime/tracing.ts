import type { Span as OpenTelemetrySpan } from '@opentelemetry/api'
import { Denial, type Reason } from '../terms/denial.ts'
import { encode } from '../terms/text.ts'
import type { Span, Tracer } from '../terms/tracer.ts'
import { watched } from '../terms/watched.ts'
import { systemClock } from './clock.ts'
import type { Logger } from './log.ts'

export interface TracingOptions {
  /** Of this service, for the resource that traces are of. */
  readonly version: string
  /** True for a reason that is a fault of this service, and no refusal: of a request that a caller sent. */
  readonly isFault: (reason: Reason) => boolean
  readonly log: Logger
}

export interface OpenTracer extends Tracer {
  /** Sends what is still here, for at most `graceMs`. Never rejects. */
  close(graceMs: number): Promise<void>
}

/**
 * Traces through OpenTelemetry's SDK for Node.js, which reads where to and how from the `OTEL_*` variables. Its packages
 * are optional and big, so they are loaded here and now. Undefined, with a warning, when they are not installed: platforms
 * set these variables for everybody, and that must not keep a service from starting.
 */
export async function openTracer(
  options: TracingOptions,
  load: () => Promise<Sdk> = () => import('@opentelemetry/sdk-node'),
): Promise<OpenTracer | undefined> {
  const { log } = options
  try {
    return start(await load(), options)
  } catch (error) {
    if (isMissing(error)) log.warn(NOT_INSTALLED)
    else log.warn({ err: error }, 'OpenTelemetry could not be started: no traces are sent')
    return undefined
  }
}

type Sdk = typeof import('@opentelemetry/sdk-node')

function start({ NodeSDK, api, core, resources }: Sdk, { version, isFault, log }: TracingOptions): OpenTracer {
  const { context, diag, trace, ROOT_CONTEXT, SpanKind, SpanStatusCode } = api
  diag.setLogger(complaints(log), api.DiagLogLevel.WARN)
  const sdk = new NodeSDK({
    // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins over these.
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': SERVICE, 'service.version': version })),
    textMapPropagator: null,
    // Traces alone: metrics are Prometheus', and the log is on standard output.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  })
  sdk.start()
  const tracer = trace.getTracer(SERVICE, version)
  const kinds = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT }
  const propagator = new core.W3CTraceContextPropagator()

  function fail(span: OpenTelemetrySpan, error: unknown, kind: 'server' | 'client' | undefined): void {
    const type = error instanceof Denial ? error.reason : error instanceof Error ? error.name : 'error'
    span.setAttribute('error.type', type)
    // A refusal is what a server is for: as for HTTP's 4xx, the span of the request is no error.
    const isRefusal = kind === 'server' && error instanceof Denial && !isFault(error.reason)
    if (!isRefusal) span.setStatus({ code: SpanStatusCode.ERROR })
  }

  return {
    span(name, work, about) {
      const kind = about?.kind
      const inner = kind === 'server' ? ROOT_CONTEXT : context.active()
      const parent =
        about?.parent === undefined ? inner : propagator.extract(inner, about.parent, api.defaultTextMapGetter)
      const span = tracer.startSpan(name, { kind: kinds[kind ?? 'internal'] }, parent)
      const ended = () => span.end()
      const failed = (error: unknown) => {
        fail(span, error, kind)
        span.end()
      }
      return context.with(trace.setSpan(parent, span), () => watched(() => work(handleOf(span)), { ended, failed }))
    },
    close: (graceMs) => within(graceMs, sdk.shutdown(), log),
  }
}

function handleOf(span: OpenTelemetrySpan): Span {
  return {
    recording: span.isRecording(),
    set: (name, value) => {
      span.setAttribute(name, value)
    },
  }
}

/** What the SDK has to say, such as that the collector does not answer: one line in a minute. */
function complaints(log: Logger) {
  let lastMs = Number.NEGATIVE_INFINITY
  const say = (message: string) => {
    const now = systemClock.monotonic()
    if (now - lastMs < SAID_EVERY_MS) return
    lastMs = now
    log.warn({ from: 'OpenTelemetry', cause: encode(message) }, 'traces are not sent as they should be')
  }
  const ignore = () => {}
  return { error: say, warn: say, info: ignore, debug: ignore, verbose: ignore }
}

async function within(graceMs: number, work: Promise<void>, log: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs)
  })
  const done = work.catch((error: unknown) =>
    log.warn({ cause: encode(error instanceof Error ? error.message : 'unknown') }, 'the last traces were not sent'),
  )
  await Promise.race([done, late])
  clearTimeout(timer)
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}

const SERVICE = 'octo-sts'
const NOT_INSTALLED =
  'OTEL_* variables ask for traces, but OpenTelemetry is not installed, so none are sent: npm install @opentelemetry/api @opentelemetry/sdk-node, or unset them (OTEL_SDK_DISABLED=true)'
const SAID_EVERY_MS = 60_000

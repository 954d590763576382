import type { Reader } from './reader.ts'

/**
 * True when OpenTelemetry's own variables ask for traces. Its SDK reads these and the others (`OTEL_*`) by itself; here is
 * only decided whether it is loaded at all.
 */
export function wantsTraces({ text }: Pick<Reader, 'text'>): boolean {
  if (text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return false
  const exporter = text('OTEL_TRACES_EXPORTER')
  if (exporter !== undefined) return exporter !== 'none'
  return text('OTEL_EXPORTER_OTLP_ENDPOINT') !== undefined || text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') !== undefined
}

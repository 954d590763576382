import type { Reader } from './reader.ts'
import type { VARIABLES } from './variable-table.ts'

/**
 * True when OpenTelemetry's own variables ask for traces. Its SDK reads these and the others (`OTEL_*`) by itself; here is
 * only decided whether it is loaded at all.
 */
export function wantsTraces({ values }: Pick<Reader<typeof VARIABLES>, 'values'>): boolean {
  if (values.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false
  if (values.OTEL_TRACES_EXPORTER !== undefined) return values.OTEL_TRACES_EXPORTER !== 'none'
  return (values.OTEL_EXPORTER_OTLP_ENDPOINT ?? values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) !== undefined
}

import { asDenial } from '../terms/denial.ts'
import { encode } from '../terms/text.ts'
import type { Span } from '../terms/tracer.ts'
import type { ExchangePorts } from './ports.ts'
import { type About, type ExchangeRecord, OpenRecord } from './record.ts'
import type { Caller } from './request.ts'

/** Does `work`, as one span, and remembers once what came of it; whatever it throws leaves as a Denial. */
export function remembered<T>(
  about: About & { readonly caller: Caller },
  ports: Pick<ExchangePorts, 'clock' | 'remember' | 'tracer'>,
  work: (record: OpenRecord) => Promise<T>,
): Promise<T> {
  const { remember, tracer } = ports
  const close = (record: ExchangeRecord, span: Span): void => {
    remember(record)
    if (span.recording) describe(record, span)
  }
  const run = async (span: Span): Promise<T> => {
    const record = new OpenRecord(about, ports)
    try {
      const result = await work(record)
      close(record.close(undefined), span)
      return result
    } catch (error) {
      const denial = asDenial(error)
      close(record.close(denial), span)
      throw denial
    }
  }
  return tracer.span(about.kind, run, { kind: 'server', parent: about.caller.trace })
}

/** By the request id the log has all the rest. */
function describe({ requestId, protocol, scope, identity, installation, denial }: ExchangeRecord, span: Span): void {
  span.set('octo_sts.request_id', requestId)
  span.set('octo_sts.protocol', protocol)
  span.set('octo_sts.scope', encode(scope))
  span.set('octo_sts.identity', encode(identity))
  if (installation !== undefined) span.set('octo_sts.installation_id', installation.id)
  if (denial !== undefined) span.set('octo_sts.reason', denial.reason)
}

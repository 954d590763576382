import { CloudEvent, type CloudEventV1, HTTP } from 'cloudevents'
import { Agent } from 'undici'
import type { ExchangeRecord } from '../exchange/record.ts'
import type { Logger } from '../runtime/log.ts'
import type { PolicyChange } from '../terms/policy-change.ts'
import { createEventQueue, type EventQueueLimits, type OutgoingEvent } from './event-queue.ts'
import { EVENT_TYPES, exchangeEventData, exchangeEventSubject } from './exchange-event.ts'
import type { SinkIdentity } from './google-identity.ts'
import { POLICY_EVENT_TYPE, policyEventData, policyEventSubject } from './policy-event.ts'

export interface CloudEventsOptions {
  /** `EVENT_INGRESS_URI`. */
  readonly sink: string
  readonly domain: string
  readonly newEventId: () => string
  readonly log: Logger
  readonly limits?: Partial<EventQueueLimits>
  /** Absent: the sink asks for none. */
  readonly identity?: SinkIdentity | undefined
}

export interface ExchangeEvents {
  send(record: ExchangeRecord): void
  /** What a push did to a policy, which the webhook tells. */
  sendPolicy(change: PolicyChange): void
  dropped(): number
  waiting(): number
  close(graceMs: number): Promise<void>
}

/** Sends each exchange, and each changed policy, as a CloudEvent 1.0 in HTTP's binary mode, from a bounded queue of its own. */
export function createExchangeEvents(options: CloudEventsOptions): ExchangeEvents {
  const agent = new Agent({ connections: 4, connect: { timeout: DELIVERY_LIMIT_MS } })
  const queue = createEventQueue({
    log: options.log,
    deliver: async (event) => deliver(options, event, { agent, authorization: await options.identity?.() }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  })
  const add = (event: { type: string; subject: string; time: Date; data: Record<string, unknown> }) => {
    const common = {
      id: options.newEventId(),
      source: `https://${options.domain}`,
      datacontenttype: 'application/json',
    }
    queue.add(outgoing(new CloudEvent({ ...common, ...event, time: event.time.toISOString() })))
  }
  return {
    send(record) {
      const data = exchangeEventData(record)
      add({ type: EVENT_TYPES[record.kind], subject: exchangeEventSubject(record), time: record.startedAt, data })
    },
    sendPolicy(change) {
      const data = policyEventData(change)
      add({ type: POLICY_EVENT_TYPE, subject: policyEventSubject(change), time: change.time, data })
    },
    dropped: queue.dropped,
    waiting: queue.waiting,
    async close(graceMs) {
      await queue.close(graceMs)
      await agent.destroy()
    },
  }
}

function outgoing(event: CloudEventV1<unknown>): OutgoingEvent {
  const { headers, body } = HTTP.binary(event)
  return { headers: headers as Record<string, string>, body: body as string }
}

async function deliver(
  { sink }: CloudEventsOptions,
  { headers, body }: OutgoingEvent,
  { agent, authorization }: { readonly agent: Agent; readonly authorization: string | undefined },
): Promise<void> {
  const { origin, pathname, search } = new URL(sink)
  const answer = await agent.request({
    origin,
    path: pathname + search,
    method: 'POST',
    headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
    body,
    signal: AbortSignal.timeout(DELIVERY_LIMIT_MS),
  })
  await answer.body.dump({ limit: ANSWER_LIMIT_BYTES })
  if (answer.statusCode < 200 || answer.statusCode > 299)
    throw new Error(`the event sink answered ${answer.statusCode}`)
}

const DELIVERY_LIMIT_MS = 5_000
const ANSWER_LIMIT_BYTES = 65_536

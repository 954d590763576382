import type { Logger } from '../runtime/log.ts'

/** One event, ready to be sent: headers and body of a CloudEvent in HTTP's binary mode. */
export interface OutgoingEvent {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface EventQueueOptions {
  /** Sends one event; rejects when it was not taken. Must end by itself. */
  readonly deliver: (event: OutgoingEvent) => Promise<void>
  readonly log: Logger
  readonly limits?: Partial<EventQueueLimits>
}

export interface EventQueueLimits {
  /** Events that wait, at most: about 2 KB each, so 1,000 are a few megabytes. */
  readonly waiting: number
  /** Deliveries at the same time. */
  readonly inFlight: number
  /** Tries of one event, the first included. */
  readonly tries: number
  /** Milliseconds before the second try; doubled for each further one. */
  readonly firstDelayMs: number
}

export interface EventQueue {
  /** Returns at once. An event that finds the queue full is dropped and counted. */
  add(event: OutgoingEvent): void
  /** Events dropped since the start: the queue was full, or no try succeeded. */
  dropped(): number
  /** Events that wait, or are under way. */
  waiting(): number
  /** Waits for what is queued, at most `graceMs`; what is left then is dropped. */
  close(graceMs: number): Promise<void>
}

/** A bounded queue between the exchange and whoever takes its events: it can neither delay nor fail an exchange. */
export function createEventQueue({ deliver, log, limits }: EventQueueOptions): EventQueue {
  const { waiting, inFlight, tries, firstDelayMs } = { ...DEFAULT_LIMITS, ...limits }
  const queue: OutgoingEvent[] = []
  const retries = new Set<{ readonly timer: NodeJS.Timeout; readonly wake: () => void }>()
  let active = 0
  let dropped = 0
  let unreported = 0
  let closing = false
  let whenIdle: (() => void) | undefined

  function drop(count: number, why: string): void {
    dropped += count
    unreported += count
    if (unreported > count && unreported < REPORT_EVERY) return
    log.warn({ dropped, why }, 'events dropped')
    unreported = count === unreported ? 1 : 0
  }

  function pump(): void {
    while (active < inFlight) {
      const event = queue.shift()
      if (event === undefined) break
      active += 1
      void send(event).finally(() => {
        active -= 1
        pump()
      })
    }
    if (active === 0 && queue.length === 0) whenIdle?.()
  }

  async function send(event: OutgoingEvent): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await deliver(event)
      } catch (error) {
        if (attempt >= tries) return drop(1, error instanceof Error ? error.message : 'not delivered')
        await pause(firstDelayMs * 2 ** (attempt - 1))
      }
    }
  }

  function pause(milliseconds: number): Promise<void> {
    if (closing) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(entry.timer)
        retries.delete(entry)
        resolve()
      }
      const entry = { timer: setTimeout(wake, milliseconds).unref(), wake }
      retries.add(entry)
    })
  }

  return {
    add(event) {
      if (closing || queue.length >= waiting) return drop(1, closing ? 'shutting down' : 'queue full')
      queue.push(event)
      pump()
    },
    dropped: () => dropped,
    waiting: () => queue.length + active,
    async close(graceMs) {
      closing = true
      for (const { wake } of retries) wake()
      if (active === 0 && queue.length === 0) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          const left = queue.splice(0).length + active
          if (left > 0) drop(left, 'shutting down')
          resolve()
        }, graceMs)
        whenIdle = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    },
  }
}

const DEFAULT_LIMITS: EventQueueLimits = { waiting: 1_000, inFlight: 4, tries: 4, firstDelayMs: 250 }

/** Of a run of drops the first is logged, and then one line for so many. */
const REPORT_EVERY = 1_000

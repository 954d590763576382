import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createEventQueue, type OutgoingEvent } from '../../src/audit/event-queue.ts'

const log = pino({ level: 'silent' })
const event = (body: string): OutgoingEvent => ({ headers: {}, body })
const NO_DELAY = { firstDelayMs: 0 }

describe('the event queue', () => {
  test('delivers what it is given', async () => {
    const delivered: string[] = []
    const queue = createEventQueue({ log, deliver: async ({ body }) => void delivered.push(body) })
    for (const body of ['a', 'b', 'c']) queue.add(event(body))
    await queue.close(1_000)
    expect(delivered).toEqual(['a', 'b', 'c'])
    expect(queue.dropped()).toBe(0)
  })

  test('tries an event again, and drops it after the last try', async () => {
    let tries = 0
    const deliver = async () => {
      tries += 1
      throw new Error('sink is down')
    }
    const queue = createEventQueue({ log, deliver, limits: { ...NO_DELAY, tries: 3 } })
    queue.add(event('a'))
    await queue.close(1_000)
    expect({ tries, dropped: queue.dropped() }).toEqual({ tries: 3, dropped: 1 })
  })

  test('delivers at the second try what failed at the first', async () => {
    const tries: string[] = []
    const deliver = async ({ body }: OutgoingEvent) => {
      tries.push(body)
      if (tries.length === 1) throw new Error('sink is down')
    }
    const queue = createEventQueue({ log, deliver, limits: NO_DELAY })
    queue.add(event('a'))
    await queue.close(1_000)
    expect({ tries, dropped: queue.dropped() }).toEqual({ tries: ['a', 'a'], dropped: 0 })
  })

  test('drops and counts what finds it full, and adding returns at once whatever the sink does', async () => {
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const queue = createEventQueue({ log, deliver: () => held, limits: { waiting: 2, inFlight: 1 } })
    for (const body of ['in flight', 'waits', 'waits', 'dropped', 'dropped']) queue.add(event(body))
    expect(queue.dropped()).toBe(2)
    release()
    await queue.close(1_000)
    expect(queue.dropped()).toBe(2)
  })

  test('ends within its grace when the sink hangs, and counts what is lost', async () => {
    const queue = createEventQueue({ log, deliver: () => new Promise(() => {}), limits: { inFlight: 1 } })
    queue.add(event('a'))
    queue.add(event('b'))
    await queue.close(1)
    expect(queue.dropped()).toBe(2)
  })
})

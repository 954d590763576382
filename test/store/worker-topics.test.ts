import { expect, test } from '@jest/globals'
import type { ToSupervisor, ToWorker } from '../../src/runtime/supervisor-line.ts'
import { createWorkerTopics } from '../../src/store/worker-topics.ts'
import { SILENT } from './kinds.ts'

/** Lines to a supervisor that passes on to all what one of them publishes. */
function supervisor() {
  const listeners = new Set<(message: ToWorker) => void>()
  const line = {
    async tell(message: ToSupervisor) {
      if (message.kind === 'published') for (const listener of [...listeners]) listener(message)
    },
    hear(listener: (message: ToWorker) => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  return { listeners, worker: () => createWorkerTopics({ line, log: SILENT }) }
}

test('a message comes to every worker, its sender included, until it is closed; there is never a gap', async () => {
  const { worker, listeners } = supervisor()
  const heard: string[] = []
  const workers = [worker(), worker()]
  const note = (name: string) => (message: string) => void heard.push(`${name} ${message}`)
  const gap = () => void heard.push('gap')
  const [first, second] = workers
  const leave = first?.subscribe('changes', note('first'), gap)
  second?.subscribe('changes', note('second'), gap)
  second?.subscribe('other', note('other'), gap)
  await first?.publish('changes', 'a')
  leave?.()
  await second?.publish('changes', 'b')
  expect(heard).toEqual(['first a', 'second a', 'second b'])
  for (const each of workers) each.close()
  expect(listeners.size).toBe(0)
})

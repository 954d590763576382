import type { Topics } from '../exchange/stores.ts'
import type { Logger } from '../runtime/log.ts'
import type { SupervisorLine } from '../runtime/supervisor-line.ts'
import { createSubscriptions } from './subscriptions.ts'

/**
 * Topics among the workers of one supervisor, which passes each message on to all of them. None is lost while a worker
 * lives, and a new one knows nothing that could be stale, so there is never a gap.
 */
export function createWorkerTopics({
  line,
  log,
}: {
  readonly line: Pick<SupervisorLine, 'tell' | 'hear'>
  readonly log: Logger
}): Topics & { close(): void } {
  const subscriptions = createSubscriptions(log)
  const close = line.hear((heard) => {
    if (heard.kind === 'published') subscriptions.deliver(heard.topic, heard.message)
  })
  return {
    close,
    publish: (topic, message) => line.tell({ kind: 'published', topic, message }),
    subscribe(topic, onMessage, onGap) {
      const subscription = { onMessage, onGap }
      subscriptions.add(topic, subscription)
      return () => void subscriptions.remove(topic, subscription)
    },
  }
}

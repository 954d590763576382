import type { ChildProcess } from 'node:child_process'

/** What a process of the benchmark can be asked, over the channel that Node.js opens to a child. */
export type Answers = Readonly<Record<string, (argument: unknown) => unknown>>

interface Question {
  readonly id: number
  readonly ask: string
  readonly argument: unknown
}

interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** In the child: answers what the parent asks. The channel alone does not keep the process running. */
export function answerParent(answers: Answers): void {
  process.on('message', async (message) => {
    const { id, ask, argument } = message as Question
    const answer = Object.hasOwn(answers, ask) ? answers[ask] : undefined
    if (answer === undefined) return // another listener's
    try {
      process.send?.({ id, value: await answer(argument) } satisfies Reply)
    } catch (error) {
      process.send?.({ id, error: String(error) } satisfies Reply)
    }
  })
  process.channel?.unref()
}

/** In the parent: asks a child, and rejects when it has no answer in time. */
export function ask<T>(
  child: ChildProcess,
  question: string,
  argument: unknown = null,
  limitMs = LIMIT_MS,
): Promise<T> {
  lastId += 1
  const id = lastId
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(() => reject(new Error(`no answer to ${question}`))), limitMs)
    const settle = (end: () => void) => {
      clearTimeout(timer)
      child.off('message', hear)
      end()
    }
    const hear = (message: unknown) => {
      const reply = message as Reply
      if (reply.id !== id) return
      settle(() => (reply.error === undefined ? resolve(reply.value as T) : reject(new Error(reply.error))))
    }
    child.on('message', hear)
    child.send({ id, ask: question, argument } satisfies Question)
  })
}

let lastId = 0
const LIMIT_MS = 30_000

import { asDenial, type Denial } from '../terms/denial.ts'

/** Work that may have to be tried again. */
export interface Work {
  /** Equal for work whose order matters: never two at once. */
  readonly lane: string
  /** For the log. */
  readonly about: Readonly<Record<string, unknown>>
  attempt(): Promise<string>
  postpone(denial: Denial): Promise<void>
  giveUp(denial: Denial): Promise<void>
}

/** How work stands after its first try, or at its end. */
export type Standing =
  | { readonly kind: 'done'; readonly what: string }
  | { readonly kind: 'postponed'; readonly denial: Denial; readonly waitMs: number }
  | { readonly kind: 'failed'; readonly denial: Denial }
  /** The process ends; the work does not. */
  | { readonly kind: 'dropped' }

export interface Accepted {
  /** After the first try. */
  readonly first: Promise<Standing>
  /** `postponed` is not the end. */
  readonly end: Promise<Exclude<Standing, { kind: 'postponed' }>>
}

export interface WorkQueue {
  /** undefined: it is full, or the process ends. */
  add(work: Work): Accepted | undefined
  /** Starts nothing more; resolves to what is left undone, once what runs has ended or `graceMs` are over. */
  close(graceMs: number): Promise<readonly Work[]>
}

export interface WorkQueueOptions {
  readonly limits: WorkQueueLimits
  readonly isWorthARetry: (denial: Denial) => boolean
  readonly schedule: (milliseconds: number, work: () => void) => () => void
}

export interface WorkQueueLimits {
  /** At the same time. */
  readonly running: number
  /** In all: what waits for its turn or for a later try, too. */
  readonly held: number
  /** Tries of one piece of work, the first included. */
  readonly tries: number
  /** Before the second try, doubled for each further one, where the refusal does not say how long. */
  readonly firstDelayMs: number
  readonly longestDelayMs: number
}

export const WORK_LIMITS: WorkQueueLimits = {
  running: 4,
  held: 1_000,
  // With the delays below some four hours: GitHub's own limits start anew each hour.
  tries: 12,
  firstDelayMs: 5_000,
  longestDelayMs: 30 * 60_000,
}

/** Work that GitHub could not be asked about is tried again later, since GitHub itself sends nothing twice. */
export function createWorkQueue({ limits, isWorthARetry, schedule }: WorkQueueOptions): WorkQueue {
  const held = new Set<Item>()
  const ready: Item[] = []
  const busyLanes = new Set<string>()
  let running = 0
  let closing = false
  let whenIdle = () => {}

  const pump = (): void => {
    while (!closing && running < limits.running) {
      const index = ready.findIndex(({ work }) => !busyLanes.has(work.lane))
      const [item] = index === -1 ? [] : ready.splice(index, 1)
      if (item === undefined) break
      running += 1
      busyLanes.add(item.work.lane)
      void run(item).finally(() => {
        running -= 1
        busyLanes.delete(item.work.lane)
        if (running === 0) whenIdle()
        pump()
      })
    }
  }

  const run = async (item: Item): Promise<void> => {
    const { work } = item
    item.tries += 1
    try {
      finish(item, { kind: 'done', what: await work.attempt() })
    } catch (error) {
      const denial = asDenial(error)
      if (!isWorthARetry(denial) || item.tries >= limits.tries) {
        await work.giveUp(denial)
        finish(item, { kind: 'failed', denial })
        return
      }
      await work.postpone(denial)
      const waitMs = denial.retryAfterMs ?? Math.min(limits.firstDelayMs * 2 ** (item.tries - 1), limits.longestDelayMs)
      item.settleFirst({ kind: 'postponed', denial, waitMs })
      if (closing) return
      item.takeBack = schedule(waitMs, () => {
        ready.push(item)
        pump()
      })
    }
  }

  const finish = (item: Item, end: Exclude<Standing, { kind: 'postponed' }>): void => {
    held.delete(item)
    item.settleFirst(end)
    item.settleEnd(end)
  }

  return {
    add(work) {
      if (closing || held.size >= limits.held) return undefined
      const [first, settleFirst] = later<Standing>()
      const [end, settleEnd] = later<Exclude<Standing, { kind: 'postponed' }>>()
      const item: Item = { work, tries: 0, takeBack: () => {}, settleFirst, settleEnd }
      held.add(item)
      ready.push(item)
      pump()
      return { first, end }
    },
    async close(graceMs) {
      closing = true
      for (const { takeBack } of held) takeBack()
      if (running > 0) {
        await new Promise<void>((resolve) => {
          const takeBack = schedule(graceMs, resolve)
          whenIdle = () => {
            takeBack()
            resolve()
          }
        })
      }
      const left = [...held]
      for (const item of left) finish(item, { kind: 'dropped' })
      return left.map(({ work }) => work)
    },
  }
}

interface Item {
  readonly work: Work
  tries: number
  takeBack: () => void
  readonly settleFirst: (standing: Standing) => void
  readonly settleEnd: (standing: Exclude<Standing, { kind: 'postponed' }>) => void
}

/** A promise and what resolves it. */
function later<T>(): readonly [Promise<T>, (value: T) => void] {
  let settle: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    settle = resolve
  })
  return [promise, settle]
}

import { expect, test } from '@jest/globals'
import { Denial } from '../../src/terms/denial.ts'
import { createWorkQueue, type Standing, WORK_LIMITS, type Work } from '../../src/webhook/work-queue.ts'

const limited = (retryAfterMs?: number) =>
  new Denial('GITHUB_RATE_LIMITED', 'limited', retryAfterMs === undefined ? {} : { retryAfterMs })

/** A queue whose later tries come when the test says so. */
function setUp(limits = {}) {
  const scheduled: { milliseconds: number; work: () => void }[] = []
  const queue = createWorkQueue({
    limits: { ...WORK_LIMITS, ...limits },
    isWorthARetry: ({ reason }) => reason === 'GITHUB_RATE_LIMITED',
    schedule(milliseconds, work) {
      const entry = { milliseconds, work }
      scheduled.push(entry)
      return () => void scheduled.splice(scheduled.indexOf(entry), 1)
    },
  })
  const later = () => scheduled.shift()?.work()
  return { queue, scheduled, later }
}

/** Work that fails as told, try by try, and then succeeds. */
function work(failures: readonly Error[] = [], about: Partial<Work> = {}) {
  const told: string[] = []
  let tries = 0
  return {
    told,
    work: {
      lane: `lane ${Math.random()}`,
      about: {},
      async attempt() {
        const failure = failures[tries]
        tries += 1
        told.push('attempt')
        if (failure !== undefined) throw failure
        return 'well'
      },
      postpone: async () => void told.push('postpone'),
      giveUp: async () => void told.push('give up'),
      ...about,
    } satisfies Work,
  }
}

const kinds = async (...standings: (Promise<Standing> | undefined)[]) =>
  (await Promise.all(standings)).map((standing) => standing?.kind)

test('work that succeeds is done at once', async () => {
  const { queue } = setUp()
  const { work: good, told } = work()
  const accepted = queue.add(good)
  expect(await kinds(accepted?.first, accepted?.end)).toEqual(['done', 'done'])
  expect(told).toEqual(['attempt'])
})

test('work is tried again after the time that GitHub names, or after delays that double', async () => {
  const { queue, scheduled, later } = setUp({ firstDelayMs: 10, longestDelayMs: 30 })
  const { work: bad, told } = work([limited(7_000), limited(), limited(), limited()])
  const accepted = queue.add(bad)
  const first = await accepted?.first
  expect(first).toMatchObject({ kind: 'postponed', waitMs: 7_000 })
  const delays: number[] = []
  for (let round = 0; round < 4; round += 1) {
    while (scheduled.length === 0) await new Promise((resolve) => setImmediate(resolve))
    delays.push(scheduled[0]?.milliseconds ?? 0)
    later()
  }
  expect(await kinds(accepted?.end)).toEqual(['done'])
  expect(delays).toEqual([7_000, 20, 30, 30])
  expect(told).toEqual([
    'attempt',
    'postpone',
    'attempt',
    'postpone',
    'attempt',
    'postpone',
    'attempt',
    'postpone',
    'attempt',
  ])
})

test('work that no later try helps is given up, and so is what was tried too often', async () => {
  const { queue, later, scheduled } = setUp({ tries: 2 })
  const hopeless = work([new Denial('APP_NOT_INSTALLED', 'no')])
  expect(await queue.add(hopeless.work)?.first).toMatchObject({
    kind: 'failed',
    denial: { reason: 'APP_NOT_INSTALLED' },
  })
  expect(hopeless.told).toEqual(['attempt', 'give up'])

  const stubborn = work([limited(), limited(), limited()])
  const accepted = queue.add(stubborn.work)
  await accepted?.first
  while (scheduled.length === 0) await new Promise((resolve) => setImmediate(resolve))
  later()
  expect(await kinds(accepted?.end)).toEqual(['failed'])
  expect(stubborn.told).toEqual(['attempt', 'postpone', 'attempt', 'give up'])
})

test('a defect is a failure, not the end of the queue', async () => {
  const { queue } = setUp({ running: 1 })
  expect(await queue.add(work([new TypeError('x')]).work)?.first).toMatchObject({
    kind: 'failed',
    denial: { reason: 'INTERNAL' },
  })
  expect(await kinds(queue.add(work().work)?.end)).toEqual(['done'])
})

test('of one lane one at a time, of all as many as are allowed', async () => {
  const { queue } = setUp({ running: 2 })
  const releases: (() => void)[] = []
  const begun: string[] = []
  const held = (lane: string, name: string) =>
    queue.add(
      work([], {
        lane,
        attempt: () => {
          begun.push(name)
          return new Promise((resolve) => releases.push(() => resolve(name)))
        },
      }).work,
    )
  const ends = [held('a', 'a1'), held('a', 'a2'), held('b', 'b1'), held('c', 'c1')].map((accepted) => accepted?.end)
  expect(begun).toEqual(['a1', 'b1'])
  releases[0]?.()
  await ends[0]
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun).toEqual(['a1', 'b1', 'a2'])
  releases[1]?.()
  await ends[2]
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun).toEqual(['a1', 'b1', 'a2', 'c1'])
  for (const release of releases) release()
  expect(await kinds(...ends)).toEqual(['done', 'done', 'done', 'done'])
})

test('a full queue takes nothing, and what waits for a later try counts', async () => {
  const { queue } = setUp({ held: 1 })
  await queue.add(work([limited()]).work)?.first
  expect(queue.add(work().work)).toBeUndefined()
})

test('at its end the queue says what is left, and takes nothing more', async () => {
  const { queue, scheduled } = setUp({ running: 1 })
  const postponed = queue.add(work([limited()], { about: { name: 'postponed' } }).work)
  await postponed?.first
  let release = () => {}
  const running = queue.add(
    work([], { attempt: () => new Promise((resolve) => (release = () => resolve('well'))) }).work,
  )
  await new Promise((resolve) => setImmediate(resolve))
  const waiting = queue.add(work([], { about: { name: 'waiting' } }).work)
  const closed = queue.close(1_000)
  expect(queue.add(work().work)).toBeUndefined()
  release()
  expect((await closed).map(({ about }) => about)).toEqual([{ name: 'postponed' }, { name: 'waiting' }])
  expect(await kinds(postponed?.end, running?.end, waiting?.first, waiting?.end)).toEqual([
    'dropped',
    'done',
    'dropped',
    'dropped',
  ])
  expect(scheduled).toEqual([])
})

import { expect, test } from '@jest/globals'
import { createMetrics } from '../../src/audit/metrics.ts'
import { createWorkerMetrics } from '../../src/audit/worker-metrics.ts'
import { issuedRecord } from './records.ts'

const workerWith = (exchanges: number, ready: boolean) => {
  const metrics = createMetrics({ version: '1.2.3', listedIssuers: [], now: () => 0 })
  metrics.bindReady(() => ready)
  for (let done = 0; done < exchanges; done += 1) metrics.observeExchange(issuedRecord())
  return metrics
}
const ISSUED = 'octo_sts_exchanges_total{kind="exchange",protocol="grpc",outcome="issued",reason="none"}'
const SECONDS = 'octo_sts_exchange_duration_seconds_count{kind="exchange",outcome="issued"}'

/** Workers by their ids; those that are `late` do not answer. */
function world(late: readonly number[] = []) {
  const workers = new Map<number, ReturnType<typeof workerWith>>()
  const told: Promise<void>[] = []
  const sums = createWorkerMetrics({
    patienceMs: 50,
    ask() {
      for (const [id, metrics] of workers)
        if (!late.includes(id)) told.push(metrics.counts().then((counts) => sums.counted(id, overTheLine(counts))))
      return [...workers.keys()]
    },
  })
  return {
    workers,
    end(id: number) {
      workers.delete(id)
      sums.ended(id)
    },
    async read(...names: string[]) {
      const lines = (await sums.text()).split('\n')
      return names.map((name) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1))
    },
  }
}

/** As the channel between processes has it. */
function overTheLine(counts: readonly object[]): readonly object[] {
  return JSON.parse(JSON.stringify(counts))
}

test('counts are added up, histograms too; a group is ready when all of it is', async () => {
  const { workers, read } = world()
  workers.set(1, workerWith(2, true)).set(2, workerWith(3, false))
  expect(await read(ISSUED, SECONDS, 'octo_sts_ready', 'octo_sts_build_info{version="1.2.3"}')).toEqual([
    '5',
    '5',
    '0',
    '1',
  ])
})

test('what a worker counted stays when it ends, and what it was does not', async () => {
  const { workers, read, end } = world()
  workers.set(1, workerWith(2, true)).set(2, workerWith(3, false))
  await read()
  end(2)
  expect(await read(ISSUED, SECONDS, 'octo_sts_ready')).toEqual(['5', '5', '1'])
  end(1)
  expect(await read(ISSUED, SECONDS, 'octo_sts_ready')).toEqual(['5', '5', undefined])
  workers.set(3, workerWith(4, true))
  expect(await read(ISSUED, SECONDS, 'octo_sts_ready')).toEqual(['9', '9', '1'])
})

test('a worker that does not answer holds nobody up', async () => {
  const { workers, read } = world([2])
  workers.set(1, workerWith(2, true)).set(2, workerWith(3, true))
  expect(await read(ISSUED)).toEqual(['2'])
})

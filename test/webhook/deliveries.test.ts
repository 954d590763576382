import { expect, test } from '@jest/globals'
import { Denial } from '../../src/terms/denial.ts'
import { createDeliveries } from '../../src/webhook/deliveries.ts'
import { commit, edited, example, push } from './examples.ts'
import { type FixtureOptions, startWebhook } from './fixture.ts'

const POLICY = '.github/chainguard/ci.sts.yaml'
const PULL = edited(example('pull_request', { action: 'opened' }), { 'repository.default_branch': 'master' })
const PUSHED = push({ commits: [commit({ modified: [POLICY] })] })
const ID = { headers: { 'x-github-delivery': 'one' } }

/** A repository that is refused so often before it is opened. */
function refusing(times: number, denial: Denial): FixtureOptions {
  let left = times
  return {
    files: { [POLICY]: 'valid' },
    repository: {
      async changedFiles() {
        left -= 1
        if (left >= 0) throw denial
        return { files: [{ path: POLICY, action: 'modified' }], complete: true }
      },
    },
  }
}

test('what is remembered is dropped before the answer, and before GitHub is asked', async () => {
  const seen: string[] = []
  await using webhook = await startWebhook({
    files: { [POLICY]: 'valid' },
    ports: {
      async announce({ kind }) {
        await new Promise((resolve) => setImmediate(resolve))
        seen.push(kind)
      },
    },
    repository: {
      async changedFiles() {
        seen.push('asked')
        return { files: [], complete: true }
      },
    },
  })
  expect((await webhook.post('push', PUSHED)).status).toBe(200)
  expect(seen).toEqual(['policies', 'asked'])
})

test('the newest push says which blobs it left, an older one that is delivered late does not', async () => {
  await using webhook = await startWebhook({ files: { [POLICY]: 'valid' } })
  await webhook.post('push', PUSHED)
  await webhook.post('push', edited(PUSHED, { after: 'e'.repeat(40), 'repository.pushed_at': 1 }))
  expect(webhook.announced.map(({ kind }) => kind)).toEqual(['policies', 'blobs', 'policies'])
  expect(webhook.announced[1]).toMatchObject({ blobs: [{ path: POLICY, sha: 'sha of ci.sts.yaml' }] })
})

test('two deliveries of one id at the same time are one, until it has failed', async () => {
  const deliveries = createDeliveries({ monotonic: () => 0 })
  const ends: ((success: boolean) => void)[] = []
  const begin = () => ({
    answer: Promise.resolve({ status: 200, message: `answer ${ends.length + 1}` }),
    succeeded: new Promise<boolean>((resolve) => void ends.push(resolve)),
  })
  const ask = async () => (await deliveries.run('one', begin)).message
  expect([await ask(), await ask()]).toEqual(['answer 1', 'answer 1'])
  ends[0]?.(false)
  await new Promise((resolve) => setImmediate(resolve))
  expect(await ask()).toBe('answer 2')
  ends[1]?.(true)
  await new Promise((resolve) => setImmediate(resolve))
  expect(await ask()).toBe('this delivery was processed before')
})

test('a delivery that failed is processed when it comes again', async () => {
  await using webhook = await startWebhook(refusing(1, new Denial('MINT_REFUSED', 'no')))
  expect((await webhook.post('pull_request', PULL, ID)).status).toBe(500)
  // GitHub was told that it could not be checked; now it can.
  expect(webhook.runs.map(({ conclusion }) => conclusion)).toEqual(['failure'])
  expect((await webhook.post('pull_request', PULL, ID)).message).toBe('success: 1 file checked')
})

test('a payload that lacks something is not remembered as processed', async () => {
  await using webhook = await startWebhook()
  for (const _ of [1, 2]) expect((await webhook.post('push', {}, ID)).status).toBe(400)
})

test('while GitHub is silent the check run says that it is not done, and is changed when it is', async () => {
  await using webhook = await startWebhook(refusing(1, new Denial('GITHUB_UNAVAILABLE', 'GitHub is down')))
  const reply = await webhook.post('pull_request', PULL)
  expect([reply.status, reply.message]).toEqual([202, 'accepted, to be tried again in 5 s: GitHub is down'])
  expect(webhook.runs).toMatchObject([{ id: undefined, conclusion: undefined, title: 'not checked yet' }])
  webhook.scheduled.shift()?.work()
  await new Promise((resolve) => setImmediate(resolve))
  expect(webhook.runs[1]).toMatchObject({ id: 1, conclusion: 'success' })
})

test('a check that takes longer than GitHub waits is accepted, and goes on', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  await using webhook = await startWebhook({
    limits: { answerMs: 0 },
    repository: {
      async changedFiles() {
        await held
        return { files: [], complete: true }
      },
    },
  })
  const reply = await webhook.post('pull_request', PULL)
  expect([reply.status, reply.message]).toEqual([202, 'accepted: the check goes on'])
  release()
  while (webhook.runs.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(webhook.runs).toMatchObject([{ conclusion: 'success' }])
})

test('a suite that is requested for a push which was checked costs nothing', async () => {
  await using webhook = await startWebhook({ files: { [POLICY]: 'valid' } })
  const branch = edited(PUSHED, { ref: 'refs/heads/topic' })
  await webhook.post('push', branch)
  const suite = edited(example('check_suite', { action: 'requested' }), {
    repository: branch['repository'],
    'check_suite.head_sha': branch['after'],
    'check_suite.before': branch['before'],
    'check_suite.head_branch': 'topic',
  })
  expect((await webhook.post('check_suite', suite)).message).toBe('this was checked just now')
  expect(webhook.runs).toHaveLength(1)
})

test('when it can not be looked at, a pushed policy leaves an event that says so', async () => {
  await using webhook = await startWebhook({
    ports: {
      async openRepository() {
        throw new Denial('APP_NOT_INSTALLED', 'not installed')
      },
    },
  })
  expect((await webhook.post('push', PUSHED)).message).toBe('not checked: not installed')
  expect(webhook.events).toMatchObject([
    { path: POLICY, action: 'modified', valid: undefined, error: 'not installed', actor: 'Codertocat' },
  ])
})

test('200 of many changed policies are read, and the check fails for the rest', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 201 }, (_, index) => [`.github/chainguard/p${index}.sts.yaml`, 'valid']),
  )
  let reads = 0
  await using webhook = await startWebhook({
    files,
    repository: {
      async readFile() {
        reads += 1
        return { ok: true, text: 'valid', sha: 'x' }
      },
    },
  })
  await webhook.post('pull_request', PULL)
  expect(reads).toBe(200)
  expect(webhook.runs).toMatchObject([
    { conclusion: 'failure', summary: expect.stringContaining('Only 200 of 201 changed trust policies were checked') },
  ])
})

test('a folder of which GitHub does not show all fails', async () => {
  await using webhook = await startWebhook({ changed: { files: [], complete: false } })
  await webhook.post('push', PUSHED)
  expect(webhook.runs).toMatchObject([{ conclusion: 'failure', title: 'not all could be checked' }])
})

test('a commit that is gone needs no check', async () => {
  await using webhook = await startWebhook({ changed: 'gone' })
  expect((await webhook.post('pull_request', PULL)).message).toBe('the commit does not exist any more')
  expect(webhook.runs).toEqual([])
})

test('at the end of the process the log has the checks that are left', async () => {
  const webhook = await startWebhook(
    refusing(9, new Denial('GITHUB_RATE_LIMITED', 'limited', { retryAfterMs: 60_000 })),
  )
  await webhook.post('pull_request', PULL)
  expect(webhook.runs).toEqual([]) // whom GitHub limits is quiet
  await webhook.close(0)
  expect(webhook.logged.at(-1)).toMatchObject({
    msg: 'checks are left undone: redeliver them in the settings of the App',
    count: 1,
    checks: [{ owner: 'Codertocat', repository: 'Hello-World' }],
  })
})

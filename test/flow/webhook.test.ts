import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Payload } from '../../src/sandbox/webhook-parts.ts'
import { askHttp } from '../support/ask.ts'
import { eventually } from '../support/eventually.ts'
import { type Flow, type FlowOptions, startFlow } from '../support/flow.ts'
import { ask2 } from '../wire/fixture.ts'

const SECRET = 'the webhook secret'
const NAME = 'Trust Policy Validation'
const FOLDER = '.github/chainguard'
const GOOD = `issuer: https://token.actions.githubusercontent.com
subject: repo:acme/app:ref:refs/heads/main
claims:
  repository_owner_id: "1001"
permissions:
  issues: write
`
/** Its second line has a field that there is not. */
const BROKEN = GOOD.replace('subject:', 'subjekt:')
const COMPARE = '/repos/{owner}/{repo}/compare/{basehead}'
const TREES = '/repos/{owner}/{repo}/git/trees/{tree_sha}'

let flow: Flow

async function start({ settings, ...options }: FlowOptions = {}): Promise<void> {
  flow = await startFlow({
    ...options,
    settings: {
      webhook: { secrets: [{ kind: 'text', text: SECRET }], organizations: [], allowSha1: false },
      ...settings,
    },
  })
  const url = `http://127.0.0.1:${flow.service.port}/webhook`
  for (const { id } of flow.github.apps) flow.github.setWebhook(id, { url, secret: SECRET })
  for (const name of ['app', '.github']) flow.github.commit('acme', name, { files: { 'README.md': name } })
}

beforeEach(() => start())
afterEach(() => flow.close())

async function deliver(event: string, payload: Payload, deliveryId?: string) {
  const { status, body } = await flow.github.deliver({
    event,
    payload,
    ...(deliveryId === undefined ? {} : { deliveryId }),
  })
  return { status, message: (JSON.parse(body) as { message: string }).message }
}

/** A pull request of acme/app's branch `topic`, with these files on it. */
function openPull(files: Record<string, string | null>, repository = 'app'): number {
  flow.github.commit('acme', repository, { branch: 'topic', files })
  return flow.github.openPull('acme', repository, { head: { branch: 'topic' } })
}

const pullPayload = (number: number, action = 'opened', repository = 'app') =>
  flow.github.payloads.pullRequest('acme', repository, { number, action })

/** The check runs, each as its commit, conclusion, title and annotations. */
const runs = () =>
  flow.github.checkRuns.map(({ suite, name, conclusion, output, annotations }) => {
    expect(name).toBe(NAME)
    return { commit: suite.headSha, conclusion, title: output?.title, annotations }
  })

test('a pull request with a broken policy gets a failing check at its line, and fixing it turns it green', async () => {
  const number = openPull({ [`${FOLDER}/ci.sts.yaml`]: BROKEN })
  expect(await deliver('pull_request', pullPayload(number))).toEqual({
    status: 200,
    message: 'failure: 1 file of 1 can not be used',
  })
  expect(runs()).toEqual([
    {
      commit: flow.github.headOf('acme', 'app', 'topic'),
      conclusion: 'failure',
      title: '1 file of 1 can not be used',
      annotations: [
        expect.objectContaining({
          path: `${FOLDER}/ci.sts.yaml`,
          startLine: 2,
          endLine: 2,
          startColumn: 1,
          level: 'failure',
          message: expect.stringContaining('subjekt'),
        }),
      ],
    },
  ])

  flow.github.commit('acme', 'app', { branch: 'topic', files: { [`${FOLDER}/ci.sts.yaml`]: GOOD } })
  expect(await deliver('pull_request', pullPayload(number, 'synchronize'))).toEqual({
    status: 200,
    message: 'success: 1 file checked',
  })
  expect(runs()[1]).toEqual({
    commit: flow.github.headOf('acme', 'app', 'topic'),
    conclusion: 'success',
    title: '1 file checked',
    annotations: [],
  })
})

test('a pull request that changes no policy passes the required check, for one comparison and one check run', async () => {
  const number = openPull({ 'src/a.ts': 'a' })
  const calls = await flow.calls(() => deliver('pull_request', pullPayload(number)))
  expect(runs()).toMatchObject([{ conclusion: 'success', title: 'no trust policy is changed' }])
  expect(calls).toEqual([
    'GET /repos/{owner}/{repo}/installation',
    'POST /app/installations/{installation_id}/access_tokens',
    `GET ${COMPARE}`,
    'POST /repos/{owner}/{repo}/check-runs',
  ])
})

test('the token of the checks can read this repository and write checks, and nothing else', async () => {
  await deliver('pull_request', pullPayload(openPull({ 'src/a.ts': 'a' })))
  const [token] = [...flow.github.tokens.values()]
  expect(token).toMatchObject({ permissions: { contents: 'read', checks: 'write', metadata: 'read' } })
  expect(token?.repositories === 'all' ? 'all' : token?.repositories.size).toBe(1)
})

test('a pull request of a fork is checked by its own content', async () => {
  flow.github.addAccount({ login: 'mallory', type: 'User' })
  flow.github.addRepository('mallory', 'app', { forkOf: { owner: 'acme', name: 'app' } })
  flow.github.commit('mallory', 'app', { branch: 'evil', files: { [`${FOLDER}/evil.sts.yaml`]: BROKEN } })
  const number = flow.github.openPull('acme', 'app', { head: { owner: 'mallory', branch: 'evil' } })
  await deliver('pull_request', pullPayload(number))
  expect(runs()).toMatchObject([
    { commit: flow.github.headOf('mallory', 'app', 'evil'), conclusion: 'failure', annotations: [{ startLine: 2 }] },
  ])
})

test('a second pull request, to a branch that has the broken policy already, does not turn the commit green', async () => {
  flow.github.commit('acme', 'app', { branch: 'topic', files: { [`${FOLDER}/ci.sts.yaml`]: BROKEN } })
  const broken = flow.github.headOf('acme', 'app', 'topic')
  flow.github.setBranch('acme', 'app', 'decoy', broken)
  flow.github.commit('acme', 'app', { branch: 'topic', files: { 'README.md': 'x' } })
  const number = flow.github.openPull('acme', 'app', { head: { branch: 'topic' }, base: 'decoy' })
  await deliver('pull_request', pullPayload(number))
  expect(runs()).toMatchObject([{ conclusion: 'failure' }])
})

test('of more than 300 changed files the policies are found all the same', async () => {
  const many = Object.fromEntries(Array.from({ length: 320 }, (_, index) => [`.a/${index}`, String(index)]))
  const number = openPull({ ...many, [`${FOLDER}/zz.sts.yaml`]: BROKEN })
  await deliver('pull_request', pullPayload(number))
  expect(runs()).toMatchObject([{ conclusion: 'failure', annotations: [{ path: `${FOLDER}/zz.sts.yaml` }] }])
})

test('a pull request of more than 3,000 files fails, and says so', async () => {
  const number = openPull({ 'src/a.ts': 'a' })
  const payload = pullPayload(number)
  const pull = { ...(payload['pull_request'] as Payload), changed_files: 3001 }
  await deliver('pull_request', { ...payload, pull_request: pull })
  expect(runs()).toMatchObject([{ conclusion: 'failure', title: 'not all could be checked' }])
  expect(flow.github.checkRuns[0]?.output?.summary).toContain('more than 3,000 files')
})

test('it fails for that commit whatever asks for the check again, until the pull request has fewer files', async () => {
  const policy = { [`${FOLDER}/ci.sts.yaml`]: GOOD.replace('issues', 'checks') }
  const before = flow.github.setBranch('acme', 'app', 'topic').after
  const number = openPull(policy)
  const sha = flow.github.headOf('acme', 'app', 'topic')
  const payload = pullPayload(number)
  const pull = { ...(payload['pull_request'] as Payload), changed_files: 3001 }
  await deliver('pull_request', { ...payload, pull_request: pull })
  const [run] = flow.github.checkRuns
  const failure = { status: 200, message: 'failure: not all could be checked' }
  const again = { action: 'rerequested' } as const
  const push = { before, after: sha, ref: 'refs/heads/topic' }
  flow.github.setBranch('acme', 'app', 'decoy', before)
  const decoy = flow.github.openPull('acme', 'app', { head: { branch: 'topic' }, base: 'decoy' })
  expect([
    await deliver('check_run', flow.github.payloads.checkRun({ id: run?.id ?? 0, ...again })),
    await deliver('check_suite', flow.github.payloads.checkSuite('acme', 'app', { sha, ...again })),
    await deliver('push', flow.github.payloads.push('acme', 'app', push)),
    await deliver('pull_request', pullPayload(decoy)),
  ]).toEqual([failure, failure, failure, failure])
  expect(await deliver('pull_request', pullPayload(number, 'reopened'))).toEqual({
    status: 200,
    message: 'success: 1 file checked',
  })
})

test('renamed, removed and misplaced files', async () => {
  flow.github.commit('acme', 'app', {
    files: { [`${FOLDER}/old.sts.yaml`]: GOOD, [`${FOLDER}/gone.sts.yaml`]: GOOD.replace('issues', 'checks') },
  })
  const number = openPull({
    [`${FOLDER}/old.sts.yaml`]: null,
    [`${FOLDER}/new.sts.yaml`]: GOOD,
    [`${FOLDER}/gone.sts.yaml`]: null,
    [`${FOLDER}/typo.sts.yml`]: BROKEN,
  })
  await deliver('pull_request', pullPayload(number))
  expect(runs()).toMatchObject([
    {
      conclusion: 'success',
      title: '1 file checked, 2 files removed, 1 warning',
      annotations: [{ path: `${FOLDER}/typo.sts.yml`, level: 'warning', startLine: 1 }],
    },
  ])
})

test('what the installation lacks, what the operator refuses and what is odd is said at its line', async () => {
  await flow.close()
  await start({ settings: { maxPermissions: new Map([['issues', 'write']] as const), selfWrite: 'deny' } })
  const policy = GOOD.replace('issues: write', 'contents: write\n  packages: read')
  await deliver('pull_request', pullPayload(openPull({ [`${FOLDER}/ci.sts.yaml`]: policy })))
  const [run] = runs()
  expect(run?.conclusion).toBe('failure')
  const said = run?.annotations.map(({ startLine, level, message }) => [startLine, level, message])
  expect(said).toContainEqual([6, 'failure', expect.stringContaining('contents')])
  expect(said).toContainEqual([7, 'failure', expect.stringContaining('packages')])
})

test('what an administrator has just granted counts for the next check', async () => {
  const number = openPull({ [`${FOLDER}/ci.sts.yaml`]: GOOD.replace('issues', 'packages') })
  expect((await deliver('pull_request', pullPayload(number))).message).toBe('failure: 1 file of 1 can not be used')
  flow.github.regrant(flow.installation, { permissions: { contents: 'read', checks: 'write', packages: 'write' } })
  await deliver('installation', flow.github.payloads.installation(flow.installation, 'new_permissions_accepted'))
  expect((await deliver('pull_request', pullPayload(number, 'reopened'))).message).toBe('success: 1 file checked')
})

test('a repository that there is not is said, also where the App has all, until it is made', async () => {
  flow.github.regrant(flow.installation, { repositories: 'all' })
  const number = openPull({ [`${FOLDER}/o.sts.yaml`]: `${GOOD}repositories:\n  - app\n  - new\n` }, '.github')
  expect((await deliver('pull_request', pullPayload(number, 'opened', '.github'))).message).toMatch(/^failure: /)
  expect(runs()).toMatchObject([{ annotations: [{ startLine: 9, message: expect.stringContaining('new') }] }])
  flow.github.addRepository('acme', 'new')
  await deliver('repository', flow.github.payloads.repository('acme', 'new', { action: 'created' }))
  expect((await deliver('pull_request', pullPayload(number, 'reopened', '.github'))).message).toMatch(/^success: /)
})

test('the list of trusted issuers is checked, and a policy is compared with it', async () => {
  const list = `issuers:\n  - https://accounts.google.com\n`
  flow.github.commit('acme', '.github', { files: { [`${FOLDER}/trusted-token-issuers.yaml`]: list } })
  await deliver('pull_request', pullPayload(openPull({ [`${FOLDER}/ci.sts.yaml`]: GOOD })))
  expect(runs()).toMatchObject([{ conclusion: 'failure', annotations: [{ startLine: 1 }] }])

  const broken = openPull({ [`${FOLDER}/trusted-token-issuers.yaml`]: 'issuers: []\n' }, '.github')
  await deliver('pull_request', pullPayload(broken, 'opened', '.github'))
  expect(runs()[1]).toMatchObject({ conclusion: 'failure' })
})

test('60 annotations come in two requests, and the run has no verdict before the second', async () => {
  const wrong = Array.from({ length: 60 }, (_, index) => `  nonsense_${index}: read\n`).join('')
  const number = openPull({ [`${FOLDER}/ci.sts.yaml`]: GOOD.replace('  issues: write\n', wrong) })
  const bodies: unknown[] = []
  flow.github.observe(({ route, requestBody }) => {
    if (route?.includes('check-runs') === true) bodies.push(requestBody)
  })
  await deliver('pull_request', pullPayload(number))
  expect(bodies).toMatchObject([{ status: 'in_progress' }, { status: 'completed', conclusion: 'failure' }])
  expect(runs()[0]?.annotations).toHaveLength(60)
})

test('a check is done anew when somebody asks for it', async () => {
  const number = openPull({ [`${FOLDER}/ci.sts.yaml`]: BROKEN })
  await deliver('pull_request', pullPayload(number))
  const id = flow.github.checkRuns[0]?.id ?? 0
  await deliver('check_run', flow.github.payloads.checkRun({ id, action: 'rerequested' }))
  const sha = flow.github.headOf('acme', 'app', 'topic')
  await deliver('check_suite', flow.github.payloads.checkSuite('acme', 'app', { sha, action: 'rerequested' }))
  expect(runs().map(({ commit, conclusion }) => [commit, conclusion])).toEqual(
    Array.from({ length: 3 }, () => [sha, 'failure']),
  )
})

test('a push makes a changed policy live for the next exchange', async () => {
  flow.policy('acme/app', 'ci')
  expect(await flow.ask({}, askHttp)).toMatchObject({ code: 0 })
  const push = flow.github.commit('acme', 'app', { files: { [`${FOLDER}/ci.sts.yaml`]: GOOD } })
  expect(await flow.ask({}, askHttp)).toMatchObject({ code: 0 }) // fresh for five minutes
  expect((await deliver('push', flow.github.payloads.push('acme', 'app', push))).status).toBe(200)
  expect(await flow.ask({}, askHttp)).toMatchObject({ reason: 'ISSUER_MISMATCH' })
})

test('a push that is delivered again later, to a replica that does not know it, leaves the policy usable', async () => {
  flow.policy('acme/app', 'ci')
  const push = flow.github.commit('acme', 'app', { files: { [`${FOLDER}/ci.sts.yaml`]: GOOD } })
  const payload = flow.github.payloads.push('acme', 'app', push)
  flow.policy('acme/app', 'ci')
  flow.advance(6 * 60_000)
  expect(await flow.ask({}, askHttp)).toMatchObject({ code: 0 })
  expect((await deliver('push', payload)).status).toBe(200)
  expect(await flow.ask({}, askHttp)).toMatchObject({ code: 0 })
})

test('a force push is compared by what the branch had and has', async () => {
  const root = flow.github.headOf('acme', 'app')
  const first = flow.github.commit('acme', 'app', { files: { [`${FOLDER}/a.sts.yaml`]: GOOD, 'b.txt': 'b' } })
  const forced = flow.github.commit('acme', 'app', { files: { [`${FOLDER}/c.sts.yaml`]: BROKEN }, force: root })
  expect(forced.before).toBe(first.after)
  await deliver('push', flow.github.payloads.push('acme', 'app', forced))
  expect(runs()).toMatchObject([
    { commit: forced.after, conclusion: 'failure', annotations: [{ path: `${FOLDER}/c.sts.yaml` }] },
  ])
  expect(flow.github.checkRuns[0]?.output?.summary).toContain('a.sts.yaml`: removed')
})

test('when the commit before a force push is gone all policies are checked', async () => {
  const { after } = flow.github.commit('acme', 'app', { files: { [`${FOLDER}/a.sts.yaml`]: BROKEN } })
  const payload = flow.github.payloads.push('acme', 'app', { before: flow.github.headOf('acme', 'app'), after })
  await deliver('push', { ...payload, before: 'e'.repeat(40), forced: true })
  expect(runs()).toMatchObject([{ commit: after, conclusion: 'failure' }])
})

test('a push to a branch without a policy costs no call and no check run, and neither does its suite', async () => {
  const push = flow.github.commit('acme', 'app', { branch: 'topic', files: { 'src/a.ts': 'a' } })
  const calls = await flow.calls(async () => {
    const answer = await deliver('push', flow.github.payloads.push('acme', 'app', { ...push, ref: 'refs/heads/topic' }))
    // A new branch: the payload does not say all that it has.
    expect(answer).toEqual({ status: 200, message: 'no trust policy is changed' })
  })
  expect(calls.at(-1)).toBe(`GET ${COMPARE}`)
  const next = flow.github.commit('acme', 'app', { branch: 'topic', files: { 'src/b.ts': 'b' } })
  const more = await flow.calls(async () => {
    await deliver('push', flow.github.payloads.push('acme', 'app', { ...next, ref: 'refs/heads/topic' }))
  })
  expect(more).toEqual([])
  expect(runs()).toEqual([])
})

test('when GitHub limits, the delivery is accepted, nothing is green, and it is done later', async () => {
  const number = openPull({ 'src/a.ts': 'a' })
  flow.github.fault({ route: COMPARE, times: 1 }, { kind: 'secondary-rate-limit', retryAfterSeconds: 1 })
  const answer = await deliver('pull_request', pullPayload(number))
  expect(answer).toEqual({
    status: 202,
    message: expect.stringMatching(/^accepted, to be tried again in 1 s: GitHub API rate limit exceeded for "acme"/),
  })
  expect(runs()).toEqual([])
  await eventually(() => expect(runs()).toMatchObject([{ conclusion: 'success' }]))
})

test('a redelivery repairs what failed, and repeats nothing that did not', async () => {
  const number = openPull({ 'src/a.ts': 'a' })
  const fault = flow.github.fault(
    { route: '/repos/{owner}/{repo}/check-runs' },
    { kind: 'answer', status: 422, body: {} },
  )
  const first = await deliver('pull_request', pullPayload(number), 'one')
  expect(first).toEqual({
    status: 500,
    message: 'not checked: GitHub takes no check run for this commit: it answered 422',
  })
  fault.clear()
  expect((await deliver('pull_request', pullPayload(number), 'one')).status).toBe(200)
  expect(await deliver('pull_request', pullPayload(number), 'one')).toEqual({
    status: 200,
    message: 'this delivery was processed before',
  })
  expect(runs()).toHaveLength(1)
})

test("every App's deliveries are checked with that App, and a stranger's App's with none", async () => {
  await flow.close()
  await start({ apps: 2 })
  const second = flow.github.apps[1]?.id ?? 0
  const number = openPull({ 'src/a.ts': 'a' })
  expect((await deliver('pull_request', pullPayload(number))).status).toBe(200)
  const { status } = await flow.github.deliver({
    event: 'pull_request',
    payload: flow.github.payloads.pullRequest('acme', 'app', { number, action: 'opened', app: second }),
    app: second,
  })
  expect(status).toBe(200)
  expect(flow.github.checkRuns.map(({ suite }) => suite.app.id)).toEqual([flow.github.app.id, second])

  const headers = { 'x-github-hook-installation-target-id': '9002' }
  const refused = await flow.github.deliver({ event: 'pull_request', payload: pullPayload(number), headers })
  expect([refused.status, JSON.parse(refused.body)]).toEqual([
    202,
    { message: 'the delivery is for an App that is not configured here' },
  ])
})

test('without "checks: write" nothing is shown, and the answer says why', async () => {
  flow.github.regrant(flow.installation, { permissions: { contents: 'read' } })
  expect(await deliver('pull_request', pullPayload(openPull({ [`${FOLDER}/ci.sts.yaml`]: BROKEN })))).toEqual({
    status: 200,
    message: 'failure: 1 file of 1 can not be used (not shown: the App lacks "checks: write")',
  })
  expect(runs()).toEqual([])
})

test('the policies of an organization that is not on the list are not checked', async () => {
  await flow.close()
  await start({
    settings: {
      webhook: { secrets: [{ kind: 'text', text: SECRET }], organizations: ['globex'], allowSha1: false },
    },
  })
  expect(await deliver('pull_request', pullPayload(openPull({ [`${FOLDER}/ci.sts.yaml`]: BROKEN })))).toEqual({
    status: 202,
    message: 'the policies of this owner are not checked here',
  })
  expect(runs()).toEqual([])
})

test('each changed policy of the default branch leaves one event, though two Apps are told of the push', async () => {
  await flow.close()
  const received: { type: unknown; subject: unknown; data: Record<string, unknown> }[] = []
  const sink = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { 'ce-type': type, 'ce-subject': subject } = request.headers
    received.push({ type, subject, data: JSON.parse(body) as Record<string, unknown> })
    response.writeHead(202).end()
  })
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
  try {
    await start({ apps: 2, settings: { eventSink: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/` } })
    flow.github.commit('acme', 'app', { files: { [`${FOLDER}/a.sts.yaml`]: GOOD } })
    const push = flow.github.commit('acme', 'app', {
      files: {
        [`${FOLDER}/a.sts.yaml`]: null,
        [`${FOLDER}/b.sts.yaml`]: BROKEN,
        [`${FOLDER}/c.sts.yaml`]: GOOD.replace('issues', 'checks'),
      },
    })
    for (const { id: app } of flow.github.apps) {
      const payload = flow.github.payloads.push('acme', 'app', { ...push, pusher: 'octocat', app })
      expect((await flow.github.deliver({ event: 'push', payload, app })).status).toBe(200)
    }
    // What comes last shows that nothing else was to come before it.
    const last = flow.github.commit('acme', 'app', { files: { [`${FOLDER}/c.sts.yaml`]: null } })
    await deliver('push', flow.github.payloads.push('acme', 'app', last))
    await eventually(() => expect(received.some(({ data }) => data['commit'] === last.after)).toBe(true))
    received.splice(
      received.findIndex(({ data }) => data['commit'] === last.after),
      1,
    )
    const common = {
      org: 'acme',
      repo: 'app',
      ref: 'refs/heads/main',
      commit: push.after,
      before: push.before,
      actor: 'octocat',
      pusher: 'octocat',
      forced: false,
      time: expect.any(String),
    }
    const event = (file: string, data: Record<string, unknown>) => ({
      type: 'dev.octo-sts.policy',
      subject: `acme/app/${FOLDER}/${file}.sts.yaml`,
      data: { ...common, path: `${FOLDER}/${file}.sts.yaml`, ...data },
    })
    expect(received.toSorted((a, b) => String(a.subject).localeCompare(String(b.subject)))).toEqual([
      event('a', { action: 'removed' }),
      event('b', { action: 'added', valid: false, error: expect.stringContaining('subjekt') }),
      event('c', { action: 'added', valid: true }),
    ])
  } finally {
    sink.closeAllConnections()
    await new Promise((resolve) => sink.close(resolve))
  }
})

test('without a secret there is no /webhook, and with one it takes POST alone', async () => {
  const at = (port: number, method: string) => fetch(`http://127.0.0.1:${port}/webhook`, { method })
  const got = await at(flow.service.port, 'GET')
  expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST'])
  await flow.close()
  await start({ settings: { webhook: undefined } })
  expect((await at(flow.service.port, 'POST')).status).toBe(404)
})

test('deliveries over HTTP/2 are answered too, also those whose body is not read', async () => {
  const body = JSON.stringify({ zen: 'x'.repeat(200_000) })
  const headers = {
    'content-type': 'application/json',
    'x-github-event': 'ping',
    'x-github-delivery': 'h2',
  }
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`
  const signed = await ask2(flow.service.port, '/webhook', {
    method: 'POST',
    headers: { ...headers, 'x-hub-signature-256': signature },
    body,
  })
  expect([signed.status, JSON.parse(signed.body)]).toEqual([200, { message: 'pong' }])
  const unsigned = await ask2(flow.service.port, '/webhook', { method: 'POST', headers, body })
  expect(unsigned.status).toBe(401)
})

test('what GitHub says of trees is not needed where a comparison is whole', async () => {
  const number = openPull({ [`${FOLDER}/ci.sts.yaml`]: GOOD })
  const calls = await flow.calls(() => deliver('pull_request', pullPayload(number)))
  expect(calls).not.toContain(`GET ${TREES}`)
})

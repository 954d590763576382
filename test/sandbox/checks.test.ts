import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { SandboxApp } from '../../src/sandbox/apps.ts'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, member } from '../support/github-client.ts'

const clock = createControlledClock()
const RUNS = '/repos/acme/app/check-runs'
let github: SandboxGitHub
let client: GitHubClient
let second: SandboxApp
let installation: number
let writer: string
let sha: string

beforeAll(async () => {
  github = await createSandboxGitHub({ clock })
  client = createGitHubClient(github, clock.now)
  second = await github.addApp()
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addRepository('acme', 'docs', { private: false, files: { x: '1' } })
  installation = github.install('acme', { permissions: { checks: 'write', contents: 'read' }, repositories: [] })
})
afterAll(() => github.close())

beforeEach(async () => {
  github.addRepository('acme', 'app', { files: { 'a.yaml': 'a' } })
  github.regrant(installation, { repositories: ['app'] })
  writer = await client.mint(installation)
  sha = github.headOf('acme', 'app')
})

const post = (body: object, bearer = writer, path = RUNS) => client.send('POST', path, { bearer, body })
const patch = (id: unknown, body: object, bearer = writer) => client.send('PATCH', `${RUNS}/${id}`, { bearer, body })
const get = async (path: string, bearer = writer) => (await client.send('GET', path, { bearer })).body
const made = async (more = {}) => member((await post({ name: 'lint', head_sha: sha, ...more })).body, 'id')
const annotation = { path: 'a.yaml', start_line: 1, end_line: 1, annotation_level: 'failure', message: 'wrong' }
const annotations = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...annotation, start_line: index + 1, end_line: index + 1 }))
const output = (more: object) => ({ output: { title: 'T', summary: 'S', ...more } })

describe('a check run', () => {
  test('is made, goes on, and ends with a conclusion', async () => {
    const { status, body } = await post({ name: 'lint', head_sha: sha })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      name: 'lint',
      head_sha: sha,
      status: 'queued',
      conclusion: null,
      started_at: '2026-11-01T12:00:00Z',
      completed_at: null,
      output: { title: null, summary: null, text: null, annotations_count: 0 },
      app: { id: github.app.id, slug: 'octo-sts', permissions: { checks: 'write', contents: 'read' } },
      pull_requests: [],
    })
    const id = member(body, 'id')
    expect((await patch(id, { status: 'in_progress' })).body).toMatchObject({ status: 'in_progress', conclusion: null })
    const ended = await patch(id, { conclusion: 'failure', ...output({ text: 'X' }) })
    expect([ended.status, ended.body]).toEqual([
      200,
      expect.objectContaining({ status: 'completed', conclusion: 'failure', completed_at: '2026-11-01T12:00:00Z' }),
    ])
    expect((await patch(id, { status: 'queued' })).body).toMatchObject({ conclusion: null, completed_at: null })
    expect(await get(`${RUNS}/${id}`)).toMatchObject({ id, output: { title: 'T', summary: 'S', text: 'X' } })
  })

  test('has the annotations of all its requests, for reading and for the test', async () => {
    const id = await made(output({ annotations: annotations(50) }))
    const more = { ...annotation, end_column: 4, start_column: 2, title: 'Here', raw_details: 'more' }
    await patch(id, output({ annotations: [more] }))
    const page = await client.send('GET', `${RUNS}/${id}/annotations?per_page=50&page=2`, { bearer: writer })
    expect(page.body).toEqual([
      {
        path: 'a.yaml',
        blob_href: `https://github.com/acme/app/blob/${sha}/a.yaml`,
        start_line: 1,
        start_column: 2,
        end_line: 1,
        end_column: 4,
        annotation_level: 'failure',
        title: 'Here',
        message: 'wrong',
        raw_details: 'more',
      },
    ])
    expect(await get(`${RUNS}/${id}`)).toMatchObject({ output: { annotations_count: 51 } })
    const run = github.checkRuns.find((found) => found.id === id)
    expect([run?.suite.headSha, run?.annotations.length, run?.output?.title]).toEqual([sha, 51, 'T'])
  })

  test("names its repository's own pull requests, and none of forks", async () => {
    github.addAccount({ login: 'mallory', type: 'User' })
    github.addRepository('mallory', 'app', { forkOf: { owner: 'acme', name: 'app' } })
    const fork = github.commit('mallory', 'app', { branch: 'evil', files: { evil: '1' } })
    const own = github.commit('acme', 'app', { branch: 'side', files: { x: '1' } })
    github.openPull('acme', 'app', { head: { owner: 'mallory', branch: 'evil' } })
    const number = github.openPull('acme', 'app', { head: { branch: 'side' } })
    expect((await post({ name: 'lint', head_sha: own.after })).body).toMatchObject({ pull_requests: [{ number }] })
    expect((await post({ name: 'lint', head_sha: fork.after })).body).toMatchObject({ pull_requests: [] })
  })

  test('is found by its commit: the newest of each name, or all; by name, status and App', async () => {
    github.install('acme', { permissions: { checks: 'write' }, repositories: ['app'], app: second.id })
    const other = createGitHubClient(github, clock.now, second)
    const theirs = await other.mint(github.findInstallationOf('acme', second.id)?.id ?? 0)
    const [old, young, test] = [await made(), await made({ conclusion: 'success' }), await made({ name: 'test' })]
    const foreign = member((await post({ name: 'lint', head_sha: sha }, theirs)).body, 'id')
    const found = async (query: string) => {
      const body = await get(`/repos/acme/app/commits/main/check-runs?${query}`)
      const runs = member(body, 'check_runs')
      return [member(body, 'total_count'), Array.isArray(runs) ? runs.map((run) => member(run, 'id')) : runs]
    }
    expect(await found('')).toEqual([3, [young, test, foreign]])
    expect(await found('filter=all')).toEqual([4, [old, young, test, foreign]])
    expect(await found('check_name=lint')).toEqual([2, [young, foreign]])
    expect(await found('status=completed')).toEqual([1, [young]])
    expect(await found(`check_name=lint&app_id=${second.id}`)).toEqual([1, [foreign]])
    expect(await found('per_page=1&page=2')).toEqual([3, [test]])
    const refused = await patch(old, { status: 'in_progress' }, theirs)
    expect([refused.status, member(refused.body, 'message')]).toEqual([
      403,
      'Invalid app_id `424242` - check run can only be modified by the GitHub App that created it.',
    ])
  })
})

describe('who may write', () => {
  test.each<[string, () => Promise<string | undefined>, string, number, string]>([
    [
      'reads only',
      () => client.mint(installation, { permissions: { checks: 'read' } }),
      RUNS,
      403,
      'Resource not accessible by integration',
    ],
    [
      'has no such permission',
      () => client.mint(installation, { permissions: { contents: 'read' } }),
      RUNS,
      403,
      'Resource not accessible by integration',
    ],
    [
      'was not given a public repository',
      async () => writer,
      '/repos/acme/docs/check-runs',
      403,
      'Resource not accessible by integration',
    ],
    ['was not given a private one', async () => writer, '/repos/acme/hidden/check-runs', 404, 'Not Found'],
    ['has no credential', async () => undefined, RUNS, 401, 'Requires authentication'],
    ['is the App itself', async () => client.appJwt(), RUNS, 403, 'Resource not accessible by integration'],
  ])('not who %s', async (_, bearerOf, path, status, message) => {
    github.addRepository('acme', 'hidden', { files: { x: '1' } })
    const bearer = await bearerOf()
    const body = { name: 'lint', head_sha: sha }
    const reply = await client.send('POST', path, { body, ...(bearer === undefined ? {} : { bearer }) })
    expect([reply.status, member(reply.body, 'message')]).toEqual([status, message])
  })

  test('reading a private one needs the permission', async () => {
    const id = await made()
    const blind = await client.mint(installation, { permissions: { contents: 'read' } })
    for (const path of [`${RUNS}/${id}`, `${RUNS}/${id}/annotations`, '/repos/acme/app/commits/main/check-runs']) {
      expect([path, (await client.send('GET', path, { bearer: blind })).status]).toEqual([path, 403])
    }
    expect((await client.send('GET', `${RUNS}/1`, { bearer: writer })).status).toBe(404)
    expect((await patch(1, {})).status).toBe(404)
  })
})

const MISSING = (field: string) => ({ message: 'Validation Failed', code: 'missing_field', field })
const WRONG = (field: string) => ({ message: 'Validation Failed', code: 'invalid', field })
const INVALID = (message: string) => ({ message: `Invalid request.\n\n${message}` })

describe('a check run is refused', () => {
  test.each<[string, object, object]>([
    ['no commit', { head_sha: '1'.repeat(40) }, { message: `No commit found for SHA: ${'1'.repeat(40)}` }],
    ['a branch', { head_sha: 'main' }, { message: 'No commit found for SHA: main' }],
    ['no name', { name: undefined }, INVALID(`"name" wasn't supplied.`)],
    ['a name that is no text', { name: 7 }, INVALID("For 'properties/name', 7 is not a string.")],
    [
      'a status of its own',
      { status: 'done' },
      INVALID(`For 'properties/status', "done" is not a member of ["queued","in_progress","completed"].`),
    ],
    ['a conclusion of its own', { conclusion: 'ok' }, { message: expect.stringContaining('"ok" is not a member of') }],
    ['a conclusion that is not given', { conclusion: 'stale' }, WRONG('conclusion')],
    ['an end without a conclusion', { status: 'completed' }, MISSING('conclusion')],
    ['a time of its end without a conclusion', { completed_at: '2026-01-01T00:00:00Z' }, MISSING('conclusion')],
    [
      'a time that is none',
      { started_at: 'YYYY' },
      INVALID(`For 'properties/started_at', "YYYY" is not a valid date-time.`),
    ],
    ['an output that is none', { output: 'text' }, WRONG('output')],
    ['an output without its parts', { output: {} }, INVALID(`"title", "summary" weren't supplied.`)],
    [
      'a long summary',
      output({ summary: 'x'.repeat(65_536) }),
      INVALID('Only 65535 characters are allowed; 65536 were supplied.'),
    ],
    [
      'a long text',
      output({ text: 'x'.repeat(70_000) }),
      INVALID('Only 65535 characters are allowed; 70000 were supplied.'),
    ],
    [
      'many annotations',
      output({ annotations: annotations(51) }),
      INVALID('No more than 50 items are allowed; 51 were supplied.'),
    ],
    [
      'an annotation of nothing',
      output({ annotations: [{ start_line: 1, end_line: 1, message: 'm' }] }),
      INVALID(`"path", "annotation_level" weren't supplied.`),
    ],
    [
      'an annotation that is none',
      output({ annotations: ['x'] }),
      { message: expect.stringContaining('not an object') },
    ],
    ['annotations that are no list', output({ annotations: {} }), { message: expect.stringContaining('not an array') }],
    [
      'four buttons',
      { actions: Array.from({ length: 4 }, () => ({ label: 'l', description: 'd', identifier: 'i' })) },
      INVALID('No more than 3 items are allowed; 4 were supplied.'),
    ],
    [
      'a long button',
      { actions: [{ label: 'x'.repeat(21), description: 'd', identifier: 'i' }] },
      INVALID('Only 20 characters are allowed; 21 were supplied.'),
    ],
  ])('for %s', async (_, body, expected) => {
    const reply = await post({ name: 'lint', head_sha: sha, ...body })
    expect([reply.status, toldBy(reply.body)]).toEqual([422, expected])
  })

  test.each<[string, object]>([
    ['a line of 0', { start_line: 0 }],
    ['lines that run backwards', { start_line: 2 }],
    ['columns over several lines', { end_line: 2, start_column: 1, end_column: 2 }],
    ['one column alone', { start_column: 1 }],
    ['a column of 0', { start_column: 0, end_column: 1 }],
    ['columns that run backwards', { start_column: 3, end_column: 2 }],
    ['a path from the root', { path: '/a.yaml' }],
    ['no message', { message: '' }],
    ['a long message', { message: 'ä'.repeat(40_000) }],
    ['long details', { raw_details: 'x'.repeat(65_537) }],
    ['a long title', { title: 'x'.repeat(256) }],
  ])('for an annotation with %s', async (_, wrong) => {
    const before = github.checkRuns.length
    const reply = await post({ name: 'lint', head_sha: sha, ...output({ annotations: [{ ...annotation, ...wrong }] }) })
    expect([reply.status, toldBy(reply.body)]).toEqual([422, WRONG('annotations')])
    expect(github.checkRuns).toHaveLength(before)
  })

  test('for a body that is none', async () => {
    expect((await client.send('POST', RUNS, { bearer: writer })).status).toBe(400)
  })
})

/** What a refusal says, with its first error. */
function toldBy(body: unknown) {
  const errors = member(body, 'errors')
  const [first] = Array.isArray(errors) ? errors : []
  const detail = first === undefined ? {} : { code: member(first, 'code'), field: member(first, 'field') }
  return { message: member(body, 'message'), ...detail }
}

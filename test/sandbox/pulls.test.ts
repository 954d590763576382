import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, member, rsaKeyPem } from '../support/github-client.ts'

const clock = createControlledClock()
const privateKeyPem = rsaKeyPem()
let github: SandboxGitHub
let client: GitHubClient
let installation: number
let bearer: string

beforeEach(async () => {
  github = await createSandboxGitHub({ clock, app: { privateKeyPem } })
  client = createGitHubClient(github, clock.now)
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addAccount({ login: 'mallory', type: 'User' })
  github.addRepository('acme', 'app', { files: { 'README.md': 'hello\n' } })
  const permissions = { contents: 'read', pull_requests: 'read' } as const
  installation = github.install('acme', { permissions, repositories: 'all' })
  bearer = await client.mint(installation)
})
afterEach(() => github.close())

const get = (path: string) => client.send('GET', `/repos/acme/app${path}`, { bearer })
const names = (body: unknown) => (Array.isArray(body) ? body.map((file) => member(file, 'filename')) : body)

test('a pull request follows its branch, and keeps its files when the branch is gone', async () => {
  const { after: one } = github.commit('acme', 'app', { branch: 'side', files: { x: '1\n' } })
  const number = github.openPull('acme', 'app', { head: { branch: 'side' } })
  const base = github.headOf('acme', 'app')
  expect(number).toBe(1)
  expect((await get('/pulls/1')).body).toMatchObject({
    number,
    state: 'open',
    user: { login: 'acme' },
    head: { label: 'acme:side', ref: 'side', sha: one, repo: { full_name: 'acme/app', fork: false } },
    base: { label: 'acme:main', ref: 'main', sha: base },
    commits: 1,
    changed_files: 1,
    additions: 1,
  })
  const { after: two } = github.commit('acme', 'app', { branch: 'side', files: { y: '1\n' } })
  github.commit('acme', 'app', { files: { 'README.md': 'only on main\n' } })
  github.deleteBranch('acme', 'app', 'side')
  github.closePull('acme', 'app', 1)
  expect((await get('/pulls/1')).body).toMatchObject({ state: 'closed', head: { sha: two }, commits: 2 })
  expect(names((await get('/pulls/1/files')).body)).toEqual(['x', 'y'])
})

test('a pull request of a fork has its head in the base repository too, by name and by its own reference', async () => {
  github.addRepository('mallory', 'fork', { forkOf: { owner: 'acme', name: 'app' } })
  const { after } = github.commit('mallory', 'fork', { branch: 'evil', files: { 'evil.txt': 'evil' } })
  const head = { owner: 'mallory', repo: 'fork', branch: 'evil' }
  const number = github.openPull('acme', 'app', { head, base: 'main' })
  expect((await get(`/pulls/${number}`)).body).toMatchObject({
    user: { login: 'mallory' },
    head: { label: 'mallory:evil', sha: after, repo: { full_name: 'mallory/fork', fork: true, private: true } },
    author_association: 'CONTRIBUTOR',
  })
  for (const ref of [after, `refs/pull/${number}/head`, `pull/${number}/head`]) {
    const { status, body } = await get(`/contents/evil.txt?ref=${encodeURIComponent(ref)}`)
    expect([ref, status, member(body, 'content')]).toEqual([ref, 200, 'ZXZpbA==\n'])
  }
  expect((await client.send('GET', '/repos/mallory/fork', { bearer })).status).toBe(404)
})

test('its files come in pages of at most a hundred, and are cut without a word', async () => {
  const files = Object.fromEntries(Array.from({ length: 230 }, (_, index) => [`f${1000 + index}`, '']))
  github.commit('acme', 'app', { branch: 'side', files })
  github.openPull('acme', 'app', { head: { branch: 'side' } })
  github.setLimits({ pullFiles: 210 })
  const seen: unknown[] = []
  let next: string | undefined = `${github.url}/repos/acme/app/pulls/1/files?per_page=1000`
  while (next !== undefined) {
    const reply = await client.send('GET', next.slice(github.url.length), { bearer })
    seen.push(Array.isArray(reply.body) ? reply.body.length : reply.body)
    next = /<([^>]+)>; rel="next"/.exec(reply.headers.get('link') ?? '')?.[1]
  }
  expect(seen).toEqual([100, 100, 10])
})

test('is for those with the permission, where the repository is private', async () => {
  github.commit('acme', 'app', { branch: 'side', files: { x: '1\n' } })
  github.openPull('acme', 'app', { head: { branch: 'side' } })
  const blind = await client.mint(installation, { permissions: { contents: 'read' } })
  const statuses = async () => {
    const paths = ['/repos/acme/app/pulls/1', '/repos/acme/app/pulls/1/files']
    const replies = paths.map((path) => [{ bearer }, { bearer: blind }, {}].map((as) => client.send('GET', path, as)))
    return (await Promise.all(replies.flat())).map(({ status }) => status)
  }
  expect(await statuses()).toEqual([200, 403, 404, 200, 403, 404])
  github.setVisibility('acme', 'app', 'public')
  expect(await statuses()).toEqual([200, 200, 200, 200, 200, 200])
  expect([(await get('/pulls/2')).status, (await get('/pulls/2/files')).status]).toEqual([404, 404])
})

test.each<[string, () => unknown, string]>([
  ['from nowhere', () => github.openPull('acme', 'app', { head: { branch: 'side' } }), 'app has no branch side'],
  [
    'from no fork',
    () => {
      github.addRepository('mallory', 'other', { files: { x: '1' } })
      return github.openPull('acme', 'app', { head: { owner: 'mallory', repo: 'other', branch: 'main' } })
    },
    'other is no fork of acme/app',
  ],
  ['that is not there', () => github.closePull('acme', 'app', 1), 'the sandbox has no pull request 1 in acme/app'],
])('a pull request %s is a mistake of the test', (_, work, message) => {
  expect(work).toThrow(message)
})

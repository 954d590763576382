import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, member, type Reply } from '../support/github-client.ts'

const clock = createControlledClock()
let github: SandboxGitHub
let client: GitHubClient
let selected: number
let all: number

beforeAll(async () => {
  github = await createSandboxGitHub({ clock })
  client = createGitHubClient(github, clock.now)
})
afterAll(() => github.close())

beforeEach(() => {
  for (const id of github.installations.keys()) github.uninstall(id)
  for (const login of ['acme', 'globex']) {
    github.addAccount({ login, type: 'Organization' })
    for (const name of ['app', 'docs', 'Vault']) github.addRepository(login, name, { files: { 'a.txt': name } })
  }
  const permissions = { contents: 'write', organization_projects: 'admin', keys: 'read' } as const
  selected = github.install('acme', { permissions, repositories: ['app', 'docs'] })
  all = github.install('globex', { permissions, repositories: 'all' })
})

const GRANTED = { contents: 'write', organization_projects: 'admin', keys: 'read', metadata: 'read' }

test.each<[string, unknown, object]>([
  ['nothing: everything', undefined, { permissions: GRANTED, repository_selection: 'selected', names: undefined }],
  ['an empty object: everything', {}, { permissions: GRANTED, repository_selection: 'selected', names: undefined }],
  [
    'empty permissions and repositories: everything',
    { permissions: {}, repositories: [] },
    { permissions: GRANTED, repository_selection: 'selected', names: undefined },
  ],
  [
    'less',
    { permissions: { contents: 'read' }, repositories: ['app'] },
    { permissions: { contents: 'read', metadata: 'read' }, repository_selection: 'selected', names: ['app'] },
  ],
  [
    'a repository in another case, and by its id',
    { permissions: { metadata: 'read' }, repositories: ['DOCS'] },
    { permissions: { metadata: 'read' }, repository_selection: 'selected', names: ['docs'] },
  ],
  [
    'a name that only some Apps have',
    { permissions: { keys: 'read' } },
    { permissions: { keys: 'read', metadata: 'read' }, repository_selection: 'selected', names: undefined },
  ],
])('a mint that asks for %s', async (_, body, expected) => {
  const reply = await mint(selected, body)
  expect(reply.status).toBe(201)
  expect(granted(reply)).toEqual(expected)
  expect(member(reply.body, 'token')).toMatch(/^ghs_[A-Za-z0-9]{36}$/)
  expect(member(reply.body, 'expires_at')).toBe('2026-11-01T13:00:00Z')
})

test('an installation with all repositories answers "all", unless some were asked for', async () => {
  expect(granted(await mint(all, {}))).toMatchObject({ repository_selection: 'all', names: undefined })
  const id = github.findRepository('globex', 'vault')?.id
  expect(granted(await mint(all, { repository_ids: [id] }))).toMatchObject({
    repository_selection: 'selected',
    names: ['Vault'],
  })
})

const INACCESSIBLE =
  'There is at least one repository that does not exist or is not accessible to the parent installation.'
const UNGRANTED = 'The permissions requested are not granted to this installation.'

test.each<[string, unknown, number, string]>([
  ['a repository that was not selected', { repositories: ['app', 'vault'] }, 422, INACCESSIBLE],
  ['a repository that does not exist', { repositories: ['nowhere'] }, 422, INACCESSIBLE],
  ['a full name', { repositories: ['acme/app'] }, 422, INACCESSIBLE],
  ['an unknown id', { repository_ids: [1] }, 422, INACCESSIBLE],
  [
    'more than 500 repositories',
    { repositories: Array(501).fill('app') },
    422,
    'A token can be limited to at most 500 repositories.',
  ],
  ['a permission it has not', { permissions: { issues: 'read' } }, 422, UNGRANTED],
  ['a higher level', { permissions: { keys: 'write' } }, 422, UNGRANTED],
  ['an unknown permission', { permissions: { content: 'read' } }, 422, UNGRANTED],
  ['a prototype name', '{"permissions":{"__proto__":"read"}}', 422, UNGRANTED],
  [
    'an unknown level',
    { permissions: { contents: 'own' } },
    422,
    `Invalid request.\n\nFor 'permissions/contents', "own" is not a member of ["read","write"].`,
  ],
  [
    'permissions that are a list',
    { permissions: [] },
    422,
    "Invalid request.\n\nFor 'properties/permissions', [] is not an object.",
  ],
  [
    'repositories that are text',
    { repositories: 'app' },
    422,
    `Invalid request.\n\nFor 'properties/repositories', "app" is not an array.`,
  ],
  [
    'repositories that are numbers',
    { repositories: [1] },
    422,
    "Invalid request.\n\nFor 'properties/repositories', an item is of the wrong type.",
  ],
  ['an unknown member', { repository: 'app' }, 422, 'Invalid request.\n\n"repository" is not a permitted key.'],
  ['a list', [], 400, 'Body should be a JSON object'],
  ['broken JSON', '{', 400, 'Problems parsing JSON'],
])('a mint that asks for %s is refused', async (_, body, status, message) => {
  const reply = await mint(selected, body)
  expect({ status: reply.status, message: member(reply.body, 'message') }).toEqual({ status, message })
})

test('an unknown or suspended installation mints nothing', async () => {
  const before = await client.mint(selected)
  github.suspend(selected)
  expect(await answerOf(mint(selected, {}))).toEqual([403, 'This installation has been suspended'])
  expect(await answerOf(read(before))).toEqual([403, 'This installation has been suspended'])
  github.unsuspend(selected)
  expect(await answerOf(read(before))).toEqual([200, undefined])
  github.uninstall(selected)
  expect(await answerOf(mint(selected, {}))).toEqual([404, 'Not Found'])
  expect(await answerOf(read(before))).toEqual([401, 'Bad credentials'])
})

test('a token lives an hour, and dies at once when it is revoked', async () => {
  const [revoked, expiring] = [await client.mint(selected), await client.mint(selected)]
  expect(await answerOf(client.send('DELETE', '/installation/token', { bearer: revoked }))).toEqual([204, undefined])
  expect(await answerOf(read(revoked))).toEqual([401, 'Bad credentials'])
  expect(github.tokens.get(revoked)?.revoked).toBe(true)
  clock.advance(3_599_999)
  expect(await answerOf(read(expiring))).toEqual([200, undefined])
  clock.advance(1)
  expect(await answerOf(read(expiring))).toEqual([401, 'Bad credentials'])
})

test('what an installation is given later changes what its tokens reach and may be asked for', async () => {
  const token = await client.mint(selected)
  github.regrant(selected, { repositories: ['docs'], permissions: { contents: 'read' } })
  expect(await answerOf(read(token))).toEqual([404, 'Not Found'])
  expect(await answerOf(mint(selected, { permissions: { contents: 'write' } }))).toEqual([422, UNGRANTED])
})

test('the stateless form is about 520 characters, with dots and underscores, and works the same', async () => {
  const stateless = await createSandboxGitHub({ tokenForm: 'stateless' })
  try {
    const { mint: mintThere, send } = createGitHubClient(stateless)
    stateless.addAccount({ login: 'acme', type: 'Organization' })
    stateless.addRepository('acme', 'app', { files: { 'a.txt': 'a' } })
    const token = await mintThere(stateless.install('acme', { permissions: { contents: 'read' }, repositories: 'all' }))
    expect(token).toMatch(/^ghs_424242_eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{342}$/)
    expect(token.length).toBeGreaterThan(500)
    expect((await send('GET', '/repos/acme/app/contents/a.txt', { bearer: token })).status).toBe(200)
  } finally {
    await stateless.close()
  }
})

function mint(installationId: number, body: unknown): Promise<Reply> {
  const path = `/app/installations/${installationId}/access_tokens`
  return client.send('POST', path, { bearer: client.appJwt(), ...(body === undefined ? {} : { body }) })
}

function read(bearer: string): Promise<Reply> {
  return client.send('GET', '/repos/acme/app/contents/a.txt', { bearer })
}

async function answerOf(reply: Promise<Reply>): Promise<[number, unknown]> {
  const { status, body } = await reply
  return [status, member(body, 'message')]
}

function granted({ body }: Reply) {
  const repositories = member(body, 'repositories')
  return {
    permissions: member(body, 'permissions'),
    repository_selection: member(body, 'repository_selection'),
    names: Array.isArray(repositories) ? repositories.map((one) => member(one, 'name')) : repositories,
  }
}

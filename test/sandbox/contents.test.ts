import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createGitHubClient, type GitHubClient, member } from '../support/github-client.ts'

let github: SandboxGitHub
let client: GitHubClient
let reader: string
let appOnly: string
let issuesOnly: string
let stranger: string

beforeAll(async () => {
  github = await createSandboxGitHub()
  client = createGitHubClient(github)
  github.addAccount({ login: 'Acme', type: 'Organization' })
  github.addAccount({ login: 'globex', type: 'Organization' })
  github.addRepository('acme', 'App', {
    files: {
      'README.md': 'hello\n',
      'a/b/c.txt': 'deep',
      'empty.txt': '',
      'long.txt': 'x'.repeat(100),
      'a b&c.txt': 'odd',
    },
  })
  github.putFile('acme', 'app', 'link', { type: 'symlink', target: './a/b/../b/c.txt' })
  github.putFile('acme', 'app', 'dangling', { type: 'symlink', target: 'nowhere' })
  github.putFile('acme', 'app', 'a/lib', {
    type: 'submodule',
    url: 'https://github.com/acme/lib.git',
    commit: 'b'.repeat(40),
  })
  github.putFile('acme', 'app', 'huge.bin', Buffer.alloc(1024 * 1024 + 1))
  github.putFile('acme', 'app', 'README.md', 'next\n', 'next')
  github.addRepository('acme', 'public', { private: false, files: { 'README.md': 'open\n' } })
  github.addRepository('acme', 'nothing')
  const everything = { contents: 'write', issues: 'write' } as const
  const installation = github.install('acme', { permissions: everything, repositories: 'all' })
  reader = await client.mint(installation, { permissions: { contents: 'read' } })
  appOnly = await client.mint(installation, { permissions: { contents: 'read' }, repositories: ['app'] })
  issuesOnly = await client.mint(installation, { permissions: { issues: 'read' } })
  stranger = await client.mint(github.install('globex', { permissions: everything, repositories: 'all' }))
})
afterAll(() => github.close())

describe('what a path holds', () => {
  test.each<[string, object]>([
    // The SHA-1s are what `git hash-object` and `git write-tree` answer.
    [
      'README.md',
      {
        type: 'file',
        name: 'README.md',
        path: 'README.md',
        size: 6,
        encoding: 'base64',
        content: 'aGVsbG8K\n',
        sha: 'ce013625030ba8dba906f756967f9e9ca394464a',
      },
    ],
    ['a/b/c.txt', { type: 'file', name: 'c.txt', path: 'a/b/c.txt', content: 'ZGVlcA==\n' }],
    ['a/b/c.txt/', { type: 'file', path: 'a/b/c.txt' }],
    [
      'empty.txt',
      { type: 'file', size: 0, encoding: 'base64', content: '', sha: 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391' },
    ],
    ['long.txt', { content: `${'eHh4'.repeat(15)}\n${'eHh4'.repeat(15)}\n${'eHh4'.repeat(3)}eA==\n` }],
    ['a%20b%26c.txt', { path: 'a b&c.txt', content: 'b2Rk\n' }],
    ['README.md?ref=next', { content: 'bmV4dAo=\n' }],
    ['huge.bin', { type: 'file', size: 1_048_577, encoding: 'none', content: '' }],
    ['link', { type: 'file', path: 'link', content: 'ZGVlcA==\n' }],
    ['dangling', { type: 'symlink', target: 'nowhere', size: 7 }],
    ['a/lib', { type: 'submodule', submodule_git_url: 'https://github.com/acme/lib.git', sha: 'b'.repeat(40) }],
  ])('%s', async (path, expected) => {
    const { status, body } = await client.send('GET', `/repos/acme/app/contents/${path}`, { bearer: reader })
    expect({ status, body }).toEqual({ status: 200, body: expect.objectContaining(expected) })
  })

  test('a directory, in the order of Git, submodules as files', async () => {
    const { body } = await client.send('GET', '/repos/acme/app/contents/a', { bearer: reader })
    expect(body).toEqual([
      expect.objectContaining({
        name: 'b',
        path: 'a/b',
        type: 'dir',
        size: 0,
        sha: '7f7b7ead8462436da65605d4de1f37cb352e24e1',
      }),
      expect.objectContaining({ name: 'lib', path: 'a/lib', type: 'file', size: 0 }),
    ])
  })

  test('the root, with and without a slash', async () => {
    // What `git rev-parse` answers for `a`, which holds a directory and a submodule.
    const { body: listing } = await client.send('GET', '/repos/acme/app/contents/', { bearer: reader })
    expect(listing).toContainEqual(
      expect.objectContaining({ path: 'a', type: 'dir', sha: 'f141f9ee24ffd7763b558e8d5c1d79bb3a6b2167' }),
    )
    const names = async (path: string) => {
      const { body } = await client.send('GET', path, { bearer: reader })
      return Array.isArray(body) ? body.map((one) => member(one, 'name')) : body
    }
    const root = ['README.md', 'a b&c.txt', 'a', 'dangling', 'empty.txt', 'huge.bin', 'link', 'long.txt']
    expect(await names('/repos/acme/app/contents/')).toEqual(root)
    expect(await names('/repos/acme/app/contents')).toEqual(root)
  })

  test('no more than a thousand entries of a directory', async () => {
    const files = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`many/${index}.txt`, '']))
    github.commit('acme', 'public', { files })
    const { body } = await client.send('GET', '/repos/acme/public/contents/many', { bearer: reader })
    expect(body).toHaveLength(1000)
  })

  test('a raw file, for those who accept that', async () => {
    const headers = { accept: 'application/vnd.github.raw+json' }
    const reply = await client.send('GET', '/repos/acme/app/contents/README.md', { bearer: reader, headers })
    expect([reply.body, reply.headers.get('content-type')]).toEqual([
      'hello\n',
      'application/vnd.github.raw+json; charset=utf-8',
    ])
  })
})

describe('who may read', () => {
  const file = '/repos/acme/app/contents/README.md'
  test.each<[string, () => string | undefined, string, number, string | undefined]>([
    ['a reader, whatever the case of the names', () => reader, '/repos/ACME/aPP/contents/README.md', 200, undefined],
    ['a reader, in the wrong case of the path', () => reader, '/repos/acme/app/contents/readme.md', 404, 'Not Found'],
    ['a reader, beside a file', () => reader, '/repos/acme/app/contents/README.md/x', 404, 'Not Found'],
    ['a reader, on no branch', () => reader, `${file}?ref=gone`, 404, 'No commit found for the ref gone'],
    [
      'a reader, where nothing was ever pushed',
      () => reader,
      '/repos/acme/nothing/contents/x',
      404,
      'This repository is empty.',
    ],
    ['a reader, in no repository', () => reader, '/repos/acme/none/contents/x', 404, 'Not Found'],
    ['a token for another repository', () => appOnly, '/repos/acme/nothing/contents/x', 404, 'Not Found'],
    ['a token without the permission', () => issuesOnly, file, 403, 'Resource not accessible by integration'],
    ["another owner's token", () => stranger, file, 404, 'Not Found'],
    ['nobody', () => undefined, file, 404, 'Not Found'],
    ['the App itself', () => client.appJwt(), file, 403, 'Resource not accessible by integration'],
    ['a credential of nobody', () => 'ghs_nonsense', '/repos/acme/public/contents/README.md', 401, 'Bad credentials'],
    ['any token, what is public', () => stranger, '/repos/acme/public/contents/README.md', 200, undefined],
    [
      'a token for another repository, what is public',
      () => appOnly,
      '/repos/acme/public/contents/README.md',
      200,
      undefined,
    ],
    [
      'a token without the permission, what is public',
      () => issuesOnly,
      '/repos/acme/public/contents/README.md',
      200,
      undefined,
    ],
    ['nobody, what is public', () => undefined, '/repos/acme/public', 200, undefined],
    ['a reader, what is no route', () => reader, '/repos/acme/app/nonsense', 404, 'Not Found'],
    ['a reader, a malformed escape', () => reader, '/repos/acme/app/contents/%zz', 404, 'Not Found'],
  ])('%s', async (_, bearer, path, status, message) => {
    const token = bearer()
    const reply = await client.send('GET', path, token === undefined ? {} : { bearer: token })
    expect([reply.status, member(reply.body, 'message')]).toEqual([status, message])
  })

  test('a token reaches the repositories it was minted for, and lists them', async () => {
    const { body } = await client.send('GET', '/installation/repositories', { bearer: appOnly })
    expect([member(body, 'total_count'), member(body, 'repository_selection')]).toEqual([1, 'selected'])
  })
})

describe('an ETag', () => {
  const path = '/repos/acme/app/contents/README.md'
  const etagOf = async (bearer: string, headers = {}) =>
    (await client.send('GET', path, { bearer, headers })).headers.get('etag') ?? ''

  test('saves the body and the quota for the same token only, until the file changes', async () => {
    const headers = { 'if-none-match': await etagOf(reader) }
    const before = await client.send('GET', path, { bearer: reader, headers })
    const after = await client.send('GET', path, { bearer: reader, headers })
    expect([before.status, before.body, after.status]).toEqual([304, undefined, 304])
    expect(after.headers.get('x-ratelimit-used')).toBe(before.headers.get('x-ratelimit-used'))
    expect((await client.send('GET', path, { bearer: appOnly, headers })).status).toBe(200)
    github.putFile('acme', 'app', 'README.md', 'changed\n')
    expect((await client.send('GET', path, { bearer: reader, headers })).status).toBe(200)
    github.removeFile('acme', 'app', 'README.md')
    expect((await client.send('GET', path, { bearer: reader, headers })).status).toBe(404)
    github.putFile('acme', 'app', 'README.md', 'hello\n')
  })
})

describe('a repository that was renamed', () => {
  test.each([
    ['/contents/x/y.txt', () => reader],
    ['', () => reader],
    ['/installation', () => client.appJwt()],
  ])('is found under its id, from its old name with 301: %s', async (rest, bearer) => {
    const { id } = github.addRepository('acme', 'old', { files: { 'x/y.txt': 'y' } })
    github.renameRepository('acme', 'old', { name: `new-${id}` })
    const reply = await client.send('GET', `/repos/acme/old${rest}`, { bearer: bearer() })
    const location = `${github.url}/repositories/${id}${rest}`
    expect([
      reply.status,
      reply.headers.get('location'),
      member(reply.body, 'url'),
      member(reply.body, 'message'),
    ]).toEqual([301, location, location, 'Moved Permanently'])
    const { status } = await client.send('GET', location.slice(github.url.length), { bearer: bearer() })
    expect(status).toBe(200)
  })

  test('loses its old name to whoever takes it', async () => {
    github.addRepository('acme', 'first', { files: { 'a.txt': 'first' } })
    github.renameRepository('acme', 'first', { name: 'moved' })
    github.addRepository('acme', 'first', { files: { 'a.txt': 'second' } })
    const { status, body } = await client.send('GET', '/repos/acme/first/contents/a.txt', { bearer: reader })
    expect([status, member(body, 'content')]).toEqual([200, 'c2Vjb25k\n'])
  })

  test('is transferred with 301 too, and out of reach of its first owner', async () => {
    const { id } = github.addRepository('acme', 'given-away')
    github.renameRepository('acme', 'given-away', { owner: 'globex' })
    const reply = await client.send('GET', '/repos/acme/given-away', { bearer: stranger })
    expect([reply.status, reply.headers.get('location')]).toEqual([301, `${github.url}/repositories/${id}`])
    expect((await client.send('GET', '/repos/globex/given-away', { bearer: stranger })).status).toBe(200)
    expect((await client.send('GET', '/repos/globex/given-away', { bearer: reader })).status).toBe(404)
  })

  test('or was deleted, or became public, is what it is now', async () => {
    github.addRepository('acme', 'fleeting')
    github.setVisibility('acme', 'fleeting', 'public')
    expect((await client.send('GET', '/repos/acme/fleeting', { bearer: stranger })).status).toBe(200)
    github.setVisibility('acme', 'fleeting', 'private')
    expect((await client.send('GET', '/repos/acme/fleeting', { bearer: stranger })).status).toBe(404)
    github.removeRepository('acme', 'fleeting')
    expect((await client.send('GET', '/repos/acme/fleeting', { bearer: reader })).status).toBe(404)
  })

  test('does not show where it went to those who may not see it', async () => {
    github.addRepository('acme', 'hidden')
    github.renameRepository('acme', 'hidden', { name: 'still-hidden' })
    expect((await client.send('GET', '/repos/acme/hidden', { bearer: stranger })).status).toBe(404)
  })

  test('with its owner: the owner is unknown under the old name, the repository moved', async () => {
    github.addAccount({ login: 'initech', type: 'Organization' })
    github.addRepository('initech', 'app', { private: false })
    github.install('initech', { permissions: { contents: 'read' }, repositories: 'all' })
    github.renameAccount('initech', 'initrode')
    const bearer = client.appJwt()
    expect((await client.send('GET', '/orgs/initech/installation', { bearer })).status).toBe(404)
    expect((await client.send('GET', '/orgs/initrode/installation', { bearer })).status).toBe(200)
    expect((await client.send('GET', '/repos/initech/app')).status).toBe(301)
  })
})

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, type GitHubClient, member, rsaKeyPem } from '../support/github-client.ts'

const clock = createControlledClock()
const privateKeyPem = rsaKeyPem()
const NOTHING = '0'.repeat(40)
let github: SandboxGitHub
let client: GitHubClient
let bearer: string
let first: string

beforeEach(async () => {
  github = await createSandboxGitHub({ clock, app: { privateKeyPem } })
  client = createGitHubClient(github, clock.now)
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addAccount({ login: 'mallory', type: 'User' })
  github.addRepository('acme', 'app', { files: { 'README.md': 'hello\n', 'a/b/c.txt': 'deep' } })
  github.addRepository('acme', 'empty')
  bearer = await client.mint(github.install('acme', { permissions: { contents: 'read' }, repositories: 'all' }))
  first = github.headOf('acme', 'app')
})
afterEach(() => github.close())

const get = async (path: string, repository = 'acme/app') => {
  const { status, body } = await client.send('GET', `/repos/${repository}${path}`, { bearer })
  return { status, body }
}
const list = (body: unknown, name: string): readonly unknown[] => {
  const items = member(body, name)
  return Array.isArray(items) ? items : []
}
const commit = (files: Record<string, string | null>, more = {}) => github.commit('acme', 'app', { files, ...more })

describe('a commit', () => {
  test('has the name that Git gives it', () => {
    // What `git commit` made of the same files, person and time.
    expect(first).toBe('64d58e0b2ca962ac5586d82a3bee3d435d95b4b7')
    expect(commit({ 'README.md': 'next\n' })).toEqual({
      before: first,
      after: '81f9e93bc6bb06adcd25bd334101ddebdecbf822',
    })
  })

  test('is what every change of a file makes', () => {
    github.putFile('acme', 'app', 'README.md', 'next\n')
    expect(github.headOf('acme', 'app')).toBe('81f9e93bc6bb06adcd25bd334101ddebdecbf822')
    github.removeFile('acme', 'app', 'README.md')
    expect(github.headOf('acme', 'app')).not.toBe('81f9e93bc6bb06adcd25bd334101ddebdecbf822')
  })

  test('on a new branch starts from the default branch; a force push from where it says; a deletion ends it', () => {
    const created = commit({ x: '1' }, { branch: 'side' })
    const next = commit({ x: '2' }, { branch: 'side' })
    const forced = commit({ x: '3' }, { branch: 'side', force: first })
    expect([created.before, next.before, forced.before]).toEqual([NOTHING, created.after, next.after])
    expect(github.deleteBranch('acme', 'app', 'side')).toEqual({ before: forced.after, after: NOTHING })
    expect(() => github.headOf('acme', 'app', 'side')).toThrow('the sandbox has no commit side in acme/app')
    expect(github.setBranch('acme', 'app', 'again')).toEqual({ before: NOTHING, after: first })
    expect(github.setBranch('acme', 'app', 'again', created.after)).toEqual({ before: first, after: created.after })
  })

  test('is read by its branch, its ref, its name, or the beginning of it, and tells its files', async () => {
    const { after } = commit({ 'README.md': 'hello\nworld\n', 'new.txt': 'a\nb\n', 'a/b/c.txt': null })
    const wanted = {
      sha: after,
      parents: [expect.objectContaining({ sha: first })],
      author: expect.objectContaining({ login: 'acme' }),
      stats: { additions: 3, deletions: 1, total: 4 },
      files: [
        { filename: 'README.md', status: 'modified', additions: 1, deletions: 0, changes: 1 },
        { filename: 'a/b/c.txt', status: 'removed', deletions: 1 },
        { filename: 'new.txt', status: 'added', additions: 2 },
      ].map((file) => expect.objectContaining(file)),
    }
    for (const ref of ['main', 'HEAD', 'heads/main', 'refs/heads/main', after, after.slice(0, 7)]) {
      expect({ ref, ...(await get(`/commits/${ref}`)) }).toEqual({
        ref,
        status: 200,
        body: expect.objectContaining(wanted),
      })
    }
  })

  test('keeps its files when the branch moves on', async () => {
    commit({ 'README.md': 'next\n' })
    const read = async (ref: string) => member((await get(`/contents/README.md?ref=${ref}`)).body, 'content')
    expect([await read(first), await read('main')]).toEqual(['aGVsbG8K\n', 'bmV4dAo=\n'])
  })

  test('with many files is told in pages', async () => {
    github.setLimits({ commitFiles: 5 })
    commit(Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`f${index}`, ''])))
    const { headers, body } = await client.send('GET', '/repos/acme/app/commits/main?per_page=2&page=3', { bearer })
    expect(list(body, 'files').map((file) => member(file, 'filename'))).toEqual(['f4'])
    expect(headers.get('link')).toContain('page=2>; rel="prev"')
  })

  test.each([
    ['/commits/gone', 'acme/app', 422, 'No commit found for SHA: gone'],
    ['/commits/main', 'acme/empty', 409, 'Git Repository is empty.'],
    ['/git/trees/main', 'acme/empty', 409, 'Git Repository is empty.'],
    ['/git/trees/gone', 'acme/app', 404, 'Not Found'],
    [`/git/blobs/${'1'.repeat(40)}`, 'acme/app', 404, 'Not Found'],
    ['/git/ref/heads/gone', 'acme/app', 404, 'Not Found'],
    ['/git/ref/main', 'acme/app', 404, 'Not Found'],
    ['/branches/gone', 'acme/app', 404, 'Branch not found'],
    ['/compare/main', 'acme/app', 404, 'Not Found'],
    ['/compare/main...gone', 'acme/app', 404, 'Not Found'],
    ['/compare/main...mallory:main', 'acme/app', 404, 'Not Found'],
  ])('that is not there: %s of %s is %i', async (path, repository, status, message) => {
    const reply = await get(path, repository)
    expect([reply.status, member(reply.body, 'message')]).toEqual([status, message])
  })
})

describe('a comparison', () => {
  const files = (body: unknown) =>
    list(body, 'files').map((file) => [
      member(file, 'status'),
      member(file, 'filename'),
      ...(member(file, 'previous_filename') === undefined ? [] : [member(file, 'previous_filename')]),
    ])

  test('tells what was added, modified, removed, renamed, and renamed with a change', async () => {
    const text = 'one\ntwo\nthree\nfour\n'
    commit({ 'old.txt': text, 'moved.txt': `${text}five\n`, 'gone.txt': 'gone', 'kept.txt': 'kept', 'odd.txt': '1\n' })
    const base = github.headOf('acme', 'app')
    commit({
      'old.txt': null,
      'z/new.txt': text,
      'moved.txt': null,
      'y.txt': `${text}six\n`,
      'gone.txt': null,
      'README.md': 'bye\n',
      'added.txt': 'entirely new\n',
    })
    github.putFile('acme', 'app', 'odd.txt', { type: 'symlink', target: '1\n' })
    const { body } = await get(`/compare/${base}...main`)
    expect(files(body)).toEqual([
      ['modified', 'README.md'],
      ['added', 'added.txt'],
      ['removed', 'gone.txt'],
      ['changed', 'odd.txt'],
      ['renamed', 'y.txt', 'moved.txt'],
      ['renamed', 'z/new.txt', 'old.txt'],
    ])
  })

  test.each([
    ['identical', 'main', 'main', 0, 0],
    ['ahead', 'main', 'side', 2, 0],
    ['behind', 'side', 'main', 0, 2],
    ['diverged', 'side', 'other', 1, 2],
  ])('is %s: %s...%s', async (status, base, head, ahead, behind) => {
    commit({ x: '1' }, { branch: 'side' })
    commit({ x: '2' }, { branch: 'side' })
    commit({ y: '1' }, { branch: 'other' })
    const { body } = await get(`/compare/${base}...${head}`)
    expect(body).toMatchObject({
      status,
      ahead_by: ahead,
      behind_by: behind,
      total_commits: ahead,
      merge_base_commit: { sha: first },
    })
    expect(list(body, 'commits')).toHaveLength(ahead)
  })

  test('has the files since the common ancestor only, and none of what the base has got since', async () => {
    commit({ x: '1' }, { branch: 'side' })
    commit({ y: '1' })
    expect(files((await get('/compare/main...side')).body)).toEqual([['added', 'x']])
  })

  test('cuts its files and commits without a word, and shows files on the first page only', async () => {
    github.setLimits({ compareFiles: 2, compareCommits: 3 })
    const shas = ['1', '2', '3', '4'].map((name) => commit({ [name]: '' }, { branch: 'side' }).after)
    const commits = (body: unknown) => list(body, 'commits').map((one) => member(one, 'sha'))
    const all = (await get('/compare/main...side')).body
    expect([files(all).length, commits(all), member(all, 'total_commits')]).toEqual([2, shas.slice(1), 4])
    const one = (await get('/compare/main...side?per_page=3&page=1')).body
    expect([files(one).length, commits(one)]).toEqual([2, shas.slice(0, 3)])
    const two = (await get('/compare/main...side?per_page=3&page=2')).body
    expect([member(two, 'files'), commits(two)]).toEqual([undefined, shas.slice(3)])
  })

  test('takes branches with slashes, encoded or not, and those of forks', async () => {
    commit({ x: '1' }, { branch: 'feature/x' })
    github.addRepository('mallory', 'app-fork', { private: false, forkOf: { owner: 'acme', name: 'app' } })
    const { after } = github.commit('mallory', 'app-fork', { files: { evil: '1' } })
    for (const [head, file] of [
      ['feature/x', 'x'],
      ['feature%2Fx', 'x'],
      ['mallory:main', 'evil'],
      ['mallory%3Amain', 'evil'],
      ['mallory:app-fork:main', 'evil'],
      [after, 'evil'],
    ] as const) {
      expect({ head, files: files((await get(`/compare/main...${head}`)).body) }).toEqual({
        head,
        files: [['added', file]],
      })
    }
  })

  test('of histories that have nothing in common is refused', async () => {
    github.addRepository('acme', 'bare')
    github.addRepository('mallory', 'bare', { forkOf: { owner: 'acme', name: 'bare' } })
    github.commit('acme', 'bare', { files: { x: '1' } })
    github.commit('mallory', 'bare', { files: { y: '1' } })
    const { status, body } = await get('/compare/main...mallory:main', 'acme/bare')
    expect([status, member(body, 'message')]).toEqual([404, expect.stringContaining('No common ancestor')])
  })
})

describe('a tree', () => {
  const paths = (body: unknown) => list(body, 'tree').map((one) => `${member(one, 'type')} ${member(one, 'path')}`)

  test('is read by its own name, a commit or a branch, with what is below it when that is asked for', async () => {
    const root = '838d6da79199da241aebb28529439529ab2bbbec'
    for (const name of [root, first, 'main']) {
      const { body } = await get(`/git/trees/${name}`)
      expect([member(body, 'sha'), member(body, 'truncated'), paths(body)]).toEqual([
        root,
        false,
        ['blob README.md', 'tree a'],
      ])
    }
    expect(paths((await get('/git/trees/main?recursive=1')).body)).toEqual([
      'blob README.md',
      'tree a',
      'tree a/b',
      'blob a/b/c.txt',
    ])
  })

  test('says when it was cut', async () => {
    github.setLimits({ treeEntries: 3 })
    const { body } = await get('/git/trees/main?recursive=1')
    expect([member(body, 'truncated'), paths(body)]).toEqual([true, ['blob README.md', 'tree a', 'tree a/b']])
  })

  test('leads to its blobs and subtrees', async () => {
    const { body } = await get('/git/trees/main')
    const [blob, tree] = list(body, 'tree').map((one) => String(member(one, 'url')).replace(/.*\/repos\/acme\/app/, ''))
    expect((await get(blob ?? '')).body).toMatchObject({ size: 6, encoding: 'base64', content: 'aGVsbG8K\n' })
    expect(paths((await get(tree ?? '')).body)).toEqual(['tree b'])
    const raw = await client.send('GET', `/repos/acme/app${blob}`, {
      bearer,
      headers: { accept: 'application/vnd.github.raw+json' },
    })
    expect(raw.body).toBe('hello\n')
  })
})

test('a branch is found by its ref and by its name', async () => {
  commit({ x: '1' }, { branch: 'feature/x' })
  const sha = github.headOf('acme', 'app', 'feature/x')
  expect((await get('/git/ref/heads/feature/x')).body).toMatchObject({ ref: 'refs/heads/feature/x', object: { sha } })
  expect((await get('/git/ref/heads%2Ffeature%2Fx')).body).toMatchObject({ object: { sha } })
  expect((await get('/branches/feature/x')).body).toMatchObject({ name: 'feature/x', commit: { sha } })
})

test('all of it is as private as the files', async () => {
  const blind = await client.mint(github.install('acme', { permissions: { issues: 'read' }, repositories: 'all' }))
  const blob = 'ce013625030ba8dba906f756967f9e9ca394464a'
  for (const path of [
    '/commits/main',
    '/compare/main...main',
    '/git/trees/main',
    `/git/blobs/${blob}`,
    '/git/ref/heads/main',
    '/branches/main',
  ]) {
    const ask = async (options: { bearer?: string }) =>
      (await client.send('GET', `/repos/acme/app${path}`, options)).status
    expect([path, await ask({ bearer }), await ask({ bearer: blind }), await ask({})]).toEqual([path, 200, 403, 404])
  }
})

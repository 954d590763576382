import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readChangedFiles } from '../../src/github/changed-files.ts'
import type { RepositoryCall } from '../../src/github/repository-call.ts'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import type { Range } from '../../src/terms/changed-files.ts'
import { createGitHubClient, rsaKeyPem } from '../support/github-client.ts'

const FOLDER = '.github/chainguard'
let github: SandboxGitHub
let call: RepositoryCall
let asked: string[]

beforeAll(async () => {
  github = await createSandboxGitHub({ app: { privateKeyPem: rsaKeyPem() } })
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addRepository('acme', 'app', { files: { 'README.md': 'x', [`${FOLDER}/a.sts.yaml`]: 'a' } })
  const installation = github.install('acme', { permissions: { contents: 'read' }, repositories: 'all' })
  const client = createGitHubClient(github)
  const bearer = await client.mint(installation)
  call = async ({ route, parameters = {} }) => {
    asked.push(route.replace(/^GET \/repos\/\{owner\}\/\{repo\}\//, ''))
    const path = route
      .replace('GET ', '')
      .replace('{owner}/{repo}', 'acme/app')
      .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parameters[name])))
    const { status, body } = await client.send('GET', path, { bearer })
    return { status, headers: {}, body }
  }
})
afterAll(() => github.close())

async function changes(range: Range) {
  asked = []
  const changed = await readChangedFiles(range, call)
  if (changed === 'gone') return changed
  return changed.files.map(({ path, action }) => `${action} ${path}`).sort()
}

const TREES = 'git/trees/{tree_sha}'
const GONE = 'e'.repeat(40)

test('a push, a rename in it, and what a branch has changed since it left another', async () => {
  const before = github.headOf('acme', 'app')
  const { after } = github.commit('acme', 'app', {
    branch: 'topic',
    files: { [`${FOLDER}/a.sts.yaml`]: null, [`${FOLDER}/b.sts.yaml`]: 'a', 'README.md': 'y', 'new.txt': 'n' },
  })
  const expected = [`added ${FOLDER}/b.sts.yaml`, 'added new.txt', 'modified README.md', `removed ${FOLDER}/a.sts.yaml`]
  expect(await changes({ kind: 'between', before, after })).toEqual(expected)
  expect(asked).toEqual(['compare/{basehead}'])
  github.commit('acme', 'app', { files: { 'later.txt': 'l' } })
  expect(await changes({ kind: 'since', base: 'main', head: after })).toEqual(expected)
})

test('after a force push: what the branch had and has, not what its new commits say', async () => {
  const root = github.headOf('acme', 'app')
  const old = github.commit('acme', 'app', { branch: 'forced', files: { [`${FOLDER}/old.sts.yaml`]: 'o' } })
  const now = github.commit('acme', 'app', {
    branch: 'forced',
    files: { [`${FOLDER}/x/deep.yaml`]: 'd', [`${FOLDER}/now.sts.yaml`]: 'n' },
    force: root,
  })
  expect(await changes({ kind: 'between', before: old.after, after: now.after })).toEqual([
    `added ${FOLDER}/now.sts.yaml`,
    `added ${FOLDER}/x/deep.yaml`,
    `removed ${FOLDER}/old.sts.yaml`,
  ])
})

test('299 files are all, of 300 only the policies are known, and those exactly', async () => {
  const files = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`f/${index}`, 'x']))
  const small = github.commit('acme', 'app', {
    branch: 'small',
    files: { ...files(298), [`${FOLDER}/zz.sts.yaml`]: 'z' },
  })
  const base = github.headOf('acme', 'app')
  expect(await changes({ kind: 'since', base, head: small.after })).toHaveLength(299)
  const large = github.commit('acme', 'app', {
    branch: 'large',
    files: { ...files(299), [`${FOLDER}/zz.sts.yaml`]: 'z' },
  })
  expect(await changes({ kind: 'since', base, head: large.after })).toEqual([`added ${FOLDER}/zz.sts.yaml`])
  expect(asked).toContain(TREES)
})

test.each<[string, Range['kind'], (head: string) => Range]>([
  ['the commit before is gone', 'between', (after) => ({ kind: 'between', before: GONE, after })],
  ['the base is gone', 'since', (head) => ({ kind: 'since', base: 'no-such-branch', head })],
  ['everything is asked for', 'everything', (at) => ({ kind: 'everything', at })],
])('all policies, when %s', async (_what, _kind, range) => {
  const head = github.headOf('acme', 'app')
  expect(await changes(range(head))).toEqual([`added ${FOLDER}/a.sts.yaml`])
})

test('the commit itself is gone', async () => {
  expect(await changes({ kind: 'everything', at: GONE })).toBe('gone')
  expect(await changes({ kind: 'between', before: github.headOf('acme', 'app'), after: GONE })).toBe('gone')
})

test('a folder that GitHub does not show whole is not taken for whole', async () => {
  github.setLimits({ treeEntries: 3 })
  const { after } = github.commit('acme', 'app', {
    branch: 'wide',
    files: Object.fromEntries(['b', 'c', 'd', 'e'].map((name) => [`${FOLDER}/${name}.sts.yaml`, 'x'])),
  })
  asked = []
  expect(await readChangedFiles({ kind: 'everything', at: after }, call)).toMatchObject({ complete: false })
  github.setLimits({ treeEntries: 100_000 })
})

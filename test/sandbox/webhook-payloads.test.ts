import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import type { Payload } from '../../src/sandbox/webhook-parts.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { createGitHubClient, member } from '../support/github-client.ts'

const clock = createControlledClock()
const NOTHING = '0'.repeat(40)
/** What no example happens to show, although GitHub's description of the event has it (webhook events and payloads). */
const UNSHOWN: ReadonlySet<string> = new Set([
  'push: commits[].removed[] string',
  'push: head_commit.removed[] string',
  'push: repository.language null',
  'check_suite: check_suite.before null',
])

let github: SandboxGitHub
let installation: number
let first: string
let pushed: { readonly before: string; readonly after: string }
const payloads: (readonly [event: string, what: string, payload: Payload])[] = []

beforeAll(async () => {
  github = await createSandboxGitHub({ clock })
  const client = createGitHubClient(github, clock.now)
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addAccount({ login: 'octocat', type: 'User' })
  github.addRepository('acme', 'app', { files: { 'README.md': 'hello\n' } })
  github.addRepository('octocat', 'app', { forkOf: { owner: 'acme', name: 'app' } })
  const permissions = { contents: 'read', checks: 'write', pull_requests: 'read' } as const
  installation = github.install('acme', { permissions, repositories: ['app'] })
  github.install('octocat', { permissions, repositories: 'all' })
  first = github.headOf('acme', 'app')
  pushed = github.commit('acme', 'app', { branch: 'side', files: { x: '1', 'README.md': null } })
  github.commit('octocat', 'app', { branch: 'patch', files: { y: '1' } })
  const own = github.openPull('acme', 'app', { head: { branch: 'side' } })
  const forked = github.openPull('acme', 'app', { head: { owner: 'octocat', branch: 'patch' } })
  const token = await client.mint(installation)
  await client.send('POST', '/repos/acme/app/check-runs', {
    bearer: token,
    body: { name: 'lint', head_sha: pushed.after, conclusion: 'success', output: { title: 'T', summary: 'S' } },
  })
  const { payloads: make } = github
  payloads.push(
    ['push', 'of a new branch', make.push('acme', 'app', { ...pushed, ref: 'refs/heads/side' })],
    ['push', "to a user's repository", make.push('octocat', 'app', { before: first, after: first })],
    ['push', 'of a deletion', make.push('acme', 'app', { before: first, after: NOTHING })],
    ['pull_request', 'of a branch', make.pullRequest('acme', 'app', { number: own, action: 'opened' })],
    [
      'pull_request',
      'of a fork',
      make.pullRequest('acme', 'app', { number: forked, action: 'synchronize', changed: pushed }),
    ],
    ['check_suite', 'new', make.checkSuite('acme', 'app', { sha: first, action: 'requested' })],
    ['check_suite', 'with a run', make.checkSuite('acme', 'app', { sha: pushed.after, action: 'rerequested' })],
    ['check_run', 'again', make.checkRun({ id: github.checkRuns[0]?.id ?? 0, action: 'rerequested' })],
    ['installation', 'created', make.installation(installation, 'created')],
    ['installation', 'suspend', make.installation(installation, 'suspend')],
    ['installation_repositories', 'added', make.installationRepositories(installation, { added: ['app'] })],
    ['installation_repositories', 'removed', make.installationRepositories(installation, { removed: ['app'] })],
    ['repository', 'deleted', make.repository('acme', 'app', { action: 'deleted' })],
    ['repository', 'renamed', make.repository('acme', 'app', { action: 'renamed', from: 'old' })],
    ['repository', 'transferred', make.repository('acme', 'app', { action: 'transferred', from: 'octocat' })],
    ['organization', 'renamed', make.organization('acme', { action: 'renamed', from: 'old' })],
  )
})
afterAll(() => github.close())

test("every member of every payload is in GitHub's published examples of the event, with the same type", () => {
  const strays = payloads.flatMap(([event, what, payload]) => {
    // Both have the same installation, which the older examples of the second show without its newer members.
    const events = event === 'installation_repositories' ? [event, 'installation'] : [event]
    const known = typesOf(events.flatMap(examplesOf))
    return [...typesOf([JSON.parse(JSON.stringify(payload))])].flatMap(([path, types]) => {
      const allowed = known.get(path)
      const isKnown = (type: string) => allowed?.has(type) === true || UNSHOWN.has(`${event}: ${path} ${type}`)
      const wrong = [...types].filter((type) => !isKnown(type))
      return wrong.map(
        (type) => `${event} ${what}: ${path} is ${type}, not ${[...(allowed ?? ['there'])].join(' or ')}`,
      )
    })
  })
  expect(payloads).toHaveLength(16)
  expect(strays).toEqual([])
})

test('and the check finds a member of its own, and one of another type', () => {
  const known = typesOf(examplesOf('push'))
  expect([known.get('installation.id'), known.get('repository.created_at'), known.get('nonsense')]).toEqual([
    new Set(['number']),
    new Set(['number']),
    undefined,
  ])
})

describe('a payload', () => {
  const made = (event: string, what: string) => payloads.find(([name, about]) => name === event && about === what)?.[2]

  test('of a push tells its commits with their files, and whether the branch is new, gone or rewritten', () => {
    expect(made('push', 'of a new branch')).toMatchObject({
      ref: 'refs/heads/side',
      before: NOTHING,
      after: pushed.after,
      created: true,
      deleted: false,
      forced: false,
      commits: [{ id: pushed.after, added: ['x'], removed: ['README.md'], modified: [] }],
      head_commit: { id: pushed.after },
      repository: { full_name: 'acme/app', default_branch: 'main', owner: { login: 'acme', name: 'acme' } },
      organization: { login: 'acme' },
      installation: { id: installation },
      pusher: { name: 'octocat' },
      sender: { login: 'octocat' },
    })
    expect(made('push', 'of a deletion')).toMatchObject({
      deleted: true,
      forced: false,
      commits: [],
      head_commit: null,
    })
    const other = github.commit('acme', 'app', { branch: 'side', files: { z: '1' }, force: first })
    const ref = 'refs/heads/side'
    expect(github.payloads.push('acme', 'app', { ...other, ref })).toMatchObject({ forced: true })
    const next = github.commit('acme', 'app', { branch: 'side', files: { z: '2' } })
    expect(github.payloads.push('acme', 'app', { ...next, ref })).toMatchObject({ forced: false })
    expect(github.payloads.push('acme', 'app', { ...next, ref, forced: true })).toMatchObject({ forced: true })
  })

  test('of a pull request and a check suite names the branch, which a fork has not', () => {
    expect(made('pull_request', 'of a fork')).toMatchObject({
      action: 'synchronize',
      number: 2,
      before: pushed.before,
      pull_request: { head: { label: 'octocat:patch' }, base: { ref: 'main' } },
      repository: { full_name: 'acme/app' },
      sender: { login: 'octocat' },
    })
    expect(made('check_suite', 'with a run')).toMatchObject({
      check_suite: {
        head_sha: pushed.after,
        head_branch: 'side',
        status: 'completed',
        conclusion: 'success',
        app: { id: github.app.id },
        pull_requests: [{ number: 1 }],
      },
    })
    const sha = github.headOf('octocat', 'app', 'patch')
    const foreign = github.payloads.checkSuite('acme', 'app', { sha, action: 'requested' })
    expect(foreign).toMatchObject({ check_suite: { head_branch: null, head_sha: sha, pull_requests: [] } })
  })

  test("is the named App's: its installation, its suite", async () => {
    const { id: app } = await github.addApp()
    const id = github.install('acme', { permissions: { checks: 'write' }, repositories: 'all', app })
    const suite = github.payloads.checkSuite('acme', 'app', { sha: first, action: 'requested', app })
    expect(suite).toMatchObject({ installation: { id }, check_suite: { app: { id: app } } })
    expect(member(member(suite, 'check_suite'), 'id')).not.toBe(
      member(member(made('check_suite', 'new'), 'check_suite'), 'id'),
    )
    expect(github.payloads.installation(id, 'created')).toMatchObject({ installation: { app_id: app } })
    github.uninstall(id)
    expect(github.payloads.organization('acme', { action: 'deleted', app })).not.toHaveProperty('installation')
  })

  test.each<[string, () => unknown]>([
    ['repository acme/none', () => github.payloads.repository('acme', 'none', { action: 'deleted' })],
    ['commit', () => github.payloads.push('acme', 'app', { before: first, after: '1'.repeat(40) })],
    ['pull request 9', () => github.payloads.pullRequest('acme', 'app', { number: 9, action: 'opened' })],
    ['check run 9', () => github.payloads.checkRun({ id: 9, action: 'rerequested' })],
    ['installation 9', () => github.payloads.installation(9, 'created')],
    ['account none', () => github.payloads.organization('none', { action: 'deleted' })],
  ])('of what is not there is a mistake of the test: %s', (what, make) => {
    expect(make).toThrow(`the sandbox has no ${what}`)
  })
})

const require = createRequire(import.meta.url)

/** Of the package's JSON as it is published; its types describe more than the examples have. */
function examplesOf(event: string): readonly unknown[] {
  const definitions: unknown = require('@octokit/webhooks-examples')
  const found = Array.isArray(definitions) ? definitions.find((one) => member(one, 'name') === event) : undefined
  const examples = member(found, 'examples')
  if (!Array.isArray(examples)) throw new Error(`there are no examples of ${event}`)
  return examples
}

/** Every member's path (items of a list as `[]`) to the JSON types it has. Names that are data are one name. */
function typesOf(values: readonly unknown[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  const visit = (value: unknown, path: string): void => {
    found.set(path, (found.get(path) ?? new Set()).add(typeOf(value)))
    if (Array.isArray(value)) for (const item of value) visit(item, `${path}[]`)
    else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) visit(inner, path === '' ? name : `${path}.${name}`)
    }
  }
  for (const value of values) visit(value, '')
  return found
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

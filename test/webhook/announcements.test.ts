import { expect, test } from '@jest/globals'
import type { Change } from '../../src/exchange/changes.ts'
import { announcementsOf } from '../../src/webhook/announcements.ts'
import { AFTER, commit, type Example, edited, example, push, ZEROS } from './examples.ts'

const POLICY = '.github/chainguard/ci.sts.yaml'
const LIST = '.github/chainguard/trusted-token-issuers.yaml'
const HERE = { accountId: 21031067, owner: 'Codertocat', repository: 'Hello-World' } as const
const PUSHED_AT = 1_557_933_657
const policies = (paths: readonly string[] | 'all', commit = AFTER): Change => ({
  kind: 'policies',
  ...HERE,
  paths,
  push: { commit, atMs: PUSHED_AT * 1000 },
})
const THERE = { accountId: 38302899, owner: 'Octocoders', repository: 'Hello-World' } as const
const RENAMED = example('repository', { action: 'renamed' })
const repository = (change: Partial<Omit<Extract<Change, { kind: 'repository' }>, 'kind'>> = {}): Change => ({
  kind: 'repository',
  ...THERE,
  ...change,
})

interface Row {
  readonly what: string
  readonly event: string
  readonly payload: Example
  readonly changes: readonly Change[]
}

const ROWS: readonly Row[] = [
  { what: 'a push that touches no policy', event: 'push', payload: push(), changes: [] },
  {
    what: 'a push that touches policies',
    event: 'push',
    payload: push({
      commits: [
        commit({ added: [POLICY, 'src/a.ts'] }),
        commit({ modified: [POLICY], removed: [LIST] }),
        commit({ modified: ['.github/chainguard/README.md', '.github/chainguard/x/ci.sts.yaml'] }),
      ],
    }),
    changes: [policies([POLICY, LIST])],
  },
  {
    what: 'a push to another branch',
    event: 'push',
    payload: push({ ref: 'refs/heads/topic', commits: [commit({ added: [POLICY] })] }),
    changes: [],
  },
  {
    what: 'a tag of the default branch’s name',
    event: 'push',
    payload: push({ ref: 'refs/tags/master', forced: true }),
    changes: [],
  },
  { what: 'a force push', event: 'push', payload: push({ forced: true }), changes: [policies('all')] },
  {
    what: 'a new default branch',
    event: 'push',
    payload: push({ created: true, before: ZEROS }),
    changes: [policies('all')],
  },
  {
    what: 'a default branch that is gone',
    event: 'push',
    payload: push({ deleted: true, after: ZEROS, commits: [] }),
    changes: [policies('all', ZEROS)],
  },
  {
    what: 'as many commits as GitHub lists',
    event: 'push',
    payload: push({ commits: Array.from({ length: 2048 }, () => commit({ modified: ['a'] })) }),
    changes: [policies('all')],
  },
  {
    what: 'one commit fewer',
    event: 'push',
    payload: push({ commits: Array.from({ length: 2047 }, () => commit({ modified: ['a'] })) }),
    changes: [],
  },
  {
    what: 'as many files as GitHub lists of a commit',
    event: 'push',
    payload: push({ commits: [commit({ added: Array.from({ length: 3000 }, (_, index) => `f${index}`) })] }),
    changes: [policies('all')],
  },
  {
    what: 'a commit that names no file, as a merge may',
    event: 'push',
    payload: push({ commits: [commit({ modified: ['a'] }), commit({})] }),
    changes: [policies('all')],
  },
  {
    what: 'commits without lists',
    event: 'push',
    payload: push({ commits: [{ id: AFTER }] }),
    changes: [policies('all')],
  },
  { what: 'no commits at all', event: 'push', payload: push({ commits: undefined }), changes: [policies('all')] },
  {
    what: 'a renamed repository',
    event: 'repository',
    payload: edited(RENAMED, { 'changes.repository.name.from': 'Old-World' }),
    changes: [repository({ repository: 'Old-World' }), repository()],
  },
  {
    what: 'a transferred repository',
    event: 'repository',
    payload: edited(RENAMED, {
      action: 'transferred',
      changes: { owner: { from: { organization: { login: 'acme', id: 7 } } } },
    }),
    changes: [repository({ accountId: 7, owner: 'acme' }), repository()],
  },
  ...['created', 'deleted', 'privatized', 'publicized', 'archived'].map((action) => ({
    what: `a repository that was ${action}`,
    event: 'repository',
    payload: edited(RENAMED, { action, changes: undefined }),
    changes: [repository()],
  })),
  {
    what: 'another default branch',
    event: 'repository',
    payload: edited(RENAMED, {
      action: 'edited',
      changes: { default_branch: { from: 'main' } },
    }),
    changes: [repository()],
  },
  {
    what: 'another description',
    event: 'repository',
    payload: edited(RENAMED, {
      action: 'edited',
      changes: { description: { from: 'x' } },
    }),
    changes: [],
  },
  ...['created', 'deleted', 'suspend', 'unsuspend', 'new_permissions_accepted'].map((action) => ({
    what: `an installation: ${action}`,
    event: 'installation',
    payload: edited(example('installation', { action: 'suspend' }), {
      action,
      'installation.account': { login: 'acme', id: 7 },
    }),
    changes: [{ kind: 'installation', accountId: 7, owner: 'acme' }] as const,
  })),
  {
    what: 'an installation of an enterprise',
    event: 'installation',
    payload: edited(example('installation', { action: 'suspend' }), { 'installation.account': { slug: 'ent', id: 7 } }),
    changes: [],
  },
  ...['added', 'removed'].map((action) => ({
    what: `repositories ${action}`,
    event: 'installation_repositories',
    payload: edited(example('installation_repositories', { action }), {
      'installation.account': { login: 'acme', id: 7 },
    }),
    changes: [{ kind: 'installation', accountId: 7, owner: 'acme' }] as const,
  })),
  {
    what: 'a renamed organization',
    event: 'organization',
    payload: edited(example('organization', { action: 'renamed' }), { organization: { login: 'new', id: 7 } }),
    changes: [
      { kind: 'installation', accountId: 7, owner: 'Octocoders' },
      { kind: 'installation', accountId: 7, owner: 'new' },
    ],
  },
  {
    what: 'a deleted organization',
    event: 'organization',
    payload: edited(example('organization', { action: 'renamed' }), {
      action: 'deleted',
      changes: undefined,
      organization: { login: 'acme', id: 7 },
    }),
    changes: [{ kind: 'installation', accountId: 7, owner: 'acme' }],
  },
  {
    what: 'a new member',
    event: 'organization',
    payload: example('organization', { action: 'member_added' }),
    changes: [],
  },
  {
    what: 'a renamed account',
    event: 'installation_target',
    payload: { action: 'renamed', account: { login: 'new', id: 7 }, changes: { login: { from: 'old' } } },
    changes: [
      { kind: 'installation', accountId: 7, owner: 'old' },
      { kind: 'installation', accountId: 7, owner: 'new' },
    ],
  },
  {
    what: 'an old name that can be none',
    event: 'installation_target',
    payload: { action: 'renamed', account: { login: 'new', id: 7 }, changes: { login: { from: '../x' } } },
    changes: [{ kind: 'installation', accountId: 7, owner: 'new' }],
  },
  {
    what: 'a pull request',
    event: 'pull_request',
    payload: example('pull_request', { action: 'opened' }),
    changes: [],
  },
  { what: 'an event of a prototype’s name', event: 'constructor', payload: {}, changes: [] },
]

test.each(ROWS)('$what', ({ event, payload, changes }) => {
  expect(announcementsOf(event, payload)).toEqual(changes)
})

test.each([
  ['push', push({ 'repository.owner.login': '..' }), 'the payload has no repository whose name can be one'],
  ['push', push({ 'repository.name': 'a/b' }), 'the payload has no repository whose name can be one'],
  [
    'push',
    push({ 'repository.default_branch': 'a..b' }),
    'the payload has no repository.default_branch that can be one',
  ],
  ['push', push({ 'repository.owner.id': '7' }), 'the payload has no repository.owner.id'],
  ['installation', {}, 'the payload has no installation'],
  [
    'installation',
    { installation: { account: { login: 'a/b', id: 1 } } },
    'the payload has no installation.account whose login can be one',
  ],
])('%s: %#: odd names are refused', (event, payload, message) => {
  expect(() => announcementsOf(event, payload)).toThrow(message)
})

import { expect, test } from '@jest/globals'
import { type CheckJob, checkJobOf } from '../../src/webhook/check-job.ts'
import { AFTER, BEFORE, commit, type Example, edited, example, push, ZEROS } from './examples.ts'
import { APP } from './fixture.ts'

const POLICY = '.github/chainguard/ci.sts.yaml'
const HEAD = 'c'.repeat(40)
const BASE = 'd'.repeat(40)
const touching = (changes: Readonly<Record<string, unknown>> = {}) =>
  push({ commits: [commit({ added: [POLICY] })], ...changes })
const pull = (action: string, changes: Readonly<Record<string, unknown>> = {}) =>
  edited(example('pull_request', { action: 'opened' }), {
    action,
    'pull_request.head.sha': HEAD,
    'pull_request.base.sha': BASE,
    'pull_request.base.ref': 'master',
    'repository.default_branch': 'master',
    ...changes,
  })
const suite = (action: string, changes: Readonly<Record<string, unknown>> = {}) =>
  edited(example('check_suite', { action: 'requested' }), {
    action,
    'check_suite.head_sha': AFTER,
    'check_suite.before': BEFORE,
    'check_suite.head_branch': 'topic',
    'check_suite.app.id': APP,
    'repository.default_branch': 'master',
    ...changes,
  })
const run = (changes: Readonly<Record<string, unknown>> = {}) =>
  edited(example('check_run', { action: 'rerequested' }), {
    'check_run.name': 'Trust Policy Validation',
    'check_run.app.id': APP,
    'check_run.check_suite': suite('rerequested')['check_suite'],
    'repository.default_branch': 'master',
    ...changes,
  })

const SINCE_DEFAULT = (head: string) => ({ kind: 'since', base: 'master', head }) as const
const PUSHED = { kind: 'between', before: BEFORE, after: AFTER } as const

interface Row {
  readonly what: string
  readonly event: string
  readonly payload: Example
  readonly job: Partial<CheckJob> | { readonly ignored: string }
}

const ROWS: readonly Row[] = [
  ...['opened', 'reopened', 'synchronize', 'ready_for_review'].map((action) => ({
    what: `a pull request is ${action}`,
    event: 'pull_request',
    payload: pull(action),
    job: { commit: HEAD, ranges: [{ kind: 'since', base: BASE, head: HEAD }], always: true, oversized: false } as const,
  })),
  {
    what: 'a pull request gets another base, which is not the default branch',
    event: 'pull_request',
    payload: pull('edited', { 'pull_request.base.ref': 'release', changes: { base: { ref: { from: 'master' } } } }),
    job: { commit: HEAD, ranges: [{ kind: 'since', base: BASE, head: HEAD }, SINCE_DEFAULT(HEAD)], always: true },
  },
  {
    what: 'a pull request gets another title',
    event: 'pull_request',
    payload: pull('edited', { changes: { title: { from: 'x' } } }),
    job: { ignored: 'this action changes no file of a pull request' },
  },
  {
    what: 'a pull request is closed',
    event: 'pull_request',
    payload: pull('closed'),
    job: { ignored: 'this action changes no file of a pull request' },
  },
  {
    what: "a bot's pull request",
    event: 'pull_request',
    payload: pull('opened', { sender: { login: 'renovate[bot]', type: 'Bot', id: 1 } }),
    job: { commit: HEAD, always: true },
  },
  {
    what: 'a pull request of more files than GitHub shows',
    event: 'pull_request',
    payload: pull('opened', { 'pull_request.changed_files': 3001 }),
    job: { oversized: true },
  },
  {
    what: 'a pull request of as many files as GitHub shows',
    event: 'pull_request',
    payload: pull('opened', { 'pull_request.changed_files': 3000 }),
    job: { oversized: false },
  },
  {
    what: 'a push to the default branch',
    event: 'push',
    payload: touching(),
    job: {
      commit: AFTER,
      ranges: [PUSHED],
      always: false,
      push: {
        ref: 'refs/heads/master',
        before: BEFORE,
        actor: 'Codertocat',
        pusher: 'Codertocat',
        forced: false,
        pushedAt: 1557933657,
        touched: [POLICY],
      },
    },
  },
  {
    what: 'a push to another branch',
    event: 'push',
    payload: touching({ ref: 'refs/heads/feature/x' }),
    job: { commit: AFTER, ranges: [PUSHED, SINCE_DEFAULT(AFTER)], always: false, push: undefined },
  },
  {
    what: 'a new branch',
    event: 'push',
    payload: touching({ ref: 'refs/heads/topic', before: ZEROS, created: true }),
    job: { commit: AFTER, ranges: [SINCE_DEFAULT(AFTER)] },
  },
  {
    what: 'a new default branch',
    event: 'push',
    payload: touching({ before: ZEROS, created: true }),
    job: { commit: AFTER, ranges: [{ kind: 'everything', at: AFTER }] },
  },
  {
    what: 'a push that touches no policy',
    event: 'push',
    payload: push(),
    job: { ignored: 'the push touches no trust policy' },
  },
  {
    what: 'a push that touches a near miss',
    event: 'push',
    payload: push({ commits: [commit({ added: ['.github/chainguard/ci.sts.yml'] })] }),
    job: { commit: AFTER },
  },
  {
    what: 'a force push',
    event: 'push',
    payload: push({ forced: true }),
    job: { commit: AFTER, ranges: [PUSHED] },
  },
  {
    what: 'a deleted branch',
    event: 'push',
    payload: push({ deleted: true, after: ZEROS }),
    job: { ignored: 'the branch was deleted' },
  },
  {
    what: 'a tag',
    event: 'push',
    payload: push({ ref: 'refs/tags/v1' }),
    job: { ignored: 'only branches are checked' },
  },
  {
    what: 'a suite is requested for a push',
    event: 'check_suite',
    payload: suite('requested'),
    job: { commit: AFTER, ranges: [PUSHED, SINCE_DEFAULT(AFTER)], always: false },
  },
  {
    what: 'a suite is requested anew, with its pull requests',
    event: 'check_suite',
    payload: suite('rerequested', {
      'repository.name': 'Hello-World',
      'check_suite.pull_requests': [
        { base: { sha: BASE, repo: { name: 'Hello-World' } } },
        { base: { sha: HEAD, repo: { name: 'upstream' } } },
      ],
    }),
    job: { ranges: [PUSHED, SINCE_DEFAULT(AFTER), { kind: 'since', base: BASE, head: AFTER }], always: true },
  },
  {
    what: 'a suite of a fork is requested anew',
    event: 'check_suite',
    payload: suite('rerequested', { 'check_suite.before': null, 'check_suite.head_branch': null }),
    job: { ranges: [SINCE_DEFAULT(AFTER)], always: true },
  },
  {
    what: 'a suite that does not say what was pushed, with a pull request to another branch',
    event: 'check_suite',
    payload: suite('rerequested', {
      'check_suite.before': null,
      'repository.name': 'Hello-World',
      'check_suite.pull_requests': [{ base: { sha: BASE, repo: { name: 'Hello-World' } } }],
    }),
    job: { ranges: [SINCE_DEFAULT(AFTER), { kind: 'since', base: BASE, head: AFTER }], always: true },
  },
  {
    what: "another App's suite",
    event: 'check_suite',
    payload: suite('requested', { 'check_suite.app.id': 1 }),
    job: { ignored: "the checks are another App's" },
  },
  {
    what: 'a suite is completed',
    event: 'check_suite',
    payload: suite('completed'),
    job: { ignored: 'only a request is answered' },
  },
  {
    what: 'our check is requested anew',
    event: 'check_run',
    payload: run(),
    job: { commit: AFTER, ranges: [PUSHED, SINCE_DEFAULT(AFTER)], always: true },
  },
  {
    what: 'our own check was created',
    event: 'check_run',
    payload: run({ action: 'created' }),
    job: { ignored: 'only a request is answered' },
  },
  {
    what: "another App's check of our name",
    event: 'check_run',
    payload: run({ 'check_run.app.id': 1 }),
    job: { ignored: 'it is not our check' },
  },
  {
    what: 'a merge queue',
    event: 'merge_group',
    payload: edited(example('merge_group', { action: 'checks_requested' }), {
      'merge_group.head_sha': HEAD,
      'merge_group.base_sha': BASE,
      'merge_group.base_ref': 'refs/heads/master',
      'repository.default_branch': 'master',
    }),
    job: { commit: HEAD, ranges: [{ kind: 'since', base: BASE, head: HEAD }], always: true },
  },
  { what: 'a star', event: 'star', payload: {}, job: { ignored: 'nothing is done for "star"' } },
]

test.each(ROWS)('$what', ({ event, payload, job }) => {
  expect(checkJobOf({ event, id: 'id', appId: APP, payload })).toMatchObject(job)
})

test('the events of one push ask for the same work, and a person for new', () => {
  const key = (event: string, payload: Example, id: string) => checkJobOf({ event, id, appId: APP, payload }).key
  const pushed = touching({ ref: 'refs/heads/topic' })
  const requested = suite('requested', { repository: pushed['repository'] })
  expect(key('check_suite', requested, '1')).toBe(key('push', pushed, '2'))
  expect(key('push', push({ ref: 'refs/heads/topic' }), '3')).toBe(key('push', pushed, '2'))
  const again = suite('rerequested')
  expect(key('check_suite', again, '4')).not.toBe(key('check_suite', again, '5'))
})

test.each([
  [
    'pull_request',
    pull('opened', { 'pull_request.head.sha': 'main' }),
    "the payload's pull_request.head.sha is no commit",
  ],
  ['push', push({ after: '../x' }), "the payload's after is no commit"],
  ['check_run', run({ 'check_run.check_suite': undefined }), 'the payload has no check_run.check_suite'],
])('%s without what it must have', (event, payload, message) => {
  expect(() => checkJobOf({ event, id: 'id', appId: APP, payload })).toThrow(message)
})

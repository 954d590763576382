import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { PlannedExchange } from '../../src/commands/smoketest-file.ts'
import { runExchange } from '../../src/commands/smoketest-run.ts'
import type { Bench } from '../../src/commands/trial.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { type Flow, startFlow } from '../support/flow.ts'
import { createBench, createFolder, type Folder } from './bench.ts'

let flow: Flow
let folder: Folder
let bench: Bench

beforeAll(async () => {
  flow = await startFlow()
  flow.policy('acme/app', 'ci')
  flow.policy('acme', 'two', { permissions: { contents: 'write', issues: 'write' }, repositories: ['app', 'docs'] })
  flow.policy('acme/app', 'meta', { permissions: { contents: 'read', metadata: 'read' } })
  folder = createFolder()
  bench = createBench({ port: flow.service.port, gitHubUrl: flow.github.url, folder: folder.path })
})
afterAll(async () => {
  folder.remove()
  await flow.close()
})
beforeEach(async () => {
  folder.put('token', await flow.workflowToken())
})

async function outcomeOf(change: Partial<PlannedExchange> & Pick<PlannedExchange, 'expect'>) {
  const exchange: PlannedExchange = {
    name: 'one',
    scope: 'acme/app',
    identity: 'ci',
    cap: [],
    source: { kind: 'file', path: 'token' },
    protocol: 'http',
    ...change,
  }
  const { ok, step, message } = await runExchange(exchange, bench, systemClock)
  return step === undefined ? `${ok} ${message}` : `${ok} ${step} ${message}`
}

const TWO = { scope: 'acme', identity: 'two', protocol: 'oauth' } as const
const GRANTED = /^true a token was issued until \S+Z, used and revoked$/

test.each([
  ['a token', { expect: { kind: 'token' } }, GRANTED],
  [
    'a token that is as it should be',
    {
      ...TWO,
      expect: {
        kind: 'token',
        permissions: ['contents:write', 'issues:write'],
        repositories: ['Acme/App', 'acme/docs'],
      },
    },
    GRANTED,
  ],
  [
    'a narrowed token',
    { ...TWO, cap: ['contents:read'], expect: { kind: 'token', permissions: ['contents:read'] } },
    GRANTED,
  ],
  [
    'metadata, which every token has',
    { identity: 'meta', protocol: 'oauth', expect: { kind: 'token', permissions: ['contents:read'] } },
    GRANTED,
  ],
  [
    'metadata where it is expected',
    { identity: 'meta', protocol: 'oauth', expect: { kind: 'token', permissions: ['contents:read', 'metadata:read'] } },
    GRANTED,
  ],
  [
    'other permissions',
    { ...TWO, expect: { kind: 'token', permissions: ['contents:read', 'issues:write'] } },
    /^false outcome the token's permissions differ: without contents:read, with contents:write besides$/,
  ],
  [
    'a repository too many',
    { ...TWO, expect: { kind: 'token', repositories: ['acme/app'] } },
    /^false outcome the token's repositories differ: with acme\/docs besides$/,
  ],
  [
    'a repository too few',
    { expect: { kind: 'token', repositories: ['acme/app', 'acme/docs'] } },
    /^false outcome the token's repositories differ: without acme\/docs$/,
  ],
  [
    'a refusal instead of a token',
    { identity: 'nobody', expect: { kind: 'token' } },
    /^false outcome refused, instead of a token: NOT_FOUND POLICY_NOT_FOUND: /,
  ],
  [
    'a token instead of a refusal',
    { expect: { kind: 'refusal', reason: 'SUBJECT_MISMATCH', code: 7 } },
    /^false outcome a token was issued, instead of the refusal PERMISSION_DENIED SUBJECT_MISMATCH$/,
  ],
  [
    'the right refusal',
    { identity: 'nobody', protocol: 'grpc', expect: { kind: 'refusal', reason: 'POLICY_NOT_FOUND', code: 5 } },
    /^true refused: NOT_FOUND POLICY_NOT_FOUND: /,
  ],
  [
    'a refusal for another reason',
    { identity: 'nobody', protocol: 'oauth', expect: { kind: 'refusal', reason: 'SUBJECT_MISMATCH' } },
    /^false outcome refused, but not with SUBJECT_MISMATCH: NOT_FOUND POLICY_NOT_FOUND: /,
  ],
  [
    'a refusal with another code',
    { identity: 'nobody', expect: { kind: 'refusal', code: 7 } },
    /^false outcome refused, but not with PERMISSION_DENIED: NOT_FOUND POLICY_NOT_FOUND: /,
  ],
  [
    'no token to send',
    { source: { kind: 'env', name: 'ABSENT' }, expect: { kind: 'refusal', code: 5 } },
    /^false token the variable ABSENT is not set/,
  ],
] satisfies readonly [string, Parameters<typeof outcomeOf>[0], RegExp][])('%s', async (_, exchange, outcome) => {
  expect(await outcomeOf(exchange)).toMatch(outcome)
})

test('whatever came of them, no token of a caller is left alive', async () => {
  const before = flow.github.tokens.size
  await outcomeOf({ ...TWO, expect: { kind: 'token', repositories: ['acme/infra'] } })
  await outcomeOf({ ...TWO, expect: { kind: 'refusal', code: 7 } })
  const won = [...flow.github.tokens.values()].slice(before).filter(({ permissions }) => 'issues' in permissions)
  expect(won.map(({ revoked }) => revoked)).toEqual([true, true])
})

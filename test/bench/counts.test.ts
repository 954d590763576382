import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { callCounts } from '../support/call-counts.ts'
import { type Flow, startFlow } from '../support/flow.ts'

/**
 * What an exchange does, counted and not timed: these numbers are the same on every machine. Only functions that are neither
 * async nor generators are counted, because V8 counts each time that one of those goes on. Each name stands in a row where it is not 0,
 * so that a function that gets another name turns the test red.
 */
const WORK = {
  'App JWTs signed': 'github/app-jwt signNew',
  'policies read as YAML': 'policy/document readRoot',
  'policies compiled': 'policy/shape shapeFaults',
  'patterns compiled': 'policy/pattern compilePattern',
  'subject tokens taken apart': 'terms/subject-token parseSubjectToken',
  'JSON texts of subject tokens parsed': 'terms/json parseJsonStrictly',
  'key sets read': 'oidc/key-set readKeySet',
  'issuers discovered': 'oidc/discovery keySetUrl',
  'audit records written': 'audit/exchange-log logExchange',
} as const

type Work = Readonly<Record<keyof typeof WORK, number>>

/** Of an exchange for which everything is known: its header and its payload are parsed, once each. */
const WARM: Work = {
  'App JWTs signed': 0,
  'policies read as YAML': 0,
  'policies compiled': 0,
  'patterns compiled': 0,
  'subject tokens taken apart': 1,
  'JSON texts of subject tokens parsed': 1, // the payload: the header has been seen before
  'key sets read': 0,
  'issuers discovered': 0,
  'audit records written': 1,
}

const ORG = 'GET /orgs/{org}/installation'
const MINT = 'POST /app/installations/{installation_id}/access_tokens'
const FILE = 'GET /repos/{owner}/{repo}/contents/{path}'

const PATTERNS = { ref: 'refs/heads/.+', actor: '[a-z]+', workflow: 'CI|CD', run_id: '[0-9]+' }

let flow: Flow

beforeEach(async () => {
  flow = await startFlow()
  flow.policy('acme/app', 'ci')
  flow.policy('acme/app', 'patterns', { claim_pattern: PATTERNS })
  flow.policy('acme/app', 'other', { subject: 'repo:acme/app:ref:refs/heads/other' })
  flow.policy('acme', 'fleet', { repositories: ['app', 'docs', 'infra'] })
})
afterEach(() => flow.close())

/** The work of the service, and the calls to GitHub it made. */
async function counted(work: () => Promise<unknown>): Promise<{ readonly work: Work; readonly calls: string[] }> {
  let calls: string[] = []
  const counts = await callCounts(async () => {
    calls = await flow.calls(work)
  })
  const entries = Object.entries(WORK).map(([what, name]) => [what, counts.get(name) ?? 0])
  return { work: Object.fromEntries(entries) as Work, calls }
}

test('a start signs one App JWT', async () => {
  const counts = await callCounts(async () => (await startFlow()).close())
  expect(counts.get(WORK['App JWTs signed'])).toBe(1)
})

test('a first exchange reads and compiles its policy, and reads the keys, once each', async () => {
  expect(await counted(() => flow.ask({ identity: 'patterns' }))).toEqual({
    work: {
      ...WARM,
      'JSON texts of subject tokens parsed': 2,
      'policies read as YAML': 1,
      'policies compiled': 1,
      'patterns compiled': Object.keys(PATTERNS).length,
      'key sets read': 1,
      'issuers discovered': 1,
    },
    calls: [ORG, MINT, FILE, FILE, MINT],
  })
})

test.each([
  ['of one repository', { identity: 'ci' }, 0],
  ['by a policy with patterns', { identity: 'patterns' }, 0],
  ['by an organization policy', { scope: 'acme', identity: 'fleet' }, 0],
])('a warm exchange %s makes one call, and no work of a first one', async (_, question, code) => {
  await flow.ask(question)
  const token = await flow.workflowToken()
  expect(await counted(async () => expect(await flow.ask({ ...question, token })).toMatchObject({ code }))).toEqual({
    work: WARM,
    calls: [MINT],
  })
})

test.each([
  ['whose claims do not match', { identity: 'other' }, 'SUBJECT_MISMATCH'],
  ['for an identity that was looked for before', { identity: 'nobody' }, 'POLICY_NOT_FOUND'],
])('a warm refusal %s makes no call', async (_, question, reason) => {
  await flow.ask(question)
  expect(await counted(async () => expect(await flow.ask(question)).toMatchObject({ reason }))).toEqual({
    work: WARM,
    calls: [],
  })
})

test('a signature that does not match costs no call and no fetch of keys', async () => {
  await flow.ask({})
  const [head, body, signature = ''] = (await flow.workflowToken()).split('.')
  const token = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  expect(
    await counted(async () => expect(await flow.ask({ token })).toMatchObject({ reason: 'SIGNATURE_INVALID' })),
  ).toEqual({ work: WARM, calls: [] })
})

test('64 equal cold exchanges share all but their mints', async () => {
  const burst = 64
  const token = await flow.workflowToken()
  const { work, calls } = await counted(async () => {
    const answers = await Promise.all(Array.from({ length: burst }, () => flow.ask({ token })))
    expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 0))
    expect(new Set(answers.map((answer) => answer.token)).size).toBe(burst)
  })
  expect(work).toEqual({
    ...WARM,
    'policies read as YAML': 1,
    'policies compiled': 1,
    'subject tokens taken apart': burst,
    'JSON texts of subject tokens parsed': burst,
    'key sets read': 1,
    'issuers discovered': 1,
    'audit records written': burst,
  })
  expect(calls.filter((call) => call !== MINT).sort()).toEqual([ORG, FILE, FILE].sort())
  expect(calls.filter((call) => call === MINT)).toHaveLength(burst + 1)
})

test('100 policies in turn are compiled once each', async () => {
  const identities = Array.from({ length: 100 }, (_, index) => `turn-${index}`)
  for (const identity of identities) flow.policy('acme/app', identity)
  const token = await flow.workflowToken()
  const all = async () => {
    for (const identity of identities) expect(await flow.ask({ identity, token })).toMatchObject({ code: 0 })
  }
  expect((await counted(all)).work['policies compiled']).toBe(identities.length)
  expect((await counted(all)).work['policies compiled']).toBe(0)
})

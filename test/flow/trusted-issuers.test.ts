import { afterEach, describe, expect, test } from '@jest/globals'
import type { Fault, FaultTarget } from '../../src/sandbox/faults.ts'
import { type Flow, type FlowOptions, startFlow } from '../support/flow.ts'

const LIST = '.github/chainguard/trusted-token-issuers.yaml'
const READ: FaultTarget = { method: 'GET', path: `/repos/acme/.github/contents/${LIST}` }
const MINUTE = 60_000
const FILE = 'GET /repos/{owner}/{repo}/contents/{path}'
const TOKEN = 'POST /app/installations/{installation_id}/access_tokens'

let flow: Flow

afterEach(() => flow.close())

async function start(options: FlowOptions = {}): Promise<void> {
  flow = await startFlow(options)
  flow.policy('acme/app', 'ci')
}

const trust = (text: string) => flow.github.putFile('acme', '.github', LIST, text)
const trustOthers = (mode = 'enforce') => trust(`mode: ${mode}\nissuers: [https://issuer.example.com]\n`)
const trustOurs = () => trust(`issuers: ["${flow.issuer.url}"]\n`)

/** `issued`, or the reason and code of the refusal. */
async function outcome(question: Parameters<Flow['ask']>[0] = {}): Promise<string> {
  const { code, reason } = await flow.ask({ ...question, token: question.token ?? (await freshToken()) })
  return code === 0 ? 'issued' : `${reason} ${code}`
}

const freshToken = () => flow.workflowToken({}, { exp: Math.floor(Date.now() / 1000) + 86_400 })

/** What the log says of the last exchange. */
const lastLine = () => flow.lines.findLast(({ message }) => /^(token issued|exchange refused)$/.test(String(message)))

describe("the organization's list of trusted issuers", () => {
  test('lets in an issuer that it names', async () => {
    await start()
    trustOurs()
    expect(await outcome()).toBe('issued')
    expect(lastLine()).toMatchObject({ issuer_allowlist: { mode: 'enforce', allowed: true, iss: flow.issuer.url } })
  })

  test('lets in an issuer that a pattern of it matches', async () => {
    await start()
    const port = new URL(flow.issuer.url).port
    trust(`issuer_patterns: ['http://[a-z0-9.]+:${port}']\n`)
    expect(await outcome()).toBe('issued')
  })

  test('refuses another, whatever the policy says, and tells only that', async () => {
    await start()
    trustOthers()
    const answer = await flow.ask({})
    expect(answer).toMatchObject({ code: 7, reason: 'ISSUER_NOT_TRUSTED' })
    expect(answer.message).toBe(`issuer "${flow.issuer.url}" not permitted by organization policy`)
    expect(lastLine()).toMatchObject({ issuer_allowlist: { mode: 'enforce', allowed: false, iss: flow.issuer.url } })
  })

  test('has the word before the policy: also where there is none, or the claims do not fit', async () => {
    await start()
    trustOthers()
    expect(await outcome({ identity: 'nobody' })).toBe('ISSUER_NOT_TRUSTED 7')
    expect(await outcome({ token: await flow.workflowToken({ ref: 'refs/heads/x' }) })).toBe('ISSUER_NOT_TRUSTED 7')
  })

  test('once it is known costs an issuer that it refuses no call', async () => {
    await start()
    trustOthers()
    await outcome()
    expect(
      await flow.calls(async () => expect(await outcome({ scope: 'acme/docs' })).toBe('ISSUER_NOT_TRUSTED 7')),
    ).toEqual([])
  })

  test('in audit mode lets others in, and the log says so', async () => {
    await start()
    trustOthers('audit')
    expect(await outcome()).toBe('issued')
    expect(lastLine()).toMatchObject({ issuer_allowlist: { mode: 'audit', allowed: false } })
  })

  test('is for organization policies and for users too', async () => {
    await start()
    trustOthers()
    flow.policy('acme', 'org')
    expect(await outcome({ scope: 'acme', identity: 'org' })).toBe('ISSUER_NOT_TRUSTED 7')
    flow.policy('octocat/hello', 'ci')
    flow.github.addRepository('octocat', '.github', {
      files: { [LIST]: 'issuers: [https://issuer.example.com]' },
    })
    expect(await outcome({ scope: 'octocat/hello' })).toBe('ISSUER_NOT_TRUSTED 7')
  })

  test('that is absent allows every issuer, for five minutes without a look', async () => {
    await start()
    expect(await outcome()).toBe('issued')
    expect(lastLine()).toMatchObject({ issuer_allowlist: { mode: 'absent', allowed: true } })
    trustOthers()
    flow.advance(4 * MINUTE)
    expect(await outcome()).toBe('issued')
    flow.advance(MINUTE)
    expect(await outcome()).toBe('ISSUER_NOT_TRUSTED 7')
  })

  test('that is absent allows none where the operator requires one', async () => {
    await start({ settings: { requireTrustedIssuers: true } })
    expect(await outcome()).toBe('TRUSTED_ISSUERS_REQUIRED 7')
    expect(lastLine()).toMatchObject({ issuer_allowlist: { mode: 'absent', allowed: false } })
  })

  test('that no App can read counts as absent, with a warning and a fresh look at the installation', async () => {
    await start()
    flow.github.regrant(flow.installation, { repositories: ['app'] })
    trustOthers()
    const calls = await flow.calls(async () => expect(await outcome()).toBe('issued'))
    expect(calls).toHaveLength(6)
    expect(
      flow.lines.filter(({ level, message }) => level === 40 && /policy repository/.test(String(message))),
    ).toHaveLength(1)
    expect(await flow.calls(outcome)).toEqual([TOKEN])
  })

  test('that no App can read allows none where the operator requires one', async () => {
    await start({ settings: { requireTrustedIssuers: true } })
    flow.github.regrant(flow.installation, { repositories: ['app'] })
    expect(await outcome()).toBe('TRUSTED_ISSUERS_REQUIRED 7')
  })

  test('that could not be read because the App was suspended is not taken for absent once it is back', async () => {
    await start()
    await outcome()
    flow.advance(5 * MINUTE)
    trustOthers()
    flow.github.suspend(flow.installation)
    expect(await outcome()).toBe('INSTALLATION_SUSPENDED 9')
    flow.github.unsuspend(flow.installation)
    flow.advance(MINUTE)
    expect(await outcome()).toBe('ISSUER_NOT_TRUSTED 7')
  })

  test('that could not be read because the App was gone is not taken for absent once it is back', async () => {
    await start()
    await outcome()
    flow.advance(5 * MINUTE)
    trustOthers()
    flow.github.uninstall(flow.installation)
    expect(await outcome()).toBe('APP_NOT_INSTALLED 5')
    flow.github.install('acme', { permissions: { contents: 'write' }, repositories: 'all' })
    flow.advance(MINUTE)
    expect(await outcome()).toBe('ISSUER_NOT_TRUSTED 7')
  })

  test('that was moved to another installation meanwhile is read by that', async () => {
    await start()
    await outcome()
    flow.advance(5 * MINUTE)
    trustOthers()
    flow.github.uninstall(flow.installation)
    flow.github.install('acme', { permissions: { contents: 'write' }, repositories: 'all' })
    expect(await outcome()).toBe('ISSUER_NOT_TRUSTED 7')
  })

  test('is looked up once for many who ask at once', async () => {
    await start()
    trustOurs()
    const token = await freshToken()
    const calls = await flow.calls(() => Promise.all(Array.from({ length: 16 }, () => flow.ask({ token }))))
    expect(calls.filter((call) => call === FILE)).toHaveLength(2)
  })
})

describe('a list that is invalid', () => {
  test.each([
    ['no YAML', 'issuers: ['],
    ['neither issuers nor patterns', 'mode: audit'],
    ['an unknown field', 'issuers: [https://a.example.com]\nissuer: x'],
    ['a pattern that crosses a slash', "issuer_patterns: ['https://.*']"],
    ['empty', ''],
  ])('%s: refuses everybody', async (_, text) => {
    await start()
    trust(text)
    for (const _ of ['read', 'known']) {
      expect(await outcome()).toBe('TRUSTED_ISSUERS_INVALID 9')
      expect(lastLine()).toMatchObject({ issuer_allowlist: { mode: 'unknown', allowed: false, iss: flow.issuer.url } })
    }
  })

  test('because it is a folder refuses everybody', async () => {
    await start()
    flow.github.putFile('acme', '.github', `${LIST}/x`, 'x')
    expect(await outcome()).toBe('TRUSTED_ISSUERS_INVALID 9')
  })

  test('leaves the last good one in force for an hour', async () => {
    await start()
    trustOurs()
    expect(await outcome()).toBe('issued')
    trust('broken')
    flow.advance(5 * MINUTE)
    expect(await outcome()).toBe('issued')
    flow.advance(54 * MINUTE)
    expect(await outcome()).toBe('issued')
    flow.advance(MINUTE)
    expect(await outcome()).toBe('TRUSTED_ISSUERS_INVALID 9')
  })

  test('after there was none refuses everybody at once', async () => {
    await start()
    expect(await outcome()).toBe('issued')
    trust('broken')
    flow.advance(5 * MINUTE)
    expect(await outcome()).toBe('TRUSTED_ISSUERS_INVALID 9')
  })
})

const SILENCES: readonly (readonly [string, Fault, string])[] = [
  ['GitHub limits', { kind: 'secondary-rate-limit', retryAfterSeconds: 5 }, 'GITHUB_RATE_LIMITED 8'],
  ['GitHub answers 502', { kind: 'answer', status: 502 }, 'GITHUB_UNAVAILABLE 14'],
  ['the connection breaks', { kind: 'reset' }, 'GITHUB_UNAVAILABLE 14'],
  ['GitHub does not answer', { kind: 'hang' }, 'GITHUB_UNAVAILABLE 14'],
]

describe.each(SILENCES)('a list that cannot be had because %s', (_, fault, refusal) => {
  test('refuses where nothing is known', async () => {
    await start()
    flow.github.fault(READ, fault)
    expect(await outcome()).toBe(refusal)
    expect(lastLine()).toMatchObject({ issuer_allowlist: { mode: 'unknown', allowed: false, iss: flow.issuer.url } })
  })

  test('is for an hour what it was', async () => {
    await start()
    trustOurs()
    expect(await outcome()).toBe('issued')
    trustOthers()
    flow.github.fault(READ, fault)
    flow.advance(64 * MINUTE)
    flow.policy('acme/app', 'other')
    expect(await outcome({ identity: 'other' })).toBe('issued')
    flow.advance(MINUTE)
    expect(await outcome({ identity: 'other' })).toBe(refusal)
  })
})

describe('a list that GitHub forbids to read', () => {
  test('refuses everybody, also where a good one is known, and ever after', async () => {
    await start()
    trustOurs()
    expect(await outcome()).toBe('issued')
    flow.advance(5 * MINUTE)
    const forbidden = flow.github.fault(READ, { kind: 'answer', status: 403, body: { message: 'no' } })
    expect(await outcome()).toBe('TRUSTED_ISSUERS_FORBIDDEN 7')
    forbidden.clear()
    flow.github.fault(READ, { kind: 'answer', status: 502 })
    flow.advance(MINUTE)
    expect(await outcome()).toBe('GITHUB_UNAVAILABLE 14')
  })
})

test('a list whose repository GitHub knows by another name refuses everybody, for a while without a look', async () => {
  await start()
  flow.github.fault(READ, { kind: 'redirect', location: '/repositories/1' })
  expect(await outcome()).toBe('TRUSTED_ISSUERS_FORBIDDEN 7')
  expect(await flow.calls(async () => expect(await outcome()).toBe('TRUSTED_ISSUERS_FORBIDDEN 7'))).toEqual([])
})

test('odd answers of GitHub refuse and end nothing', async () => {
  await start()
  for (const body of ['[]', 'null', '<html>', '{"type":"file"', '{}', '"x"', '[null]']) {
    const fault = flow.github.fault({ ...READ, times: 1 }, { kind: 'answer', status: 200, body })
    expect([body, await outcome()]).toEqual([
      body,
      expect.stringMatching(/^(GITHUB_UNAVAILABLE 14|TRUSTED_ISSUERS_INVALID 9)$/),
    ])
    expect(fault.hits).toBe(1)
    flow.advance(6 * MINUTE)
  }
  expect(await outcome()).toBe('issued')
})

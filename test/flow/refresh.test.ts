import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type AskRefresh, refreshGrpc, refreshHttp } from '../support/ask.ts'
import { type Flow, startFlow } from '../support/flow.ts'

const TOKENS = { method: 'POST', route: '/app/installations/{installation_id}/access_tokens' }
const MINT = 'POST /app/installations/{installation_id}/access_tokens'
const KEYS = [Buffer.alloc(32, 7)]

let flow: Flow

beforeEach(async () => {
  flow = await startFlow({ settings: { refreshTokenKeys: KEYS } })
  policy()
})
afterEach(() => flow.close())

function policy(change: Record<string, unknown> = {}): void {
  flow.policy('acme/app', 'ci', {
    permissions: { contents: 'write', issues: 'write' },
    refresh: { max_age: '8h' },
    ...change,
  })
}

/** The first refresh token of a new family. */
async function begin(question: Parameters<Flow['ask']>[0] = {}): Promise<string> {
  const answer = await flow.ask(question)
  expect(answer).toMatchObject({ code: 0, refreshToken: expect.stringMatching(/^[\w-]+(\.[\w-]+){4}$/) })
  return answer.refreshToken ?? ''
}

const refresh = (token: string, more: { scopes?: string[]; cap?: string[] } = {}, over: AskRefresh = refreshGrpc) =>
  over(flow.service.port, { token, ...more })

const permissionsOf = (token: string | undefined) => flow.github.tokens.get(token ?? '')?.permissions

describe.each([
  ['gRPC', refreshGrpc],
  ['HTTP', refreshHttp],
] as const)('refreshing over %s', (_, over) => {
  test('answers a fresh token and the next refresh token, each with its end, again and again', async () => {
    const seen = new Set<string | undefined>()
    let token = await begin()
    for (let round = 0; round < 3; round += 1) {
      const answer = await refresh(token, {}, over)
      expect(answer).toMatchObject({ code: 0, token: expect.stringMatching(/^ghs_/) })
      expect(permissionsOf(answer.token)).toEqual({ contents: 'write', issues: 'write', metadata: 'read' })
      const hoursLeft = (Date.parse(answer.refreshExpiry ?? '') - Date.now()) / 3_600_000
      expect(hoursLeft).toBeGreaterThan(7.9)
      expect(hoursLeft).toBeLessThanOrEqual(8)
      seen.add(answer.token)
      seen.add(answer.refreshToken)
      token = answer.refreshToken ?? ''
    }
    expect(seen.size).toBe(6)
  })

  test.each([
    ['no refresh token', 'ghs_0123456789', 'REFRESH_TOKEN_INVALID'],
    ['one that was changed', 'a.b.c.d.e', 'REFRESH_TOKEN_INVALID'],
    ['none at all', '', 'AUTHORIZATION_M'],
  ])('%s is Unauthenticated', async (__, token, reason) => {
    expect(await refresh(token, {}, over)).toMatchObject({
      code: status.UNAUTHENTICATED,
      reason: expect.stringContaining(reason),
    })
  })
})

test('who sends no credential is told which one is meant', async () => {
  const url = `http://127.0.0.1:${flow.service.port}/sts/exchange_refresh_token`
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams() })
  expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining('Bearer <refresh token>')])
})

test('without the opt-in there is no refresh token, and nothing else changes', async () => {
  policy({ refresh: undefined })
  const answer = await flow.ask({})
  expect(answer).toMatchObject({ code: 0 })
  expect(answer.refreshToken).toBeUndefined()
})

test('a refresh makes one call to GitHub while the policy is fresh', async () => {
  const token = await begin()
  expect(await flow.calls(() => refresh(token))).toEqual([MINT])
})

describe('reuse', () => {
  test('of a token whose successor was used revokes the family', async () => {
    const first = await begin()
    const second = (await refresh(first)).refreshToken ?? ''
    const third = (await refresh(second)).refreshToken ?? ''
    expect(await refresh(first)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_REUSED' })
    for (const token of [first, second, third]) {
      expect(await refresh(token)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_REVOKED' })
    }
  })

  test('for a lost answer yields the next generation again, five times in all', async () => {
    const first = await begin()
    const answers = [await refresh(first)]
    for (let retry = 0; retry < 4; retry += 1) answers.push(await refresh(first))
    expect(answers.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0])
    expect(await refresh(first)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_EXHAUSTED' })
    expect(await refresh(answers[3]?.refreshToken ?? '')).toMatchObject({ code: 0 })
    expect(await refresh(first)).toMatchObject({ reason: 'REFRESH_TOKEN_REUSED' })
  })

  test('at the same time by a hundred makes one next generation', async () => {
    const first = await begin()
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(first, {}, refreshHttp)))
    const good = answers.filter(({ code }) => code === 0)
    expect(good).toHaveLength(5)
    expect(answers.filter(({ reason }) => reason === 'REFRESH_TOKEN_EXHAUSTED')).toHaveLength(95)
    const next = good.map(({ refreshToken }) => refreshToken ?? '')
    expect(await refresh(next[0] ?? '')).toMatchObject({ code: 0 })
    expect(await refresh(first)).toMatchObject({ reason: 'REFRESH_TOKEN_REUSED' })
  })

  test('spends nothing: GitHub mints no token that nobody gets', async () => {
    const first = await begin()
    await refresh((await refresh(first)).refreshToken ?? '')
    expect(await flow.calls(() => refresh(first))).toEqual([])
  })
})

/** The longest first refresh token there is: one more byte of claims, and there is none. */
async function beginFull(): Promise<string> {
  let size = Math.ceil(((LIMIT - (await begin()).length) * 3) / 4)
  for (;;) {
    const token = await flow.workflowToken({}, { filler: 'x'.repeat(size) })
    const { refreshToken } = await flow.ask({ token })
    if (refreshToken !== undefined) return refreshToken
    size -= 1
  }
}

const LIMIT = 12 * 1024

describe('a refresh token that is as long as can be', () => {
  test('lives on when its generation gets one more digit', async () => {
    let token = await beginFull()
    expect(token.length).toBeLessThanOrEqual(LIMIT)
    for (let generation = 1; generation <= 11; generation += 1) {
      const answer = await refresh(token)
      expect(answer).toMatchObject({ code: 0 })
      token = answer.refreshToken ?? ''
    }
  })

  test('refuses a cap that it cannot carry, which costs nothing and consumes nothing', async () => {
    const token = await beginFull()
    const cap = ['contents:read', 'issues:read']
    const calls = await flow.calls(async () =>
      expect(await refresh(token, { cap })).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'CAP_MALFORMED' }),
    )
    expect(calls).toEqual([])
    const { refreshToken = '' } = await refresh(token)
    expect(await refresh(refreshToken)).toMatchObject({ code: 0 })
  })
})

describe('a refresh that fails consumes nothing', () => {
  test('when GitHub mints nothing', async () => {
    const token = await begin()
    const fault = flow.github.fault(TOKENS, { kind: 'answer', status: 500 })
    expect(await refresh(token)).toMatchObject({ code: status.UNAVAILABLE })
    fault.clear()
    const { refreshToken = '' } = await refresh(token)
    expect(await refresh(refreshToken)).toMatchObject({ code: 0 })
  })
})

describe('the policy of today decides', () => {
  /** Policies are fresh for five minutes. */
  const later = () => flow.advance(6 * 60_000)

  test('removed means refused', async () => {
    const token = await begin()
    flow.github.removeFile('acme', 'app', '.github/chainguard/ci.sts.yaml')
    later()
    expect(await refresh(token)).toMatchObject({ reason: 'POLICY_NOT_FOUND' })
  })

  test.each([
    ['without refreshing', { refresh: undefined }, 'REFRESH_NOT_ALLOWED'],
    ['for another subject', { subject: 'somebody' }, 'SUBJECT_MISMATCH'],
    ['for a claim that the first one did not look at', { claim_pattern: { event_name: 'release' } }, 'CLAIM_MISMATCH'],
  ])('%s means refused', async (_, change, reason) => {
    const token = await begin()
    policy(change)
    later()
    expect(await refresh(token)).toMatchObject({ code: status.PERMISSION_DENIED, reason })
  })

  test('narrowed means narrowed, widened means widened', async () => {
    const token = await begin()
    policy({ permissions: { contents: 'read' } })
    later()
    const narrowed = await refresh(token)
    expect(permissionsOf(narrowed.token)).toEqual({ contents: 'read', metadata: 'read' })
    policy({ permissions: { contents: 'read', checks: 'write' } })
    later()
    const widened = await refresh(narrowed.refreshToken ?? '')
    expect(permissionsOf(widened.token)).toEqual({ contents: 'read', checks: 'write', metadata: 'read' })
  })

  test('a claim that the token had and no policy looked at until now is still there', async () => {
    const token = await begin()
    policy({ claim_pattern: { event_name: 'push', repository_id: '2001' } })
    later()
    expect(await refresh(token)).toMatchObject({ code: 0 })
  })
})

describe('scope and cap', () => {
  test('are looked at after the credential', async () => {
    expect(await refresh('ghs_0123456789', { cap: ['nothing:read'] })).toMatchObject({
      code: status.UNAUTHENTICATED,
      reason: 'REFRESH_TOKEN_INVALID',
    })
  })

  test('the scope cannot change', async () => {
    const token = await begin()
    expect(await refresh(token, { scopes: ['acme/docs'] })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: 'REFRESH_SCOPE_MISMATCH',
    })
    expect(await refresh(token, { scopes: ['acme/app'] })).toMatchObject({ code: 0 })
  })

  test('what was narrowed at the exchange stays so', async () => {
    const token = await begin({ cap: ['contents:read'] })
    const answer = await refresh(token)
    expect(permissionsOf(answer.token)).toEqual({ contents: 'read', metadata: 'read' })
    expect(await refresh(answer.refreshToken ?? '', { cap: ['contents:write'] })).toMatchObject({
      reason: 'CAP_EXCEEDS_POLICY',
    })
  })

  test('what was narrowed at a refresh stays so', async () => {
    const narrowed = await refresh(await begin(), { cap: ['issues:read'] })
    expect(permissionsOf(narrowed.token)).toEqual({ issues: 'read', metadata: 'read' })
    const next = await refresh(narrowed.refreshToken ?? '')
    expect(permissionsOf(next.token)).toEqual({ issues: 'read', metadata: 'read' })
  })
})

test('after its age a family is over', async () => {
  const token = await begin()
  flow.advance(8 * 3_600_000)
  expect(await refresh(token)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_EXPIRED' })
})

test('no family lives longer than the operator allows', async () => {
  await flow.close()
  flow = await startFlow({ settings: { refreshTokenKeys: KEYS, maxRefreshAgeMs: 60_000 } })
  policy()
  const token = await begin()
  flow.advance(61_000)
  expect(await refresh(token)).toMatchObject({ reason: 'REFRESH_TOKEN_EXPIRED' })
})

test('another process without the shared store knows no family of this one, even with its keys', async () => {
  const token = await begin()
  const other = await startFlow({ settings: { refreshTokenKeys: KEYS } })
  try {
    expect(await refreshGrpc(other.service.port, { token })).toMatchObject({
      code: status.UNAUTHENTICATED,
      reason: 'REFRESH_TOKEN_UNKNOWN',
    })
  } finally {
    await other.close()
  }
})

test('no part of a refresh token is logged, its family is', async () => {
  const token = await begin()
  const { refreshToken = '' } = await refresh(token)
  const text = JSON.stringify(flow.lines)
  for (const secret of [token, refreshToken]) {
    for (const part of secret.split('.').slice(1)) expect(text).not.toContain(part)
  }
  const lines = flow.lines.filter((line) => line['refresh'] !== undefined)
  expect(lines.map(({ message, refresh: told }) => [message, told])).toEqual([
    ['token issued', { family: expect.any(String), generation: 0 }],
    ['token refreshed', { family: expect.any(String), generation: 0 }],
  ])
})

test('the start says what ends with the process: the keys, and what is known of families', async () => {
  const warnings = async (settings: Parameters<typeof startFlow>[0]) => {
    const other = await startFlow(settings)
    await other.close()
    const texts = other.lines.map(({ message }) => String(message))
    return texts.flatMap((text) => /^(\w+) is not set: refresh tokens/.exec(text)?.[1] ?? [])
  }
  expect(await warnings({ settings: { refreshTokenKeys: KEYS } })).toEqual(['STORE_URL'])
  expect(await warnings({})).toEqual(['STORE_URL', 'REFRESH_TOKEN_KEYS'])
})

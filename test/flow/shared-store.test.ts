import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { refreshGrpc } from '../support/ask.ts'
import { eventually } from '../support/eventually.ts'
import { type Flow, startFlow } from '../support/flow.ts'
import { HAS_REDIS, type RedisServer, startRedis } from '../support/redis.ts'

const KEYS = [Buffer.alloc(32, 9)]
const MAIN = new URL('../../src/main.js', import.meta.url).pathname

const withRedis = HAS_REDIS ? describe : describe.skip

withRedis('two services on one store', () => {
  let redis: RedisServer
  let one: Flow
  let two: Flow

  beforeEach(async () => {
    redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
    one = await startService()
    two = await startService()
  })
  afterEach(async () => {
    await Promise.all([one.close(), two.close()])
    await redis[Symbol.asyncDispose]()
  })

  async function startService(): Promise<Flow> {
    const flow = await startFlow({ settings: { storeUrl: redis.url, refreshTokenKeys: KEYS } })
    flow.policy('acme/app', 'ci', { refresh: { max_age: '8h' } })
    flow.policy('acme/app', 'once', { single_use: true })
    return flow
  }

  const begin = async (flow: Flow) => {
    const answer = await flow.ask({})
    expect(answer).toMatchObject({ code: 0, refreshToken: expect.any(String) })
    return answer.refreshToken ?? ''
  }
  const refresh = (flow: Flow, token: string) => refreshGrpc(flow.service.port, { token })

  // The services are in worlds of their own, but the claims travel in the token: the issuer is the first one's.
  function sameIssuer(): void {
    for (const identity of ['ci', 'once']) {
      two.policy('acme/app', identity, {
        issuer: one.issuer.url,
        ...(identity === 'ci' ? { refresh: { max_age: '8h' } } : { single_use: true }),
      })
    }
  }

  test('a token of the one refreshes on the other, and a replay on the other is caught', async () => {
    sameIssuer()
    const first = await begin(one)
    const second = await refresh(two, first)
    expect(second).toMatchObject({ code: 0 })
    const third = await refresh(one, second.refreshToken ?? '')
    expect(third).toMatchObject({ code: 0 })
    expect(await refresh(two, first)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_REUSED' })
    expect(await refresh(one, third.refreshToken ?? '')).toMatchObject({ reason: 'REFRESH_TOKEN_REVOKED' })
  })

  test('after kill -9 and a restart of the store a rotated token is still refused', async () => {
    const first = await begin(one)
    const second = (await refresh(one, first)).refreshToken ?? ''
    const third = (await refresh(one, second)).refreshToken ?? ''
    await redis.kill()
    expect(await refresh(one, third)).toMatchObject({ code: status.UNAVAILABLE, reason: 'STORE_UNAVAILABLE' })
    await redis.restart()
    await eventually(async () => expect(await refresh(one, first)).toMatchObject({ reason: 'REFRESH_TOKEN_REUSED' }))
    expect(await refresh(one, third)).toMatchObject({ reason: 'REFRESH_TOKEN_REVOKED' })
  })

  test('a store that was lost refuses, and accepts nothing', async () => {
    const first = await begin(one)
    redis.cli('flushall')
    expect(await refresh(one, first)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_UNKNOWN' })
  })

  test('a store that was rolled back refuses the generation that it does not know, and from then on the family', async () => {
    const first = await begin(one)
    const [key = ''] = redis
      .cli('keys', '*')
      .split('\n')
      .filter((name) => name.includes('family'))
    const before = redis.cli('--no-raw', 'hgetall', key)
    expect(before).not.toBe('')
    redis.cli('copy', key, `{saved}${key}`)
    const second = (await refresh(one, first)).refreshToken ?? ''
    redis.cli('rename', `{saved}${key}`, key)
    expect(await refresh(one, second)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_UNKNOWN' })
    // Used already, and current to this store.
    expect(await refresh(one, first)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_REVOKED' })
  })

  test('a store that does not answer: exchanges go on without a refresh token, refreshes are Unavailable', async () => {
    const first = await begin(one)
    redis.freeze()
    const answer = await one.ask({})
    expect(answer).toMatchObject({ code: 0 })
    expect(answer.refreshToken).toBeUndefined()
    expect(
      one.lines.some(({ refresh: told }) => (told as { withheld?: string })?.withheld === 'STORE_UNAVAILABLE'),
    ).toBe(true)
    expect(await refresh(one, first)).toMatchObject({ code: status.UNAVAILABLE, reason: 'STORE_UNAVAILABLE' })
    expect(await one.ask({ identity: 'once' })).toMatchObject({ code: status.UNAVAILABLE })
    redis.thaw()
    await eventually(async () => expect(await refresh(one, first)).toMatchObject({ code: 0 }))
  })

  test('a single-use token is good for one exchange, whichever service is asked', async () => {
    sameIssuer()
    const token = await one.workflowToken()
    expect(await one.ask({ token, identity: 'once' })).toMatchObject({ code: 0 })
    for (const flow of [one, two]) {
      expect(await flow.ask({ token, identity: 'once' })).toMatchObject({
        code: status.PERMISSION_DENIED,
        reason: 'SINGLE_USE_REPEATED',
      })
    }
  })

  test('a single-use token that hardly ever expires is good for one exchange, too', async () => {
    const token = await one.workflowToken({}, { exp: 1e20 })
    expect(await one.ask({ token, identity: 'once' })).toMatchObject({ code: 0 })
    expect(await one.ask({ token, identity: 'once' })).toMatchObject({ reason: 'SINGLE_USE_REPEATED' })
  })

  describe('octo-sts revoke', () => {
    const revoke = (...args: string[]) =>
      spawnSync(process.execPath, [MAIN, 'revoke', ...args], {
        encoding: 'utf8',
        env: { STORE_URL: redis.url, REFRESH_TOKEN_KEYS: KEYS[0]?.toString('base64') ?? '' },
      })

    test.each([
      ['an identity', () => ['--scope', 'Acme/App', '--identity', 'ci']],
      ['an issuer and subject', () => ['--issuer', one.issuer.url, '--subject', 'repo:acme/app:ref:refs/heads/main']],
    ])('ends all refresh tokens of %s until now, and none that come after', async (_, args) => {
      const first = await begin(one)
      expect(revoke(...args())).toMatchObject({ status: 0, stdout: expect.stringMatching(/^revoked: /) })
      expect(await refresh(one, first)).toMatchObject({ code: status.UNAUTHENTICATED, reason: 'REFRESH_TOKEN_REVOKED' })
      expect(await refresh(one, await begin(one))).toMatchObject({ code: 0 })
    })

    test('ends one family by its token', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'octo-sts-revoke-'))
      const [first, other] = [await begin(one), await begin(one)]
      writeFileSync(join(folder, 'token'), `${first}\n`)
      expect(revoke('--refresh-token', join(folder, 'token'))).toMatchObject({ status: 0 })
      rmSync(folder, { recursive: true })
      expect(await refresh(one, first)).toMatchObject({ reason: 'REFRESH_TOKEN_REVOKED' })
      expect(await refresh(one, other)).toMatchObject({ code: 0 })
    })

    test.each([
      [[], 2],
      [['--scope', 'acme/app'], 2],
      [['--issuer', 'https://issuer.example', '--subject', ''], 2],
      [['--scope', 'acme//app', '--identity', 'ci'], 2],
      [['--refresh-token', '/nowhere'], 1],
    ])('%j is answered with what it wants', (args, code) => {
      expect(revoke(...args)).toMatchObject({
        status: code,
        stdout: '',
        stderr: expect.stringMatching(/^octo-sts revoke: /),
      })
    })
  })
})

describe('single use without a shared store', () => {
  test('is refused, unless the operator declares a single process', async () => {
    const cautious = await startFlow()
    const declared = await startFlow({ settings: { singleProcess: true } })
    try {
      for (const flow of [cautious, declared]) flow.policy('acme/app', 'once', { single_use: true })
      expect(await cautious.ask({ identity: 'once' })).toMatchObject({
        code: status.FAILED_PRECONDITION,
        reason: 'SINGLE_USE_UNAVAILABLE',
      })
      const token = await declared.workflowToken()
      const answers = await Promise.all(Array.from({ length: 8 }, () => declared.ask({ token, identity: 'once' })))
      expect(answers.map(({ reason }) => reason ?? 'granted').sort()).toEqual([
        ...Array.from({ length: 7 }, () => 'SINGLE_USE_REPEATED'),
        'granted',
      ])
    } finally {
      await Promise.all([cautious.close(), declared.close()])
    }
  })

  test.each([
    ['certainly minted nothing', { kind: 'answer', status: 422, body: { message: 'no' } }, 'granted'],
    ['may have minted', { kind: 'answer', status: 502 }, 'SINGLE_USE_REPEATED'],
  ] as const)('after a mint that %s the same token is %s', async (_, fault, then) => {
    const flow = await startFlow({ settings: { singleProcess: true } })
    try {
      flow.policy('acme/app', 'once', { single_use: true })
      const token = await flow.workflowToken()
      const handle = flow.github.fault(
        { method: 'POST', route: '/app/installations/{installation_id}/access_tokens', after: 1 },
        fault,
      )
      expect((await flow.ask({ token, identity: 'once' })).code).not.toBe(0)
      handle.clear()
      const { code, reason } = await flow.ask({ token, identity: 'once' })
      expect(code === 0 ? 'granted' : reason).toBe(then)
    } finally {
      await flow.close()
    }
  })
})

import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { requestAccessToken } from '../../src/github/access-token.ts'
import type { Answer } from '../../src/github/answer.ts'
import type { AppJwt } from '../../src/github/app-jwt.ts'
import { answerOf, createDirectSend } from '../../src/github/direct-send.ts'
import { createPoolFetch } from '../../src/github/pool-fetch.ts'
import { mintedPart } from '../../src/github/token-excess.ts'
import { Denial } from '../../src/terms/denial.ts'
import { UNTRACED } from '../../src/terms/tracer.ts'
import { grantFor, permissions } from './world.ts'

/** A GitHub that answers one request after the other as it is told, and keeps what it was asked. */
async function listen(...answers: readonly { status: number; date?: string; message?: string }[]) {
  const asked: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = []
  const server = createServer(async (request, response) => {
    const { url, headers } = request
    asked.push({ url, headers, body: await text(request) })
    const { status, date, message } = answers[asked.length - 1] ?? { status: 500 }
    response.writeHead(status, date === undefined ? {} : { date })
    response.end(JSON.stringify(message === undefined ? { token: 'ghs_1' } : { message }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const pool = createPoolFetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3/`, 1000)
  const serials: (number | undefined)[] = []
  const appJwt: AppJwt = {
    current: () => undefined,
    async get(skewSeconds) {
      serials.push(skewSeconds)
      return { jwt: `jwt${serials.length}`, expiresAt: '' }
    },
    serial: () => 0,
    discard: () => {},
  }
  const now = () => NOW
  const send = createDirectSend({ pool, appJwt, userAgent: 'octo-sts', callLimitMs: 1000, tracer: UNTRACED, now })
  return {
    asked,
    /** With which difference of the clocks each JWT was asked for. */
    skews: serials,
    send: () =>
      send({ route: 'POST /a/{b}', maxBytes: 1000 }, { path: '/a/7', body: '{"c":1}', wanted: (body) => body }),
    async close() {
      await pool.close()
      server.close()
    },
  }
}

const NOW = Date.UTC(2026, 10, 23)
const at = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString()

describe('a request past Octokit', () => {
  let gitHub: Awaited<ReturnType<typeof listen>>
  afterEach(() => gitHub.close())

  test('goes out as Octokit would send it', async () => {
    gitHub = await listen({ status: 201 })
    expect(await gitHub.send()).toMatchObject({ status: 201, body: { token: 'ghs_1' } })
    const [{ url, headers, body } = { url: '', headers: {}, body: '' }] = gitHub.asked
    expect({ url, body }).toEqual({ url: '/api/v3/a/7', body: '{"c":1}' })
    expect(headers).toMatchObject({
      accept: 'application/vnd.github+json',
      authorization: 'Bearer jwt1',
      'content-length': '7',
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'octo-sts',
      'x-github-api-version': '2022-11-28',
    })
  })

  test.each([
    ["'Expiration time' claim ('exp') is too far in the future", at(-900), -900],
    [
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
      at(900),
      900,
    ],
    [
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
      at(-200),
      -200,
    ],
    [
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
      '?',
      Number.NaN,
    ],
  ])('whose JWT is refused with "%s" at %s is made again by GitHub\'s clock', async (message, date, skew) => {
    gitHub = await listen({ status: 401, date, message }, { status: 201 })
    expect(await gitHub.send()).toMatchObject({ status: 201 })
    expect(gitHub.skews).toEqual([undefined, skew])
    expect(gitHub.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer jwt1', 'Bearer jwt2'])
  })

  test.each([
    ['another 401', { status: 401, date: at(900), message: 'Bad credentials' }],
    ['those words with another status', { status: 422, message: "'Issued at' claim ('iat') must be an Integer" }],
  ])('that is answered with %s is made once', async (_, answer) => {
    gitHub = await listen(answer, { status: 201 })
    expect(await gitHub.send()).toMatchObject({ status: answer.status, body: { message: answer.message } })
    expect(gitHub.asked).toHaveLength(1)
  })

  test('that is refused for its times twice is not made a third time', async () => {
    const refusal = { status: 401, date: at(900), message: "'Issued at' claim ('iat') must be an Integer" }
    gitHub = await listen(refusal, refusal, { status: 201 })
    expect(await gitHub.send()).toMatchObject({ status: 401 })
    expect(gitHub.asked).toHaveLength(2)
  })
})

describe('an answer of 2xx that is read as Latin-1', () => {
  const grant = grantFor(
    { id: 7, account: { id: 1, login: 'acme', type: 'Organization' }, app: { id: 3, slug: 'sts' } },
    { repositories: ['app', 'kilo', 'x_1.2-y'] },
  )
  const wanted = { ...grant, permissions: permissions({ contents: 'read', issues: 'write' }) }

  /** What comes of a mint that is answered so. */
  const outcome = async (answer: Answer): Promise<string> => {
    const options = { call: async () => answer, revoke: () => {} }
    try {
      const issued = await requestAccessToken({ grant: wanted, doing: 'minting', retry: 'unreached' }, options)
      return issued.kind === 'issued' ? `${issued.token.token} ${issued.token.expiresAt.toISOString()}` : issued.kind
    } catch (error) {
      if (error instanceof Denial) return error.reason
      throw error
    }
  }
  const asLatin1 = (bytes: Buffer) => outcome(answerOf({ status: 201, headers: {}, chunks: [bytes] }, mintedPart))
  const asUtf8 = (bytes: Buffer) => outcome({ status: 201, headers: {}, body: unlessInvalid(bytes.toString('utf8')) })

  const anyText = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
  const repository = fc.record(
    {
      name: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('app', 'KILO', 'x_1.2-y', '\u212Ailo') }, anyText),
      owner: fc.record({
        login: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('acme', 'ACME') }, anyText),
        id: fc.nat(),
      }),
      description: anyText,
      topics: fc.array(anyText),
      private: fc.boolean(),
    },
    { requiredKeys: ['name'] },
  )
  const body = fc.record(
    {
      token: fc.oneof({ weight: 9, arbitrary: fc.constant('ghs_0123') }, anyText),
      expires_at: fc.oneof({ weight: 9, arbitrary: fc.constant('2026-11-23T01:00:00Z') }, anyText),
      permissions: fc.dictionary(
        fc.oneof({ weight: 9, arbitrary: fc.constantFrom('contents', 'metadata', 'issues') }, anyText),
        fc.oneof({ weight: 9, arbitrary: fc.constant('read') }, anyText),
        { maxKeys: 3 },
      ),
      repository_selection: fc.oneof({ weight: 9, arbitrary: fc.constant('selected') }, anyText),
      repositories: fc.array(repository, { maxLength: 4 }),
    },
    { requiredKeys: ['token', 'expires_at'] },
  )
  const mutations = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean()), { maxLength: 3 })

  test('comes out as by the text it is, but for names that nobody asked for', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(body, mutations, async (value, changes) => {
        const bytes = mutated(Buffer.from(JSON.stringify(value)), changes)
        const [fast, plain] = await Promise.all([asLatin1(bytes), asUtf8(bytes)])
        seen.add(fast)
        // The Kelvin sign is a k in lower case: such a name is taken for another here, which is the safe side.
        if (fast === 'MINT_WIDER_THAN_ASKED' || fast === 'REPOSITORY_RENAMED') return
        expect(fast).toBe(plain)
      }),
      { numRuns: 3_000 },
    )
    expect([...seen].filter((one) => /^[A-Z_]+$/.test(one)).toSorted()).toEqual([
      'GITHUB_UNAVAILABLE',
      'MINT_WIDER_THAN_ASKED',
      'REPOSITORY_RENAMED',
    ])
    expect(seen).toContain('ghs_0123 2026-11-23T01:00:00.000Z')
  })

  test.each([
    ['a description in another script', [{ name: 'app', owner: { login: 'Acme' }, description: 'naïve — 日本語 🚀' }]],
    ['a name in another case', [{ name: 'KILO', owner: { login: 'acme' } }]],
  ])('grants with %s', async (_, repositories) => {
    const bytes = Buffer.from(JSON.stringify({ token: 'ghs_1', expires_at: '2026-11-23T01:00:00Z', repositories }))
    expect(await asLatin1(bytes)).toBe('ghs_1 2026-11-23T01:00:00.000Z')
  })
})

function mutated(bytes: Buffer, changes: readonly (readonly [number, number, boolean])[]): Buffer {
  return changes.reduce((now, [at, byte, isInsertion]) => {
    const place = at % (now.length + 1)
    return Buffer.concat([now.subarray(0, place), Buffer.from([byte]), now.subarray(isInsertion ? place : place + 1)])
  }, bytes)
}

function unlessInvalid(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

test.each([
  ['a refusal', 422, 262_000, true],
  ['a refusal of more than 256 KiB', 422, 262_200, false],
  ['a token for 500 repositories', 201, 4_000_000, true],
])('%s: is it parsed?', (_, status, length, expected) => {
  const bytes = Buffer.from(JSON.stringify({ message: 'x'.repeat(length) }))
  expect(answerOf({ status, headers: {}, chunks: [bytes] }, (body) => body).body !== undefined).toBe(expected)
})

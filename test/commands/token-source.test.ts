import type { IncomingHttpHeaders } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { fetchToken, type TokenSource } from '../../src/commands/token-source.ts'
import { createFolder, type Folder, type SmallServer, serveHttp } from './bench.ts'

const LIMITS = { timeoutMs: 5_000, stop: new AbortController().signal }

let folder: Folder

beforeAll(() => {
  folder = createFolder()
})
afterAll(() => folder.remove())

/** The token, or what was said instead. */
async function got(source: TokenSource, env: Readonly<Record<string, string>> = {}): Promise<string> {
  try {
    return await fetchToken(source, { env: (name) => env[name], folder: folder.path }, LIMITS)
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : ''}`
  }
}

describe('a file', () => {
  test.each([
    ['a token', 'a.b.c', 'a.b.c'],
    ['a token and a line end', 'a.b.c\n', 'a.b.c'],
    ['nothing', ' \n', 'refused: the file "token" is empty: it must hold an OIDC token'],
    ['two lines', 'a.b.c\na.b.c', /^refused: the file "token" holds no token: white space/],
    ['other characters', 'a.ü.c', /^refused: the file "token" holds no token: white space/],
    ['a control character', 'a.\u0007.c', /^refused: the file "token" holds no token: white space/],
    ['more than any token has', 'x'.repeat(20_001), /^refused: the file "token" holds no token: .* more than 20000/],
    ['as much as the service refuses', 'x'.repeat(20_000), 'x'.repeat(20_000)],
  ])('of %s', async (_, text, outcome) => {
    folder.put('token', text)
    const said = await got({ kind: 'file', path: 'token' })
    if (typeof outcome === 'string') expect(said).toBe(outcome)
    else expect(said).toMatch(outcome)
  })

  test('is read each time', async () => {
    folder.put('token', 'first')
    expect(await got({ kind: 'file', path: 'token' })).toBe('first')
    folder.put('token', 'second')
    expect(await got({ kind: 'file', path: 'token' })).toBe('second')
  })

  test('that is a folder, or is not there, is named', async () => {
    expect(await got({ kind: 'file', path: '.' })).toMatch(/^refused: the file ".*" .* cannot be read: EISDIR$/)
    expect(await got({ kind: 'file', path: 'absent' })).toMatch(
      /^refused: the file ".*absent" .* cannot be read: ENOENT$/,
    )
  })
})

test.each([
  ['set', { TOKEN: 'a.b.c' }, 'a.b.c'],
  ['not set', {}, 'refused: the variable TOKEN is not set: it must hold an OIDC token'],
  ['of white space', { TOKEN: ' ' }, 'refused: the variable TOKEN is empty: it must hold an OIDC token'],
])('a variable that is %s', async (_, env, outcome) => {
  expect(await got({ kind: 'env', name: 'TOKEN' }, env)).toBe(outcome)
})

interface Asked {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
}

async function withServer(
  answer: { readonly status: number; readonly headers?: Record<string, string>; readonly body: string },
  work: (server: SmallServer, asked: readonly Asked[]) => Promise<void>,
): Promise<void> {
  const asked: Asked[] = []
  const server = await serveHttp(({ url, headers }, response) => {
    asked.push({ url, headers })
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await work(server, asked)
  await server.close()
}

describe('GitHub Actions', () => {
  const source = { kind: 'github_actions', audience: 'sts.example.com' } as const
  const env = ({ port }: SmallServer) => ({
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job',
  })

  test('is asked with the credential of the job, for the audience', async () => {
    await withServer({ status: 200, body: '{"count":1,"value":"a.b.c"}' }, async (server, asked) => {
      expect(await got(source, env(server))).toBe('a.b.c')
      expect(asked).toMatchObject([
        { url: '/token?api-version=2&audience=sts.example.com', headers: { authorization: 'Bearer of-the-job' } },
      ])
    })
  })

  test.each([
    [403, '{"message":"no"}'],
    [200, '{}'],
    [200, 'null'],
    [200, '<html>'],
  ])('answers %d %s: no token, and nothing of the answer is told', async (status, body) => {
    await withServer({ status, body }, async (server) => {
      expect(await got(source, env(server))).toBe(
        `refused: GitHub Actions answered ${status} to the request for an OIDC token`,
      )
    })
  })

  test.each([
    [{}],
    [{ ACTIONS_ID_TOKEN_REQUEST_URL: 'https://actions.example/' }],
    [{ ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }],
    [{ ACTIONS_ID_TOKEN_REQUEST_URL: 'no url', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }],
  ])('without what a job has (%j), what to do is said', async (variables: Readonly<Record<string, string>>) => {
    expect(await got(source, variables)).toMatch(
      /^refused: ACTIONS_ID_TOKEN_REQUEST_URL .* "permissions: id-token: write"$/,
    )
  })
})

describe('Google Cloud', () => {
  const source = { kind: 'google', audience: 'sts.example.com' } as const
  const flavor = { 'metadata-flavor': 'Google' }

  test("is asked for the machine's service account", async () => {
    await withServer({ status: 200, headers: flavor, body: 'a.b.c' }, async ({ port }, asked) => {
      expect(await got(source, { GCE_METADATA_HOST: `127.0.0.1:${port}` })).toBe('a.b.c')
      expect(asked).toMatchObject([
        {
          url: '/computeMetadata/v1/instance/service-accounts/default/identity?audience=sts.example.com&format=full',
          headers: flavor,
        },
      ])
    })
  })

  test.each([
    ['who is somebody else', 200, {}],
    ['without a service account', 404, flavor],
  ])('%s: no token', async (_, status, headers) => {
    await withServer({ status, headers, body: 'a.b.c' }, async ({ port }) => {
      expect(await got(source, { GCE_METADATA_HOST: `127.0.0.1:${port}` })).toBe(
        `refused: the metadata server of Google Cloud answered ${status} to the request for an OIDC token`,
      )
    })
  })
})

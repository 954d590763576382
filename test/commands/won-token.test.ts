import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createTokenHolder } from '../../src/commands/won-token.ts'
import { type Flow, startFlow } from '../support/flow.ts'
import { serveHttp } from './bench.ts'

const LIMITS = { timeoutMs: 5_000, stop: new AbortController().signal }

let flow: Flow

beforeEach(async () => {
  flow = await startFlow()
})
afterEach(() => flow.close())

async function win(scope: string, identity: string): Promise<string> {
  const { token } = await flow.ask({ scope, identity })
  return token ?? ''
}

test('all repositories of a token are listed, page by page', async () => {
  for (let index = 0; index < 230; index += 1) flow.github.addRepository('acme', `r${index}`)
  flow.policy('acme', 'all')
  const holder = createTokenHolder({ gitHubUrl: flow.github.url })
  const token = await win('acme', 'all')
  const names = new Set(await holder.repositories(token, LIMITS))
  expect(names.size).toBe(234)
  expect([...names]).toEqual(expect.arrayContaining(['acme/.github', 'acme/app', 'acme/r0', 'acme/r229']))
})

test('a list without end is left', async () => {
  const repositories = Array.from({ length: 100 }, () => ({ full_name: 'acme/app' }))
  const endless = await serveHttp((_request, response) =>
    response.end(JSON.stringify({ total_count: 1_000_000, repositories })),
  )
  const holder = createTokenHolder({ gitHubUrl: `http://127.0.0.1:${endless.port}` })
  await expect(holder.repositories('ghs_x', LIMITS)).rejects.toThrow('the token reaches more than 5000 repositories')
  await endless.close()
})

test('a fresh token that GitHub does not know yet is tried again, as often as there are pauses', async () => {
  flow.policy('acme/app', 'ci')
  const token = await win('acme/app', 'ci')
  const holder = createTokenHolder({ gitHubUrl: flow.github.url, pausesMs: [0, 0] })
  const unknown = { kind: 'answer', status: 401, body: { message: 'Bad credentials' } } as const
  flow.github.fault({ route: '/installation/repositories', times: 2 }, unknown)
  await expect(holder.prove(token, LIMITS)).resolves.toBeUndefined()
  flow.github.fault({ route: '/installation/repositories', times: 3 }, unknown)
  await expect(holder.prove(token, LIMITS)).rejects.toThrow('GitHub answered 401')
})

test('a revoked token cannot be used or revoked', async () => {
  flow.policy('acme/app', 'ci')
  const token = await win('acme/app', 'ci')
  const holder = createTokenHolder({ gitHubUrl: flow.github.url, pausesMs: [] })
  await holder.revoke(token, LIMITS)
  await expect(holder.prove(token, LIMITS)).rejects.toThrow('GitHub answered 401 to the use of the token')
  await expect(holder.revoke(token, LIMITS)).rejects.toThrow('GitHub answered 401 to the revocation')
})

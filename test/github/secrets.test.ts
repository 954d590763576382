import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { Fault } from '../../src/sandbox/faults.ts'
import { createWorld, grantFor, never, type World } from './world.ts'

let world: World
afterEach(() => world.close())

describe('no secret', () => {
  test.each<readonly [string, Fault]>([
    ['a wider token', { kind: 'wider-token', repositorySelection: 'all' }],
    ['a reset within the answer', { kind: 'reset-mid-body' }],
    ['a status of no use', { kind: 'answer', status: 200, body: { token: 'ghs_secret', expires_at: 'never' } }],
    ['an error that repeats it', { kind: 'answer', status: 400, body: { message: 'x', token: 'ghs_secret' } }],
    ['an error page', { kind: 'answer', status: 500, body: { message: 'x', token: 'ghs_secret' } }],
    ['a 401', { kind: 'answer', status: 401, body: { message: 'x' } }],
    ['a reset', { kind: 'reset' }],
  ])('is in the refusal, its causes or the log after %s', async (_, fault) => {
    const lines: string[] = []
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
    world = await createWorld({ log })
    const installation = await world.github.findInstallation('acme', never())
    const token = await world.github.mint(grantFor(installation), never())
    world.sandbox.fault({}, fault)
    world.github.revoke(token)
    const denial = await world.github.mint(grantFor(installation), never()).catch((error: unknown) => error)
    await world.github.close()
    log.error({ err: denial }, 'refused')
    const told = `${inspect(denial, { depth: 20, showHidden: true })}${lines.join('')}`
    expect(told).toContain('refused')
    for (const secret of ['ghs_secret', 'eyJ', 'PRIVATE KEY', ...world.sandbox.tokens.keys()]) {
      expect(told).not.toContain(secret)
    }
  })
})

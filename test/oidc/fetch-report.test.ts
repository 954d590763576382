import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { IssuerFetch } from '../../src/oidc/loader.ts'
import type { IssuerFault } from '../../src/sandbox/issuer-faults.ts'
import type { Tracer } from '../../src/terms/tracer.ts'
import { createVerifierWorld, type VerifierWorld } from './verifier-world.ts'

let reports: IssuerFetch[]
let spans: string[]
let world: VerifierWorld

const tracer: Tracer = {
  span(name, work, about) {
    spans.push(`${name} ${about?.kind}`)
    return work({ recording: false, set() {} })
  },
}

beforeEach(async () => {
  reports = []
  spans = []
  world = await createVerifierWorld({ tracer, onFetch: (report) => reports.push(report) })
})
afterEach(() => world.close())

const answer = (status: number): IssuerFault => ({ kind: 'answer', status, body: '{}', headers: {} })

test.each<readonly [string, IssuerFault | undefined, IssuerFetch['outcome']]>([
  ['answers', undefined, 'ok'],
  ['answers 404', answer(404), 'invalid'],
  ['answers 503', answer(503), 'unavailable'],
])('an issuer that %s is reported once, and is one span', async (_, fault, outcome) => {
  if (fault !== undefined) world.issuer.fault('/openid-configuration', fault)
  const token = await world.issuer.sign({ sub: 'workload' })
  await world.reason(token)
  await world.reason(token)
  expect(reports).toEqual([{ issuer: world.issuer.url, outcome, durationMs: expect.any(Number) }])
  expect(spans).toEqual(['issuer keys client'])
})

test('an address that is out of bounds is reported as such', async () => {
  const issuer = 'https://10.0.0.1'
  await world.reason(await world.issuer.sign({ iss: issuer, sub: 'workload' }))
  expect(reports).toEqual([{ issuer, outcome: 'forbidden', durationMs: expect.any(Number) }])
})

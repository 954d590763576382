import { describe, expect, test } from '@jest/globals'
import type { Asking } from '../../src/exchange/decide.ts'
import { once, type SingleUse } from '../../src/exchange/single-use.ts'
import type { Reservations } from '../../src/exchange/stores.ts'
import { Denial, type Reason } from '../../src/terms/denial.ts'
import { parseSubjectToken } from '../../src/terms/subject-token.ts'
import { policyOf } from '../policy/policies.ts'

const NOW_MS = 1_800_000_000_000
const clock = { now: () => NOW_MS, monotonic: () => 0 }
const PAYLOAD = { iss: 'https://issuer.example', sub: 'workload', exp: NOW_MS / 1000 + 600 }
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const asking: Asking = {
  claims: { ...PAYLOAD, aud: ['sts.example'], payload: PAYLOAD },
  scope: { owner: 'acme', repository: 'app' },
  identity: 'once',
  cap: undefined,
  accept: () => {},
}
const use: SingleUse = {
  policy: policyOf(
    'issuer: https://issuer.example\nsubject: workload\npermissions: {contents: read}\nsingle_use: true',
  ),
  subjectToken: parseSubjectToken(`${part({ alg: 'ES256' })}.${part(PAYLOAD)}.c2ln`),
  asking,
}

function reservationsThat(release: Reservations['release']) {
  const lives: number[] = []
  const reserve: Reservations['reserve'] = async (_key, lifeMs) => {
    lives.push(lifeMs)
    return true
  }
  return { lives, reservations: { reserve, release } }
}

test('a use is remembered until the token has expired on replicas whose clock is behind, too', async () => {
  const { lives, reservations } = reservationsThat(async () => {})
  await once(use, { reservations, clock }, async () => 'token')
  expect(lives).toEqual([600_000 + 300_000])
})

describe('the refusal of GitHub is told', () => {
  test.each<[string, Reason]>([
    ['it is certain that nothing was issued', 'MINT_PERMISSION_NOT_GRANTED'],
    ['it is not certain', 'GITHUB_TIMEOUT'],
  ])('when %s, whatever the store does', async (_, reason) => {
    const { reservations } = reservationsThat(async () => {
      throw new Denial('STORE_UNAVAILABLE', 'gone')
    })
    const refused = once(use, { reservations, clock }, async () => {
      throw new Denial(reason, 'no')
    })
    await expect(refused).rejects.toMatchObject({ reason })
  })
})

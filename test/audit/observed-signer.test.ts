import { expect, test } from '@jest/globals'
import type { SignatureReport } from '../../src/audit/metrics.ts'
import { observedSigner } from '../../src/audit/observed-signer.ts'
import type { Signer } from '../../src/terms/app-key.ts'
import { Denial } from '../../src/terms/denial.ts'
import { UNTRACED } from '../../src/terms/tracer.ts'

const SIGNATURE = new Uint8Array([1, 2, 3])

test.each<readonly [string, Error | undefined, SignatureReport['outcome']]>([
  ['signs', undefined, 'ok'],
  ['refuses', new Denial('SIGNER_REFUSED', 'no'), 'refused'],
  ['does not answer', new Denial('SIGNER_UNAVAILABLE', 'no'), 'unavailable'],
  ['has a defect', new TypeError('no'), 'failed'],
])('a signer that %s is reported, and its answer is passed on', async (_, failure, outcome) => {
  const reports: SignatureReport[] = []
  let time = 0
  const sign: Signer = async () => {
    time += 7
    if (failure !== undefined) throw failure
    return SIGNATURE
  }
  const report = (each: SignatureReport) => reports.push(each)
  const observed = observedSigner(sign, { provider: 'aws', tracer: UNTRACED, report, monotonic: () => time })
  const answer = await observed('input').catch((error: unknown) => error)
  expect(answer).toBe(failure ?? SIGNATURE)
  expect(reports).toEqual([{ provider: 'aws', outcome, durationMs: 7 }])
})
